import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { profileDataset, startPlatform, startSteppedPlatform } from '../support/platform.ts';
import {
  CancelExportJobDocument,
  CreateExportJobDocument,
  ExportJobsDocument,
  ViewerDocument,
  WatchExportJobsDocument,
  type WatchExportJobsSubscription,
} from './operations.generated.ts';

type Platform = Awaited<ReturnType<typeof startPlatform>>;

const listPath = '/data/core/ups/export/jobs';

describe('calls to the platform', () => {
  let platform: Platform;
  let clock: FakeClock;
  let gateway: Gateway;

  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.close());

  beforeEach(async () => {
    clock = new FakeClock();
    gateway = await startGateway({ platform, clock });
    // The token of the gateway's credential is fetched once, before calls are counted.
    await gateway.query(ViewerDocument, {});
    platform.clearRequests();
    return () => gateway.close();
  });

  it('are three for a page of 50 jobs with their datasets and batches', async () => {
    const { exportJobs } = await gateway.query(ExportJobsDocument, { first: 50 });
    const batches = exportJobs.nodes.flatMap(({ destination }) => destination.batches);
    expect(exportJobs.nodes).toHaveLength(50);
    expect(exportJobs.nodes.every(({ destination }) => destination.dataset !== null)).toBe(true);
    expect(batches.length).toBeGreaterThan(40);
    expect(batches.every(({ batch }) => batch !== null)).toBe(true);
    // Datasets and batches are requested in parallel.
    expect(platform.requests.map(({ path }) => serviceOf(path)).toSorted()).toEqual([
      'catalog/batches',
      'catalog/dataSets',
      'export/jobs',
    ]);
  });

  it('do not exceed the rate that the operator permits', async () => {
    const slowClock = new FakeClock();
    await using slow = await startGateway({ platform, clock: slowClock, env: { UPSTREAM_CALLS_PER_SECOND: '2' } });
    const ask = () => slow.send('{ exportJobs(first: 1) { nodes { status } } }');
    expect([(await ask()).errors, (await ask()).errors]).toEqual([[], []]);
    platform.clearRequests();
    const third = ask();
    await slowClock.sleeping();
    expect(platform.requests).toEqual([]);
    await slowClock.advanceBy(500);
    expect((await third).errors).toEqual([]);
    expect(platform.requests).toHaveLength(1);
  });

  it('are as many for fifty subscribers as for one', async () => {
    const callsFor = async (subscribers: number): Promise<readonly string[]> => {
      const ownClock = new FakeClock();
      await using own = await startGateway({ platform, clock: ownClock });
      await own.query(ViewerDocument, {});
      platform.clearRequests();
      const streams: EventStream<WatchExportJobsSubscription>[] = [];
      try {
        for (let index = 0; index < subscribers; index += 1) {
          const events = own.subscribe(WatchExportJobsDocument, {});
          streams.push(events);
          const first = await events.take();
          expect(first?.exportJobChanged.kind).toBe('SNAPSHOT');
        }
        expect(await own.metric('aep_watch_subscribers')).toBe(subscribers);
        for (let round = 0; round < 5; round += 1) {
          await ownClock.tick();
          await ownClock.sleeping();
        }
        return platform.requests.map(({ method, path }) => `${method} ${path}`);
      } finally {
        await Promise.all(streams.map((events) => events[Symbol.asyncDispose]()));
      }
    };
    const forOne = await callsFor(1);
    expect(forOne).toHaveLength(6);
    expect(await callsFor(50)).toEqual(forOne);
  });

  it('stop when the last subscriber has left', async () => {
    {
      await using one = gateway.subscribe(WatchExportJobsDocument, {});
      await using other = gateway.subscribe(WatchExportJobsDocument, {}, { transport: 'sse' });
      await Promise.all([one.take(), other.take()]);
      await one.complete();
      await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
      const before = platform.requests.length;
      await clock.tick();
      await clock.sleeping();
      expect(platform.requests.length).toBe(before + 1);
    }
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
    const before = platform.requests.length;
    await clock.advanceBy(600_000);
    expect(await gateway.metric('aep_watch_feeds')).toBe(0);
    expect(platform.requests.length).toBe(before);
    expect(clock.pending()).toBe(0);
  });

  it('are made at once after a create and after a cancel, without waiting for the next round', async () => {
    const stages = new FakeClock();
    await using own = await startSteppedPlatform({ clock: stages });
    await using standing = await startGateway({ platform: own, clock });
    await using events = standing.subscribe(WatchExportJobsDocument, { filter: { datasetId: profileDataset } });
    // Every past job of the dataset is emitted first. A job that is created later is not a snapshot.
    const snapshots = events.until(({ exportJobChanged }) => exportJobChanged.kind !== 'SNAPSHOT');
    await eventually(async () => expect(await standing.metric('aep_watch_rounds_total')).toBe(1));

    const { createExportJob } = await standing.query(CreateExportJobDocument, {
      input: { destination: { target: { datasetId: profileDataset } } },
    });
    const id = createExportJob.__typename === 'CreateExportJobPayload' ? createExportJob.exportJob.id : '';
    expect((await snapshots).at(-1)?.exportJobChanged).toMatchObject({ kind: 'CREATED', job: { id, status: 'NEW' } });

    await standing.query(CancelExportJobDocument, { id });
    expect((await events.take())?.exportJobChanged).toMatchObject({
      kind: 'CHANGED',
      previousStatus: 'NEW',
      job: { id, status: 'CANCELLING' },
    });
    expect(clock.now()).toEqual(new FakeClock().now());
    expect(own.requests.some(({ path }) => path.startsWith(listPath))).toBe(true);
  });
});

/** Returns `catalog/batches` for `/data/foundation/catalog/batches/…`. */
const serviceOf = (path: string) => /(catalog|export)\/\w+/.exec(path)?.[0];
