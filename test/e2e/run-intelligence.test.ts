import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { everyStage } from '../support/pace.ts';
import { goldTier, profileDataset, startPlatform, startSteppedPlatform } from '../support/platform.ts';
import {
  CreateExportJobDocument,
  RunOfExportDocument,
  RunsOfExportsDocument,
  RunsOfSegmentationDocument,
  ViewerDocument,
  WatchExportJobsDocument,
  WatchOverdueDocument,
  type WatchOverdueSubscription,
} from './operations.generated.ts';

const hourMs = 3_600_000;

describe('a job after three runs of the same request', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
  let gateway: Gateway;
  const earlier: string[] = [];

  const read = async (id: string) => {
    const { exportJob } = await gateway.query(RunOfExportDocument, { id });
    if (exportJob === null) throw new Error('The job does not exist.');
    return exportJob;
  };

  /** Starts an export of one segment in parts that no seeded job exports. */
  const start = async (...segments: readonly string[]): Promise<string> => {
    const { createExportJob } = await gateway.query(CreateExportJobDocument, {
      input: {
        fields: ['person.name', 'personalEmail'],
        filter: { segments: segments.map((segmentId) => ({ segmentId })) },
        destination: { target: { datasetId: profileDataset } },
      },
    });
    if (createExportJob.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
    return createExportJob.exportJob.id;
  };

  const untilEnded = async (id: string): Promise<void> => {
    await using events = gateway.subscribe(WatchExportJobsDocument, { ids: [id] });
    await clock.runUntil(events.rest());
  };

  beforeAll(async () => {
    platform = await startSteppedPlatform({ clock, profiles: 40 });
    gateway = await startGateway({ platform, clock });
    for (const _ of [1, 2, 3]) {
      const id = await start(goldTier);
      earlier.push(id);
      await untilEnded(id);
    }
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  it('has an expected end, becomes overdue after it, and is compared with the last run at its end', async () => {
    platform.setPace(everyStage([hourMs, hourMs]));
    const id = await start(goldTier);
    const begun = await read(id);
    expect(begun).toMatchObject({
      expectation: { sampleSize: 3, basis: 'SAME_REQUEST' },
      isOverdue: false,
      comparison: null,
      previousRun: { id: earlier.at(-1) },
    });
    const { likelyEndAt = '', latestEndAt = '' } = begun.expectation ?? {};
    const [createdMs, likelyMs, latestMs] = [begun.createdAt, likelyEndAt, latestEndAt].map((time) => Date.parse(time));
    expect(likelyMs).toBeGreaterThan(createdMs ?? Infinity);
    expect(latestMs).toBeGreaterThanOrEqual(likelyMs ?? Infinity);

    await clock.advanceBy((latestMs ?? 0) - clock.now().getTime());
    expect(await read(id)).toMatchObject({ isOverdue: false, progress: 0.99 });
    await clock.advanceBy(1);
    const late = await read(id);
    expect(late).toMatchObject({ isOverdue: true, elapsedMs: clock.now().getTime() - (createdMs ?? 0) });
    const filtered = async (isOverdue: boolean) => {
      const { page } = await gateway.query(RunsOfExportsDocument, { first: 100, filter: { isOverdue } });
      return page.nodes.map((job) => job.id);
    };
    expect(await filtered(true)).toContain(id);
    expect(await filtered(false)).not.toContain(id);

    await untilEnded(id);
    const ended = await read(id);
    expect(ended).toMatchObject({ status: 'SUCCEEDED', progress: 1, expectation: null, isOverdue: false });
    expect(ended.comparison).toMatchObject({
      profilesChange: 0,
      durationChangeMs: (ended.elapsedMs ?? 0) - (ended.comparison?.previousDurationMs ?? 0),
      segmentsAdded: [],
      segmentsRemoved: [],
    });
    expect(ended.comparison?.durationChangeMs).toBeGreaterThan(hourMs);
  });
});

describe('a job that runs longer than earlier jobs', () => {
  it('is sent as OVERDUE once to subscribers of overdue jobs, and as CHANGED at its end', async () => {
    const startsAt = '2026-11-02T08:00:00Z';
    // The stages of the job last as long as this clock stands still.
    const stages = new FakeClock(startsAt);
    const clock = new FakeClock(startsAt);
    await using platform = await startSteppedPlatform({ clock: stages, profiles: 40 });
    await using gateway = await startGateway({ platform, clock, env: { POLL_MIN_MS: '60000', POLL_MAX_MS: '60000' } });
    const destination = { target: { datasetId: profileDataset } };
    const { createExportJob } = await gateway.query(CreateExportJobDocument, { input: { destination } });
    if (createExportJob.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
    const { id } = createExportJob.exportJob;
    const isOf = ({ exportJobChanged: { job } }: WatchOverdueSubscription) => job?.id === id;
    const filter = { isOverdue: true };

    await using all = gateway.subscribe(WatchOverdueDocument, {});
    await all.until(isOf);
    await using events = gateway.subscribe(WatchOverdueDocument, { filter });
    const seen = (await clock.runUntil(events.until(isOf))).filter(isOf).map((data) => data.exportJobChanged);
    expect(seen).toMatchObject([{ kind: 'OVERDUE', previousStatus: 'NEW', job: { status: 'NEW', isOverdue: true } }]);
    const [overdue] = seen;
    expect(Date.parse(overdue?.job?.expectation?.latestEndAt ?? '')).toBeLessThan(clock.now().getTime());

    await using again = gateway.subscribe(WatchOverdueDocument, { filter });
    expect((await again.until(isOf)).filter(isOf)).toMatchObject([
      { exportJobChanged: { kind: 'SNAPSHOT', job: { isOverdue: true } } },
    ]);
    await using resumed = gateway.subscribe(WatchOverdueDocument, { filter, after: overdue?.cursor ?? '' });
    const ending = resumed.until((data) => isOf(data) && data.exportJobChanged.job?.isOverdue === false);
    const [rest] = await Promise.all([clock.runUntil(ending), stages.runUntil(ending)]);
    const kinds = rest.filter(isOf).map((data) => data.exportJobChanged.kind);
    expect(kinds).toEqual(kinds.map(() => 'CHANGED'));
    expect(rest.filter(isOf).at(-1)).toMatchObject({ exportJobChanged: { job: { status: 'SUCCEEDED' } } });
  });
});

describe('the calls of a query with expectations and comparisons', () => {
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  let gateway: Gateway;

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.close());

  const setUp = async () => {
    gateway = await startGateway({ platform });
    await gateway.query(ViewerDocument, {});
    platform.clearRequests();
    return gateway;
  };

  it('are at most one more than without them in the first queries after a start, and none more afterwards', async () => {
    await using gateway = await setUp();
    const readBoth = async () => {
      platform.clearRequests();
      const { page } = await gateway.query(RunsOfExportsDocument, { first: 50 });
      await gateway.query(RunsOfSegmentationDocument, { first: 50 });
      return { jobs: page.nodes, calls: platform.requests.length };
    };
    const first = await readBoth();
    expect(first.jobs).toHaveLength(50);
    expect(first.jobs.filter(({ comparison }) => comparison !== null).length).toBeGreaterThan(30);
    expect(first.calls).toBeLessThanOrEqual(3);
    expect((await readBoth()).calls).toBe(2);
  });

  it('include one page of earlier runs for a single job, so that its end is expected right after a start', async () => {
    await using gateway = await setUp();
    const { page } = await gateway.query(RunsOfExportsDocument, { first: 100, filter: { statuses: ['PROCESSING'] } });
    const [running] = page.nodes;
    await using other = await startGateway({ platform });
    await other.query(ViewerDocument, {});
    platform.clearRequests();
    const { exportJob } = await other.query(RunOfExportDocument, { id: running?.id ?? '' });
    expect(exportJob?.expectation).not.toBeNull();
    // The job, the page, and the previous run.
    expect(platform.requests).toHaveLength(3);
    platform.clearRequests();
    await other.query(RunOfExportDocument, { id: running?.id ?? '' });
    expect(platform.requests).toHaveLength(2);
  });
});
