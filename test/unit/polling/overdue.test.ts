import { describe, expect, it } from 'vitest';
import { type ExportJob, matchesExportJobFilter } from '../../../src/domain/export-job.ts';
import { isMarkedOverdue } from '../../../src/domain/reading-times.ts';
import { exportRun, exportShape } from '../../../src/domain/runs/run.ts';
import { RunIndex } from '../../../src/domain/runs/run-index.ts';
import { Lateness } from '../../../src/polling/lateness.ts';
import { createRunStatistics } from '../../../src/runs/run-statistics.ts';
import { createMemoryRunStore } from '../../../src/runs/run-store.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { distributions, seeded } from '../domain/runs/distributions.ts';
import { exportJob, FakePlatform, type Follower } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

const minuteMs = 60_000;

const timed = (startMs: number, endMs: number): Partial<ExportJob> => ({
  metrics: {
    ...exportJob('', 0).metrics,
    totalTime: { startedAt: new Date(startMs), endedAt: new Date(endMs), durationMs: endMs - startMs },
  },
});

const statistics = (clock: Clock) =>
  createRunStatistics({ store: createMemoryRunStore({ clock }), clock, logger: { debug: () => undefined } });

/** Ten successful runs of ten minutes, long before now. */
const earlierRuns = (nowMs: number): readonly ExportJob[] =>
  Array.from({ length: 10 }, (_, at) => {
    const createdAtMs = nowMs - (at + 2) * 60 * minuteMs;
    return exportJob(`earlier-${at}`, createdAtMs, 'SUCCEEDED', timed(createdAtMs, createdAtMs + 10 * minuteMs));
  });

function platformWithRuns() {
  const platform = new FakePlatform();
  const nowMs = platform.clock.now().getTime();
  platform.put(...earlierRuns(nowMs), exportJob('job', nowMs));
  return { platform, runs: statistics(platform.clock) };
}

const kindsOf = ({ events }: Follower, id = 'job') =>
  events.flatMap(({ kind, entity }) => (entity?.id === id ? [kind] : []));
const overdueOf = (follower: Follower) => kindsOf(follower).filter((kind) => kind === 'OVERDUE');

const isOverdue = (wanted: boolean) => (job: ExportJob) => matchesExportJobFilter(job, { isOverdue: wanted });

describe('a job that runs twice as long as usual', () => {
  it('is sent as OVERDUE within two polls after its latest expected end, and once', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const follower = await setup.follow();
    await setup.pass(10 * minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT']);
    const calls = setup.platform.count('list');
    while (overdueOf(follower).length === 0) await setup.nextRound();
    expect(setup.platform.count('list') - calls).toBeLessThanOrEqual(2);
    const [event] = follower.events.filter(({ kind }) => kind === 'OVERDUE');
    expect(event?.entity?.overdueAt).toEqual(event?.entity?.observedAt);
    expect(event?.previous).toMatchObject({ status: 'PROCESSING' });
    await setup.pass(10 * minuteMs);
    setup.platform.set('job', 'SUCCEEDED');
    await setup.pass(minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT', 'OVERDUE', 'CHANGED']);
    expect(isMarkedOverdue(jobOf(follower))).toBe(false);
  });

  it('is sent after the change of the same round, which it continues', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const follower = await setup.follow();
    await setup.pass(10 * minuteMs);
    setup.platform.set('job', 'CANCELLING');
    while (overdueOf(follower).length === 0) await setup.nextRound();
    expect(kindsOf(follower)).toEqual(['SNAPSHOT', 'CHANGED', 'OVERDUE']);
    expect(follower.events.at(-1)?.previous).toBe(follower.events.at(-2)?.entity);
  });

  it('is sent as OVERDUE only to subscribers that had not received it before they left', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const early = await setup.follow();
    const constant = await setup.follow();
    early.leave();
    await setup.pass(11 * minuteMs);
    expect(overdueOf(constant)).toHaveLength(1);
    const missed = await setup.follow({ after: early.cursor });
    const complete = await setup.follow({ after: constant.cursor });
    const again = await setup.follow();
    expect([missed, complete, again].map((follower) => kindsOf(follower))).toEqual([['OVERDUE'], [], ['SNAPSHOT']]);
    expect(isMarkedOverdue(jobOf(again))).toBe(true);
    await setup.pass(5 * minuteMs);
    expect([constant, missed, complete, again].flatMap(overdueOf)).toHaveLength(2);
  });

  it('becomes overdue while the feed stands still, and is sent once when it continues', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const first = await setup.follow();
    first.leave();
    await setup.pass(9 * minuteMs);
    const again = await setup.follow({ after: first.cursor });
    await setup.pass(3 * minuteMs);
    expect(overdueOf(again)).toHaveLength(1);
  });

  it('is only in the snapshot if it was overdue before the feed began', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    await setup.pass(20 * minuteMs);
    const follower = await setup.follow({ matches: isOverdue(true) });
    await setup.pass(minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT']);
    expect(isMarkedOverdue(jobOf(follower))).toBe(true);
  });

  it('is not replayed as OVERDUE if it was overdue before it came within reach', async () => {
    const { platform, runs } = platformWithRuns();
    const nowMs = platform.clock.now().getTime();
    platform.put(...Array.from({ length: 120 }, (_, at) => exportJob(`newer-${at}`, nowMs + 1 + at, 'FAILED')));
    await using setup = new WatchSetup({ platform, runs });
    await setup.pass(20 * minuteMs);
    platform.put(exportJob('other', setup.clock.now().getTime()));
    const named = await setup.follow({ ids: ['other', ...earlierRuns(nowMs).map(({ id }) => id)] });
    await setup.follow();
    const resumed = await setup.follow({ after: named.cursor });
    expect(kindsOf(resumed)).toEqual([]);
    await setup.pass(minuteMs);
    expect(kindsOf(resumed)).toEqual([]);
  });

  it('is only in CREATED if it was removed while it was overdue, and reappears', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const follower = await setup.follow();
    await setup.pass(11 * minuteMs);
    const hidden = setup.platform.hide('job');
    await setup.pass(minuteMs);
    hidden.end();
    await setup.pass(minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT', 'OVERDUE', 'REMOVED', 'CREATED']);
    expect(isMarkedOverdue(jobOf(follower))).toBe(true);
  });

  it('enters the filter of overdue jobs with OVERDUE, and leaves it at its end', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const only = await setup.follow({ matches: isOverdue(true) });
    const others = await setup.follow({ matches: isOverdue(false) });
    await setup.pass(11 * minuteMs);
    setup.platform.set('job', 'FAILED');
    await setup.pass(minuteMs);
    expect(only.kinds).toEqual(['OVERDUE job PROCESSING', 'CHANGED job FAILED']);
    expect(kindsOf(others)).toEqual(['SNAPSHOT', 'OVERDUE', 'CHANGED']);
  });

  it('is written once to the log of two replicas, also when the lease passes to the other one', async () => {
    const clock = new FakePlatform().clock;
    await using setup = new ReplicaSetup({ runs: statistics(clock) });
    const nowMs = setup.clock.now().getTime();
    setup.platform.put(...earlierRuns(nowMs), exportJob('job', nowMs));
    const [one, other] = setup.replicas;
    const followers = [await one.follow({}, 'one'), await other.follow({}, 'other')];
    await setup.pass(11 * minuteMs);
    await setup.expire();
    await setup.notice();
    await setup.pass(5 * minuteMs);
    expect(followers.map(overdueOf)).toEqual([['OVERDUE'], ['OVERDUE']]);
  });

  it('causes no call', async () => {
    const callsWith = async (runs: ConstructorParameters<typeof WatchSetup>[0]) => {
      await using setup = new WatchSetup(runs);
      await setup.follow();
      await setup.pass(5 * minuteMs);
      return setup.platform.calls.map(({ kind }) => kind);
    };
    const { platform, runs } = platformWithRuns();
    const expecting = await callsWith({ platform, runs });
    const { platform: same } = platformWithRuns();
    expect(expecting.length).toBeLessThanOrEqual((await callsWith({ platform: same })).length);
    expect(new Set(expecting)).toEqual(new Set(['prove', 'list']));
  });
});

describe('a job while the clocks disagree', () => {
  it('is not overdue because the wall clock of the gateway is set forward by hours, and is so at its time', async () => {
    await using setup = new WatchSetup(platformWithRuns());
    const follower = await setup.follow();
    await setup.pass(minuteMs);
    setup.clock.setWallClock(5 * 60 * minuteMs);
    await setup.pass(8 * minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT']);
    await setup.pass(3 * minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT', 'OVERDUE']);
  });

  it.each([-1, 1])(
    'is not overdue at its creation if they differ by years (%s), and is so at its time',
    async (sign) => {
      const { platform, runs } = platformWithRuns();
      platform.clock.setWallClock(sign * 3 * 365 * 24 * 60 * minuteMs);
      await using setup = new WatchSetup({ platform, runs });
      const follower = await setup.follow();
      await setup.pass(minuteMs);
      const platformMs = setup.clock.now().getTime() - sign * 3 * 365 * 24 * 60 * minuteMs;
      setup.platform.put(exportJob('new', platformMs));
      await setup.pass(9 * minuteMs);
      expect(kindsOf(follower, 'new')).toEqual(['CREATED']);
      await setup.pass(3 * minuteMs);
      expect(kindsOf(follower, 'new')).toEqual(['CREATED', 'OVERDUE']);
    },
  );
});

describe('a job that ends in time', () => {
  it('is never sent as OVERDUE, even if its end is read later', async () => {
    await using setup = new WatchSetup({ ...platformWithRuns(), pollMinMs: 20_000 });
    const follower = await setup.follow();
    await setup.pass(9 * minuteMs);
    setup.platform.set('job', 'SUCCEEDED');
    await setup.pass(10 * minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT', 'CHANGED']);
  });

  it('has no expected end without earlier runs', async () => {
    const platform = new FakePlatform();
    platform.put(exportJob('job', platform.clock.now().getTime()));
    await using setup = new WatchSetup({ platform, runs: statistics(platform.clock) });
    const follower = await setup.follow();
    await setup.pass(60 * minuteMs);
    expect(kindsOf(follower)).toEqual(['SNAPSHOT']);
  });
});

describe('the marks of 1,000 normal runs, each after the 30 runs before it', () => {
  const pollMs = 30_000;
  const cases = Object.entries(distributions).map(([name, draw]) => ({ name, draw }));

  it.each(cases)('are at most 11 percent: $name', ({ draw }) => {
    const random = seeded(1);
    const durations = Array.from({ length: 1_030 }, () => draw(random));
    const runs = durations.map((durationMs, at) => {
      const startMs = at * 1e9;
      return exportRun(exportJob(`${at}`, startMs, 'SUCCEEDED', timed(startMs, startMs + durationMs)));
    });
    let marks = 0;
    for (let at = 30; at < durations.length; at += 1) {
      const createdMs = at * 1e9;
      const endMs = createdMs + (durations[at] ?? 0);
      const index = new RunIndex(runs.slice(at - 30, at).filter((run) => run !== null));
      const expected = {
        note: () => undefined,
        ready: () => undefined,
        expectation: (job: ExportJob) => index.expectation(exportShape(job)),
      };
      const lateness = new Lateness<ExportJob>({
        runsOf: () => expected,
        runs: expected,
        key: ({ id }) => id,
        isTerminal: ({ status }) => status === 'SUCCEEDED',
        timesOf: (job) => job,
        clock: new FakeClock(),
        pollMinMs: 2_000,
        pollMaxMs: 30_000,
        overdueAt: ({ overdueAt }) => overdueAt,
        marked: (job, overdueAt) => ({ ...job, overdueAt }),
      });
      // The last poll that still shows the job running decides.
      const lastPollMs = createdMs + Math.floor((endMs - createdMs - 1) / pollMs) * pollMs;
      const requestedAt = new Date(lastPollMs);
      const job = { ...exportJob('job', createdMs), requestedAt };
      marks += lateness.overdue([job], new Map([['job', job]])).size;
    }
    expect(marks).toBeLessThanOrEqual(110);
    expect(marks).toBeGreaterThan(30);
  });
});

function jobOf({ view }: Follower): ExportJob {
  const job = view.get('job');
  if (job === undefined) throw new Error('The job is not in the view.');
  return job;
}
