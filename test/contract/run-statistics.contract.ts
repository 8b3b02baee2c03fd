import { describe, expect, it, vi } from 'vitest';
import type { ExportJob } from '../../src/domain/export-job.ts';
import { createRunStatistics, type RunStatistics } from '../../src/runs/run-statistics.ts';
import type { RunStore } from '../../src/runs/run-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tenantOf } from '../support/tenants.ts';
import { exportJob, segmentJob } from '../unit/loaders/entities.ts';

export const minuteMs = 60_000;

/** An ended export that took some minutes. */
export function endedExport(id: string, minutes = 10, more: Partial<ExportJob> = {}): ExportJob {
  const createdAtMs = Number(id) * minuteMs;
  const endedAt = new Date(createdAtMs + minutes * minuteMs);
  const totalTime = { startedAt: new Date(createdAtMs), endedAt, durationMs: minutes * minuteMs };
  return exportJob(id, createdAtMs, { metrics: { ...exportJob('', 0).metrics, totalTime }, ...more });
}

export const endedExports = (count: number, minutes = 10): readonly ExportJob[] =>
  Array.from({ length: count }, (_, at) => endedExport(String(at + 1), minutes));

export const runningExport = exportJob('1000', 1_000 * minuteMs, { status: 'PROCESSING' });

/** Statistics of one replica. */
export const statisticsOf = (store: RunStore, clock = new FakeClock()): RunStatistics =>
  createRunStatistics({ store, clock, logger: { debug: () => undefined } });

const prod = tenantOf('prod');

/** Tests that statistics over every store of runs must pass. */
export function runStatisticsContract(name: string, make: (clock: FakeClock) => Promise<RunStore>): void {
  const setUp = async () => {
    const clock = new FakeClock();
    const store = await make(clock);
    const { exportJobs: runs } = statisticsOf(store, clock).of(prod);
    await runs.ready();
    return { clock, store, runs };
  };

  describe(name, () => {
    it('expects the end of a job from the ended jobs that were read', async () => {
      const { runs } = await setUp();
      runs.note([...endedExports(2), runningExport]);
      expect(runs.expectation(runningExport)).toBeNull();
      runs.note(endedExports(3));
      expect(runs.expectation(runningExport)).toMatchObject({ sampleSize: 3, basis: 'SAME_REQUEST' });
    });

    it('ignores jobs that have not ended, until they have', async () => {
      const { runs } = await setUp();
      runs.note([...endedExports(2), endedExport('3', 10, { status: 'PROCESSING' })]);
      expect(runs.expectation(runningExport)).toBeNull();
      runs.note([endedExport('3')]);
      expect(runs.expectation(runningExport)).toMatchObject({ sampleSize: 3 });
    });

    it('uses the times of an ended job that the platform reports later', async () => {
      const { runs } = await setUp();
      runs.note([...endedExports(2), exportJob('3', 3 * minuteMs)]);
      expect(runs.expectation(runningExport)).toBeNull();
      runs.note([endedExport('3')]);
      expect(runs.expectation(runningExport)).toMatchObject({ sampleSize: 3 });
    });

    it('expects no end of an ended job, and compares it with its previous run', async () => {
      const { runs } = await setUp();
      runs.note([endedExport('1', 10), endedExport('2', 12)]);
      expect(runs.expectation(endedExport('3'))).toBeNull();
      expect(runs.previous(runningExport)?.id).toBe('2');
      expect(runs.comparison(endedExport('3', 15))).toMatchObject({
        previousDurationMs: 12 * minuteMs,
        durationChangeMs: 3 * minuteMs,
      });
      expect(runs.comparison(runningExport)).toBeNull();
    });

    it('separates tenants and kinds', async () => {
      const { store, clock, runs } = await setUp();
      runs.note(endedExports(3));
      const statistics = statisticsOf(store, clock);
      await Promise.all([statistics.of(tenantOf('dev')).exportJobs.ready(), statistics.of(prod).segmentJobs.ready()]);
      expect(statistics.of(tenantOf('dev')).exportJobs.expectation(runningExport)).toBeNull();
      expect(statistics.of(prod).segmentJobs.previous(segmentJob('1000', 1_000 * minuteMs))).toBeNull();
    });

    it('reads one page for all callers if few runs are known, and none for the tenant in the next ten minutes', async () => {
      const { clock, store, runs } = await setUp();
      const readPage = vi.fn(async () => endedExports(20));
      await Promise.all([runs.ready(readPage), runs.ready(readPage)]);
      expect(runs.expectation(runningExport)).toMatchObject({ sampleSize: 20 });
      const { segmentJobs } = statisticsOf(store, clock).of(prod);
      await segmentJobs.ready(async () => {
        await readPage();
        return [];
      });
      await runs.ready(readPage);
      expect(readPage).toHaveBeenCalledTimes(1);
    });

    it('reads no page if 30 successful runs are known', async () => {
      const { runs } = await setUp();
      runs.note(endedExports(30));
      const readPage = vi.fn(async () => []);
      expect(runs.ready(readPage)).toBeUndefined();
      expect(readPage).not.toHaveBeenCalled();
    });

    it('remains usable when the page cannot be read', async () => {
      const { runs } = await setUp();
      runs.note(endedExports(3));
      await runs.ready(() => Promise.reject(new Error('The platform failed.')));
      expect(runs.expectation(runningExport)).toMatchObject({ sampleSize: 3 });
    });
  });
}
