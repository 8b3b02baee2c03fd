import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { everyStage } from '../support/pace.ts';
import { type Emulator, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { transports } from '../support/transports.ts';
import {
  type CreateExportJobInput,
  StartExportDocument,
  WatchExportBatchesDocument,
  type WatchExportBatchesSubscription,
} from './operations.generated.ts';

const destination = { target: { datasetId: profileDataset } };

/**
 * Describes an event by its kind, the status of the job and of its batch, and the number of files: `CHANGED SUCCEEDED
 * STAGING 0`.
 */
function described({ exportJobChanged: { kind, changed } }: WatchExportBatchesSubscription): string {
  const batch = changed?.target?.written[0]?.batch;
  return [kind, changed?.status, batch?.status, batch?.files?.nodes.length].join(' ').trimEnd();
}

describe('the batches of an export job', () => {
  let stages: FakeClock;
  let platform: Emulator;
  let gateway: Gateway;

  beforeEach(async () => {
    stages = new FakeClock();
    const pace = { ...everyStage([1_000, 1_000]), promotingMs: [2_000, 2_000] as const };
    platform = await startPlatform({ clock: stages, profiles: 40, pace });
    gateway = await startGateway({ platform });
  });
  afterEach(async () => {
    await gateway.close();
    await platform.close();
  });

  const start = async (input: Partial<CreateExportJobInput> = {}) => {
    const { createExportJob } = await gateway.query(StartExportDocument, { input: { destination, ...input } });
    if (createExportJob?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
    return createExportJob.exportJob.id;
  };

  const batchCalls = () => platform.requests.filter(({ path }) => path.includes('/catalog/batches')).length;

  it.each(transports)('are followed after the end of the job, until their files exist (%s)', async (transport) => {
    const id = await start();
    await using events = gateway.subscribe(WatchExportBatchesDocument, { ids: [id] }, { transport });
    const seen = [await events.take()];
    const until = async (wanted: string) => {
      await stages.tick();
      seen.push(...(await events.until((data) => described(data) === wanted)));
    };
    await until('CHANGED PROCESSING PROCESSING 0');
    await stages.tick();
    await until('CHANGED SUCCEEDED LOADED 0');
    await until('CHANGED SUCCEEDED STAGING 0');
    await until('CHANGED SUCCEEDED SUCCESS 1');
    expect(await events.take()).toBeNull();
    expect(seen.map((data) => data && described(data)).filter((text) => text?.includes('SUCCEEDED'))).toEqual([
      'CHANGED SUCCEEDED LOADED 0',
      'CHANGED SUCCEEDED STAGING 0',
      'CHANGED SUCCEEDED SUCCESS 1',
    ]);
    const calls = batchCalls();
    await using again = gateway.subscribe(WatchExportBatchesDocument, { ids: [id] }, { transport });
    expect((await again.rest()).map(described)).toEqual(['SNAPSHOT SUCCEEDED SUCCESS 1']);
    expect(batchCalls() - calls).toBeLessThanOrEqual(2);
  });

  it.each([{ withBatches: false }, { withoutDestination: true }])(
    'are not followed, and cost no call, if %o excludes them',
    async (variables) => {
      const id = await start();
      const calls = batchCalls();
      await using events = gateway.subscribe(WatchExportBatchesDocument, { ids: [id], ...variables });
      await events.take();
      for (let stage = 0; stage < 3; stage += 1) await stages.tick();
      const rest = await events.rest();
      expect(rest.at(-1)?.exportJobChanged.changed?.status).toBe('SUCCEEDED');
      expect(batchCalls()).toBe(calls);
    },
  );

  it('are received by a client that reconnects with its original variables, or resumes', async () => {
    const id = await start();
    await using events = gateway.subscribe(WatchExportBatchesDocument, {});
    for (let stage = 0; stage < 3; stage += 1) await stages.tick();
    const seen = await events.until((data) => described(data) === 'CHANGED SUCCEEDED LOADED 0');
    await events[Symbol.asyncDispose]();
    await stages.tick();
    const after = seen.at(-1)?.exportJobChanged.cursor;
    await using again = gateway.subscribe(WatchExportBatchesDocument, { endedWithinSeconds: 0 });
    await again.until(({ exportJobChanged: { changed } }) => changed?.id === id);
    await using resumed = gateway.subscribe(WatchExportBatchesDocument, { ids: [id], after });
    await stages.tick();
    await again.until((data) => described(data) === 'CHANGED SUCCEEDED SUCCESS 1');
    expect((await resumed.rest()).map(described).at(-1)).toBe('CHANGED SUCCEEDED SUCCESS 1');
  });

  it('never revert when a client resumes before their first reading', async () => {
    await using jobs = gateway.subscribe(WatchExportBatchesDocument, { withBatches: false, endedWithinSeconds: 0 });
    const isOf =
      (id: string) =>
      ({ exportJobChanged: { changed } }: WatchExportBatchesSubscription) =>
        changed?.id === id;
    const before = (await jobs.until(isOf(await start()))).at(-1)?.exportJobChanged.cursor;
    const id = await start();
    await jobs.until(isOf(id));
    await using followed = gateway.subscribe(WatchExportBatchesDocument, { ids: [id] });
    await followed.take();
    await stages.runUntil(followed.rest());
    await using resumed = gateway.subscribe(WatchExportBatchesDocument, { after: before });
    const seen = await resumed.until((data) => isOf(id)(data) && described(data) === 'CHANGED SUCCEEDED SUCCESS 1');
    const shown = seen
      .filter(isOf(id))
      .map(({ exportJobChanged: { changed } }) => changed?.target?.written[0]?.batch?.status);
    // The first event was written before a subscriber watched batches.
    expect(shown.length).toBeGreaterThan(2);
    expect(shown.indexOf('SUCCESS')).toBe(shown.length - 1);
  });

  it('are null in the events of a running job until the feed has read them', async () => {
    let failing = false;
    // The feed reads less of a batch than the events do.
    await using proxy = await startProxy(platform, (request, response) => {
      const url = request.url ?? '';
      if (!failing || !url.includes('/catalog/batches/') || url.includes('recordCount')) return false;
      request.resume();
      response.writeHead(503).end();
      return true;
    });
    await using unread = await startGateway({ platform: proxy });
    await using events = unread.subscribe(WatchExportBatchesDocument, {});
    const known = await start();
    await events.until(({ exportJobChanged: { changed } }) => changed?.id === known);
    failing = true;
    const id = await start();
    const seen = await events.until(({ exportJobChanged: { changed } }) => changed?.id === id);
    expect(seen.at(-1)?.exportJobChanged.changed?.target?.written[0]?.batch).toBeNull();
    failing = false;
    await events.until(
      ({ exportJobChanged: { changed } }) => changed?.id === id && changed.target?.written[0]?.batch != null,
    );
  });

  it.each([
    ['lags behind', 'loading'],
    ['is ahead', 'success'],
  ])('show each status at its event, when the replica of Catalog that they read %s', async (_, status) => {
    // The events read more fields of a batch than the poller.
    await using lagging = await startProxy(platform, ({ url = '' }, response) => {
      const [, id] = /\/catalog\/batches\/(\w+)\?.*recordCount/.exec(url) ?? [];
      if (id === undefined) return false;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ [id]: { status, recordCount: 40 } }));
      return true;
    });
    await using behind = await startGateway({ platform: lagging });
    const id = await start();
    await using events = behind.subscribe(WatchExportBatchesDocument, { ids: [id] });
    await events.take();
    for (let stage = 0; stage < 3; stage += 1) await stages.tick();
    const seen = [...(await events.until(({ exportJobChanged: { changed } }) => changed?.status === 'SUCCEEDED'))];
    await stages.tick();
    await stages.tick();
    seen.push(...(await events.rest()));
    const shown = seen.map(({ exportJobChanged: { changed } }) => changed?.target?.written[0]?.batch?.status);
    expect(shown.slice(0, -1)).not.toContain('SUCCESS');
    // The poller may miss the stage between them.
    expect(['LOADED', 'STAGING']).toContain(shown.at(-2));
    expect(shown.at(-1)).toBe('SUCCESS');
  });

  it('are readable at the end of a job that waits for them', async () => {
    const id = await start({ waitForBatch: true });
    await using events = gateway.subscribe(WatchExportBatchesDocument, { ids: [id] });
    const seen: (string | null)[] = [];
    await stages.runUntil(
      (async () => {
        for (let data = await events.take(); data !== null; data = await events.take()) seen.push(described(data));
      })(),
    );
    expect(seen.at(-1)).toBe('CHANGED SUCCEEDED SUCCESS 1');
    expect(seen.filter((text) => text?.includes('SUCCEEDED'))).toHaveLength(1);
    const record = platform.requests.filter(({ method, path }) => method === 'POST' && path.includes('/export/jobs'));
    expect(record).toHaveLength(1);
  });

  it('belong to the input of an idempotency key', async () => {
    const create = async (waitForBatch?: boolean) => {
      const input = { destination, idempotencyKey: 'waits', ...(waitForBatch === undefined ? {} : { waitForBatch }) };
      return (await gateway.query(StartExportDocument, { input })).createExportJob;
    };
    const first = await create(true);
    expect(first).toMatchObject({ __typename: 'CreateExportJobPayload', replayed: false });
    expect(await create(true)).toMatchObject({ __typename: 'CreateExportJobPayload', replayed: true });
    expect(await create()).toMatchObject({ __typename: 'ConflictError' });
  });
});
