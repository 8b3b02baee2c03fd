import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { createRunStatistics } from '../../../src/runs/run-statistics.ts';
import { createMemoryRunStore } from '../../../src/runs/run-store.ts';
import { normal, seeded } from '../domain/runs/distributions.ts';
import { exportJob, FakePlatform } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

const hourMs = 3_600_000;
const pollMinMs = 2_000;

const ended = (id: string, startMs: number, endMs: number): ExportJob =>
  exportJob(id, startMs, 'SUCCEEDED', {
    metrics: {
      ...exportJob('', 0).metrics,
      totalTime: { startedAt: new Date(startMs), endedAt: new Date(endMs), durationMs: endMs - startMs },
    },
  });

interface Scenario {
  /** Duration of the job, in milliseconds. */
  readonly durationMs: number;
  /** Durations of the earlier runs, in milliseconds. */
  readonly earlierMs: readonly number[];
  readonly expects?: boolean;
  readonly ids?: readonly string[] | null;
  /** Time at which another job is created, in milliseconds after the start of the job. */
  readonly otherAtMs?: number;
}

/** Follows a job from its start to its end, on a platform that ends it after a time. */
async function follow({ durationMs, earlierMs, expects = true, ids = ['job'], otherAtMs }: Scenario) {
  const platform = new FakePlatform();
  const { clock } = platform;
  const startMs = clock.now().getTime();
  platform.put(exportJob('job', startMs));
  earlierMs.forEach((ms, at) => {
    const createdMs = startMs - (at + 1) * 24 * hourMs;
    platform.put(ended(`earlier-${at}`, createdMs, createdMs + ms));
  });
  platform.through = (call) => {
    const nowMs = clock.now().getTime();
    if (nowMs >= startMs + durationMs) platform.put(ended('job', startMs, startMs + durationMs));
    if (otherAtMs !== undefined && nowMs >= startMs + otherAtMs) platform.put(exportJob('other', startMs + otherAtMs));
    return call();
  };
  const logger = { debug: () => undefined };
  const runs = createRunStatistics({ store: createMemoryRunStore({ clock }), clock, logger });
  await using setup = new WatchSetup({ platform, ...(expects ? { runs } : {}) });
  const follower = await setup.follow({ ids });
  const at = (find: (kind: string, id: string) => boolean) =>
    follower.events.find(({ kind, entity }) => find(kind, entity?.id ?? ''))?.observedAt.getTime();
  const endAt = () => at((kind, id) => kind === 'CHANGED' && id === 'job');
  for (let rounds = 0; endAt() === undefined && rounds < 5_000; rounds += 1) await setup.nextRound();
  const otherAt = at((kind, id) => kind === 'CREATED' && id === 'other');
  return {
    polls: platform.count('list'),
    lateMs: (endAt() ?? Infinity) - startMs - durationMs,
    otherLateMs: (otherAt ?? Infinity) - startMs - (otherAtMs ?? 0),
  };
}

describe('the polls of a job of four hours', () => {
  const random = seeded(5);
  const draw = () => 4 * hourMs + 45_000 * normal(random);
  const earlierMs = Array.from({ length: 30 }, draw);
  const usual = earlierMs.toSorted((a, b) => a - b);

  it.each([2, 10, 15, 20, 27])(
    'are at most half of those without earlier runs, and see its end within POLL_MIN_MS: like run %i of 30',
    async (place) => {
      const durationMs = (usual[place] ?? 0) + 500;
      const expecting = await follow({ durationMs, earlierMs });
      const before = await follow({ durationMs, earlierMs, expects: false });
      expect(expecting.lateMs).toBeLessThanOrEqual(pollMinMs);
      expect(expecting.polls).toBeLessThanOrEqual(before.polls / 2);
    },
  );

  it('see a new job of the sandbox as early as before, if a subscription covers the sandbox', async () => {
    const durationMs = usual[15] ?? 0;
    const { otherLateMs, lateMs } = await follow({ durationMs, earlierMs, ids: null, otherAtMs: 2 * hourMs });
    expect(otherLateMs).toBeLessThanOrEqual(30_000);
    // No end is expected of the new job in the meantime, but of the first one.
    expect(lateMs).toBeLessThanOrEqual(pollMinMs);
  });

  it('return to the usual pauses after the longest of the earlier runs', async () => {
    const { lateMs } = await follow({ durationMs: 6 * hourMs, earlierMs });
    expect(lateMs).toBeLessThanOrEqual(30_000);
  });

  it('see an early end after at most five usual pauses', async () => {
    const { lateMs } = await follow({ durationMs: hourMs + 1, earlierMs });
    expect(lateMs).toBeLessThanOrEqual(150_000);
  });
});
