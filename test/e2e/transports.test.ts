import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { allTransports, openStream } from '../support/transports.ts';
import {
  WatchExportJobsDocument,
  type WatchExportJobsSubscription,
  type WatchExportJobsSubscriptionVariables,
} from './operations.generated.ts';

let clock: FakeClock;
let board: JobBoard;
let callbackRouter: CallbackRouter;
let gateway: Gateway;

beforeEach(async () => {
  clock = new FakeClock();
  board = await startJobBoard({ id: '1', progress: 0 }, { id: '2', progress: 0 });
  callbackRouter = await startCallbackRouter({ heartbeatIntervalMs: 5_000 });
  gateway = await startGateway({ platform: board, clock, env: callbacks() });
});
afterEach(async () => {
  await gateway.close();
  await callbackRouter[Symbol.asyncDispose]();
  await board[Symbol.asyncDispose]();
});

const callbacks = () => ({ SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url });

type Events = EventStream<WatchExportJobsSubscription>;

/** Describes an event by its kind, job and progress. */
const received = (data: WatchExportJobsSubscription | null) => {
  const { kind, job } = data?.exportJobChanged ?? {};
  return [kind, job?.platformId, job?.metrics?.totalExportedProfiles];
};

/** Advances the job, and lets the gateway poll. */
async function advance(progress: number, status = 'PROCESSING', id = '1'): Promise<void> {
  board.set({ id, progress, status });
  await clock.tick();
}

const subscribers = (of: Gateway = gateway) => of.metric('aep_watch_subscribers');

describe.each(allTransports)('a subscription over %s', (transport) => {
  const watch = (variables: WatchExportJobsSubscriptionVariables, options = {}): Events =>
    gateway.subscribe(WatchExportJobsDocument, variables, { transport, callbackRouter, ...options });

  it('begins with the current state, emits each change in order, and completes when all jobs have ended', async () => {
    await using events = watch({ ids: ['1', '2'] });
    expect([received(await events.take()), received(await events.take())]).toEqual([
      ['SNAPSHOT', '1', 0],
      ['SNAPSHOT', '2', 0],
    ]);
    for (const progress of [10, 20, 30]) {
      await advance(progress);
      expect(received(await events.take())).toEqual(['CHANGED', '1', progress]);
    }
    await advance(40, 'SUCCEEDED');
    await advance(50, 'FAILED', '2');
    expect((await events.rest()).map(received)).toEqual([
      ['CHANGED', '1', 40],
      ['CHANGED', '2', 50],
    ]);
    await eventually(async () => expect(await subscribers()).toBe(0));
  });

  it('with ids and a filter emits only the ends, and completes with the last of them', async () => {
    await using events = watch({ ids: ['1', '2'], filter: { statuses: ['SUCCEEDED'] } });
    const first = events.take();
    await using all = watch({ ids: ['1', '2'] });
    await all.until((data) => received(data)[1] === '2');
    await eventually(async () => expect(await subscribers()).toBe(2));
    await advance(10);
    await advance(20, 'SUCCEEDED');
    expect(received(await first)).toEqual(['CHANGED', '1', 20]);
    await all.until((data) => received(data)[2] === 20);
    expect(await subscribers()).toBe(2);
    await advance(30, 'FAILED', '2');
    expect(await events.rest()).toEqual([]);
    await eventually(async () => expect(await subscribers()).toBe(0));
  });

  it('continues after its cursor, and reports when it cannot', async () => {
    await using holding = watch({ ids: ['2'] });
    await holding.take();
    await using events = watch({ ids: ['1'] });
    const cursor = (await events.take())?.exportJobChanged.cursor ?? '';
    await advance(10);
    await advance(20);
    await events.until((data) => received(data)[2] === 20);
    await events[Symbol.asyncDispose]();

    await using resumed = watch({ ids: ['1'], after: cursor });
    expect([received(await resumed.take()), received(await resumed.take())]).toEqual([
      ['CHANGED', '1', 10],
      ['CHANGED', '1', 20],
    ]);
    await using lost = watch({ ids: ['1'], after: 'no-such-epoch.7' });
    expect([received(await lost.take()), received(await lost.take())]).toEqual([
      ['RESYNC', undefined, undefined],
      ['SNAPSHOT', '1', 20],
    ]);
  });

  it('ends with the code of its error', async () => {
    await using empty = watch({ ids: [] });
    expect((await empty.failure())[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', retryable: false });
    await using unknown = watch({ ids: ['3'] });
    expect((await unknown.failure())[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', retryable: false });
  });

  it('is rejected without a credential, before a call to the platform', async () => {
    await using closed = await startGateway({
      platform: board,
      env: { ...callbacks(), AUTH_MODE: 'passthrough', AEP_BASE_URL: board.url },
    });
    const asked = board.requests.length;
    await using events = closed.subscribe(WatchExportJobsDocument, {}, { transport, callbackRouter });
    const bearer = /bearer token/;
    const refusals = { websocket: /4403/, sse: /401/, 'sse-single': /401/, multipart: bearer, callback: bearer };
    await expect(events.take()).rejects.toThrow(refusals[transport]);
    expect(board.requests.length).toBe(asked);
  });

  it('is released when its client has vanished, even without events', async () => {
    const vanishing = new AbortController();
    await using events = watch({ ids: ['1'] }, { signal: vanishing.signal });
    await events.take();
    expect(await subscribers()).toBe(1);
    vanishing.abort();
    await eventually(async () => expect(await subscribers()).toBe(0));
  });

  it('moves to another gateway when its own shuts down, and misses nothing', async () => {
    await using next = await startGateway({ platform: board, clock, env: callbacks() });
    const variables: { ids: string[]; after?: string } = { ids: ['1'] };
    let graphqlUrl = gateway.graphqlUrl;
    const options = { retries: 3, callbackRouter };
    await using events = openStream(transport, () => graphqlUrl, WatchExportJobsDocument, variables, options);
    const take = async () => {
      const data = await events.take();
      variables.after = data?.exportJobChanged.cursor ?? '';
      return received(data);
    };
    expect(await take()).toEqual(['SNAPSHOT', '1', 0]);
    await advance(10);
    expect(await take()).toEqual(['CHANGED', '1', 10]);

    graphqlUrl = next.graphqlUrl;
    board.set({ id: '1', progress: 20 });
    await gateway.close();
    // Each gateway has its own event log, and cannot replay the log of the other.
    expect([await take(), await take()]).toEqual([
      ['RESYNC', undefined, undefined],
      ['SNAPSHOT', '1', 20],
    ]);
    await advance(30, 'SUCCEEDED');
    expect((await events.rest()).map(received)).toEqual([['CHANGED', '1', 30]]);
    await eventually(async () => expect(await subscribers(next)).toBe(0));
  });
});
