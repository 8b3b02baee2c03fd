import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, PlatformClient, runUntil } from './platform-client.ts';
import {
  define,
  evaluate,
  exportedRows,
  redefine,
  type SegmentJobRecord,
  segmentJobUntil,
} from './segmentation-client.ts';

/** Expressions of the segment before and after the second evaluation. */
const before = 'loyalty.points < 5000';
const after = 'loyalty.points >= 2500 and loyalty.points < 10000';

interface Person {
  readonly _id: string;
  readonly loyalty?: { readonly points?: number } | null;
}

describe('memberships after two evaluations', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;
  let segment: string;
  let first: SegmentJobRecord;
  let second: SegmentJobRecord;
  let everyone: readonly Person[];

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 300, clock });
    client = await connect(emulator.url);
    everyone = await peopleOf({});
    segment = await define(client, 'Moving', before);
    first = await segmentJobUntil(client, clock, (await evaluate(client, segment)).id);
    await redefine(client, segment, after);
    await clock.advanceBy(60_000);
    second = await segmentJobUntil(client, clock, (await evaluate(client, segment)).id);
  });

  afterAll(() => emulator.close());

  async function peopleOf(body: Record<string, unknown>): Promise<readonly Person[]> {
    const { id } = await client.export({ fields: '_id,loyalty.points', ...body });
    const job = await runUntil(client, clock, id);
    expect(job.status).toBe('SUCCEEDED');
    const rows = await exportedRows(client, job.destination.batchId);
    expect(rows).toHaveLength(Number(job.metrics.totalExportedProfileCounter));
    return rows.map((row) => ({ ...row, _id: String(row['_id']) }));
  }

  const idsOf = (people: readonly Person[]) => people.map(({ _id }) => _id).sort();
  const withPoints = (from: number, to: number) =>
    idsOf(everyone.filter(({ loyalty }) => (loyalty?.points ?? -1) >= from && (loyalty?.points ?? -1) < to));
  const members = (status: readonly string[], window: Record<string, unknown> = {}) =>
    peopleOf({
      filter: {
        segments: [{ segmentId: segment, segmentNs: 'ups', status }],
        ...(Object.keys(window).length > 0 && { segmentQualificationTime: window }),
      },
    }).then(idsOf);

  it('are counted as realized, existing and exited', () => {
    const counters = (job: SegmentJobRecord) => job.metrics?.segmentedProfileByStatusCounter?.[segment];
    expect(counters(first)).toEqual({ realized: withPoints(0, 5_000).length, existing: 0, exited: 0 });
    expect(counters(second)).toEqual({
      realized: withPoints(5_000, 10_000).length,
      existing: withPoints(2_500, 5_000).length,
      exited: withPoints(0, 2_500).length,
    });
    for (const count of Object.values(counters(second) ?? {})) expect(count).toBeGreaterThan(10);
  });

  it.each([
    ['realized', 5_000, 10_000],
    ['existing', 2_500, 5_000],
    ['exited', 0, 2_500],
  ])('select exactly the %s for an export by status', async (status, from, to) => {
    expect(await members([status])).toEqual(withPoints(from, to));
  });

  it('select new and former members by the qualification time of this evaluation, and remaining members by the earlier time', async () => {
    const all = ['realized', 'existing', 'exited'];
    const since = new Date(first.updateTime + 1).toISOString();
    expect(await members(all, { startTime: since })).toEqual(
      [...withPoints(0, 2_500), ...withPoints(5_000, 10_000)].sort(),
    );
    expect(await members(all, { endTime: since })).toEqual(withPoints(2_500, 5_000));
    expect(await members(['realized'], { startTime: new Date(second.updateTime + 1).toISOString() })).toEqual([]);
  });

  it('belong to their sandbox', async () => {
    const dev = await connect(emulator.url, 'dev');
    const { id } = await evaluate(dev, segment);
    expect(await segmentJobUntil(dev, clock, id)).toMatchObject({ status: 'FAILED' });
    expect(await members(['existing'])).toEqual(withPoints(2_500, 5_000));
  });
});

describe('an export with segmentation', () => {
  const withSegmentation = (segmentId?: string) => ({
    fields: '_id',
    ...(segmentId !== undefined && { filter: { segments: [{ segmentId, status: ['realized'] }] } }),
    evaluationInfo: { segmentation: true },
  });

  it('exports the current members of the segment, and does not change other segments', async () => {
    const clock = new FakeClock('2026-11-02T08:00:00Z');
    await using emulator = await startEmulator({ profiles: 100, clock });
    const client = await connect(emulator.url);
    const segment = await define(client, 'Points', before);
    const other = await define(client, 'Others', before);
    const without = await runUntil(
      client,
      clock,
      (await client.export({ ...withSegmentation(segment), evaluationInfo: {} })).id,
    );
    expect(without.metrics.totalExportedProfileCounter).toBe(0);

    const job = await runUntil(client, clock, (await client.export(withSegmentation(segment))).id);
    expect(job.status).toBe('SUCCEEDED');
    expect(job.metrics.totalExportedProfileCounter).toBeGreaterThan(10);
    expect(job).not.toHaveProperty('evaluationInfo');
    const ofOther = { filter: { segments: [{ segmentId: other }] }, fields: '_id' };
    const untouched = await runUntil(client, clock, (await client.export(ofOther)).id);
    expect(untouched.metrics.totalExportedProfileCounter).toBe(0);

    await runUntil(client, clock, (await client.export(withSegmentation())).id);
    const evaluated = await runUntil(client, clock, (await client.export(ofOther)).id);
    expect(evaluated.metrics.totalExportedProfileCounter).toBe(job.metrics.totalExportedProfileCounter);
  });

  it('fails with the position of the error in the expression', async () => {
    const clock = new FakeClock('2026-11-02T08:00:00Z');
    await using emulator = await startEmulator({ profiles: 20, clock });
    const client = await connect(emulator.url);
    const segment = await define(client, 'Not PQL', 'loyalty.points soundsLike 3');
    const job = await runUntil(client, clock, (await client.export(withSegmentation(segment))).id);
    expect(job).toMatchObject({ status: 'FAILED', errors: [{ msg: expect.stringContaining('line 1, column 16') }] });
  });

  it('evaluates once, even when it is interrupted and resumed', async () => {
    const clock = new FakeClock('2026-11-02T08:00:00Z');
    const directory = await mkdtemp(join(tmpdir(), 'aep-segmentation-'));
    try {
      const start = () => startEmulator({ profiles: 100, clock, directory, pace: { newMs: [0, 0] } });
      const first = await start();
      const client = await connect(first.url);
      const segment = await define(client, 'Points', before);
      const { id } = await client.export(withSegmentation(segment));
      // The job has evaluated its segments and written its files, and waits for the end of the stage.
      await clock.sleeping();
      await first.close();

      await using second = await start();
      const again = new PlatformClient(second.url, client.headers);
      expect(await again.job(id)).toMatchObject({ status: 'PROCESSING' });
      const job = await runUntil(again, clock, id);
      expect(job.metrics.totalExportedProfileCounter).toBeGreaterThan(10);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('keeps members realized while they stay, in the newer model', async () => {
    const clock = new FakeClock('2026-11-02T08:00:00Z');
    await using emulator = await startEmulator({ profiles: 100, clock, quirks: { membershipModel: 'two-state' } });
    const client = await connect(emulator.url);
    const segment = await define(client, 'Points', before);
    await segmentJobUntil(client, clock, (await evaluate(client, segment)).id);
    const { metrics } = await segmentJobUntil(client, clock, (await evaluate(client, segment)).id);
    const counter = metrics?.segmentedProfileByStatusCounter?.[segment];
    expect(counter).toEqual({ realized: metrics?.segmentedProfileCounter?.[segment], exited: 0 });
    expect(counter?.['realized']).toBeGreaterThan(10);
  });
});
