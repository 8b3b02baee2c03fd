import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CallbackRouter,
  type Reply,
  type SubscribeRequest,
  startCallbackRouter,
} from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';

const query = 'subscription { exportJobChanged(ids: ["1"]) { kind job { metrics { totalExportedProfiles } } } }';
const heartbeatIntervalMs = 6_000;

let clock: FakeClock;
let connectionClock: FakeClock;
let board: JobBoard;
let router: CallbackRouter;
let gateway: Gateway;

const start = (env: Readonly<Record<string, string>> = {}) =>
  startGateway({ platform: board, clock, connectionClock, env: { SUBSCRIPTION_CALLBACK_URLS: router.url, ...env } });

beforeEach(async () => {
  clock = new FakeClock();
  connectionClock = new FakeClock();
  board = await startJobBoard({ id: '1', progress: 0 });
  router = await startCallbackRouter({ heartbeatIntervalMs });
  gateway = await start();
});
afterEach(async () => {
  await gateway.close();
  await router[Symbol.asyncDispose]();
  await board[Symbol.asyncDispose]();
});

const subscribe = (request: Partial<SubscribeRequest> = {}) =>
  router.subscribe({ graphqlUrl: gateway.graphqlUrl, query, ...request });
const actions = () => router.messages.map(({ action }) => action);
/** The progress of the job in each event that was sent. */
const received = () =>
  router.messages
    .flatMap(({ payload }) => payload?.data ?? [])
    .map((data) => /Profiles":(\d+)/.exec(JSON.stringify(data))?.[1]);
const subscribers = () => gateway.metric('aep_watch_subscribers');
const untilReleased = () => eventually(async () => expect(await subscribers()).toBe(0));

async function advance(progress: number, status = 'PROCESSING'): Promise<void> {
  board.set({ id: '1', progress, status });
  await clock.tick();
}

describe('a subscription by callbacks', () => {
  it('is confirmed by its router before the response, begins afterwards, and ends with a complete', async () => {
    let responded = false;
    const respondedAt: [action: string, responded: boolean][] = [];
    router.reply = ({ action }) => {
      respondedAt.push([action, responded]);
      return 'by the protocol';
    };
    const subscription = subscribe();
    void subscription.response.then(() => {
      responded = true;
    });
    const { status, headers, text } = await subscription.response;
    expect([status, headers.get('subscription-protocol'), text]).toEqual([200, 'callback/1.0', '{"data":null}']);
    await eventually(() => expect(received()).toEqual(['0']));
    expect(respondedAt).toEqual([
      ['check', false],
      ['next', true],
    ]);
    await advance(10, 'SUCCEEDED');
    await eventually(() => expect(actions()).toEqual(['check', 'next', 'next', 'complete']));
    expect(router.messages.at(-1)).not.toHaveProperty('errors');
    await untilReleased();
    await eventually(() => expect(connectionClock.pending()).toBe(0));
  });

  it('may be requested in the format of the preview', async () => {
    const { extension } = subscribe({ extension: { callbackUrl: '' } });
    const subscription = subscribe();
    const { callbackUrl, subscriptionId, heartbeatIntervalMs: interval, verifier } = subscription.extension;
    const response = await fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query,
        extensions: {
          subscription: {
            callback_url: callbackUrl,
            subscription_id: subscriptionId,
            heartbeat_interval_ms: interval,
            verifier,
          },
        },
      }),
    });
    expect(await response.text()).toBe('{"data":null}');
    expect(extension['callbackUrl']).toBe('');
  });

  it('returns the errors that prevent it', async () => {
    const refused = subscribe({ query: 'subscription { exportJobChanged(ids: ["404"]) { kind } }' });
    await expect(refused.results.getReader().read()).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    expect(await refused.response).toMatchObject({ status: 200, text: expect.not.stringContaining('"http"') });
    const wrong = subscribe({ query: 'subscription { nope }' });
    await expect(wrong.results.getReader().read()).rejects.toMatchObject([
      { message: expect.stringContaining('nope') },
    ]);
    expect(actions()).toEqual(['check']);
    expect(await subscribers()).toBe(0);
  });

  it.each<[Reply]>([[400], [401], [404], [302]])('does not begin if the response to a check is %s', async (reply) => {
    router.reply = () => reply;
    const { response, results } = subscribe();
    await expect(results.getReader().read()).rejects.toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
    const { status, text } = await response;
    expect(status).toBe(400);
    expect(text).not.toContain('secret');
    expect(actions()).toEqual(['check']);
    expect(await subscribers()).toBe(0);
  });

  it.each<[Reply]>([[500], [429], ['drop']])('does not begin if the response to every check is %s', async (reply) => {
    router.reply = () => reply;
    const { response, results } = subscribe();
    const failed = expect(results.getReader().read()).rejects.toMatchObject([
      { extensions: { code: 'INVALID_INPUT' } },
    ]);
    expect((await connectionClock.runUntil(response)).status).toBe(400);
    await failed;
    expect(actions()).toEqual(['check', 'check', 'check', 'check']);
  });

  it('ends when its router responds with 404, without another callback', async () => {
    const subscription = subscribe();
    await eventually(() => expect(received()).toEqual(['0']));
    subscription.forget();
    await advance(10);
    await untilReleased();
    expect(actions()).toEqual(['check', 'next', 'next']);
  });

  it('ends when an event is rejected, and reports that', async () => {
    const reader = subscribe().results.getReader();
    await eventually(() => expect(received()).toEqual(['0']));
    await reader.read();
    router.reply = ({ action }) => (action === 'next' ? 413 : 'by the protocol');
    await advance(10);
    await expect(reader.read()).rejects.toMatchObject([
      { extensions: { code: 'UPSTREAM_UNREACHABLE', retryable: true } },
    ]);
    await untilReleased();
    expect(actions()).toEqual(['check', 'next', 'next', 'complete']);
  });

  it('ends when a heartbeat is rejected, and reports that', async () => {
    const reader = subscribe().results.getReader();
    await eventually(() => expect(received()).toEqual(['0']));
    await reader.read();
    router.reply = ({ action }) => (action === 'check' ? 401 : 'by the protocol');
    await connectionClock.tick();
    await expect(reader.read()).rejects.toMatchObject([
      { extensions: { code: 'UPSTREAM_UNREACHABLE', retryable: true } },
    ]);
    await untilReleased();
    expect(actions()).toEqual(['check', 'next', 'check', 'complete']);
  });

  it.each<[Reply]>([[503], ['drop'], ['take and drop']])(
    'sends an event again after the response %s, and then the next one',
    async (bad) => {
      subscribe({ extension: { heartbeatIntervalMs: 0 } });
      await eventually(() => expect(received()).toEqual(['0']));
      let left = 2;
      router.reply = () => {
        left -= 1;
        return left < 0 ? 'by the protocol' : bad;
      };
      await advance(10);
      const sent = eventually(() => expect(received()).toEqual(['0', '10', '10', '10']));
      await connectionClock.advanceBy(0);
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        await connectionClock.tick();
      }
      await sent;
      await advance(20);
      await eventually(() => expect(received()).toEqual(['0', '10', '10', '10', '20']));
    },
  );

  it('ends when its router does not respond within twelve seconds', async () => {
    const without = { heartbeatIntervalMs: 0 };
    subscribe({ extension: without });
    await eventually(() => expect(received()).toEqual(['0']));
    router.reply = () => 'hang';
    await advance(10);
    await eventually(() => expect(received()).toEqual(['0', '10']));
    await connectionClock.advanceBy(11_999);
    expect(await subscribers()).toBe(1);
    await connectionClock.advanceBy(1);
    await untilReleased();
    await eventually(() => expect(actions()).toEqual(['check', 'next', 'next', 'complete']));
    await connectionClock.advanceBy(12_000);
    expect(connectionClock.pending('deadline')).toBe(0);
  });

  it('sends the latest state to a slow router, one event at a time, and no older state afterwards', async () => {
    let take = (_reply: Reply) => {};
    const taken = new Promise<Reply>((resolve) => {
      take = resolve;
    });
    router.reply = ({ action }) => (action === 'next' ? taken : 'by the protocol');
    subscribe();
    await eventually(() => expect(received()).toEqual(['0']));
    for (let progress = 1; progress <= 20; progress += 1) await advance(progress);
    expect(received()).toEqual(['0']);
    take('by the protocol');
    await eventually(() => expect(received()).toEqual(['0', '20']));
  });

  it('sends no duplicate events to a router that subscribes again with the same id', async () => {
    const first = subscribe();
    await eventually(() => expect(received()).toEqual(['0']));
    let take = (_reply: Reply) => {};
    router.reply = ({ action }) =>
      action === 'next'
        ? new Promise((resolve) => {
            take = resolve;
          })
        : 'by the protocol';
    await advance(10);
    await eventually(() => expect(received()).toEqual(['0', '10']));
    // The pending callback of the previous subscription receives its response first, because the router would otherwise receive
    // two at a time.
    expect((await subscribe({ extension: first.extension }).response).status).toBe(200);
    await gateway.metric('aep_watch_subscribers');
    expect(received()).toEqual(['0', '10']);
    router.reply = () => 'by the protocol';
    take('by the protocol');
    await eventually(() => expect(received()).toEqual(['0', '10', '10']));
    expect(await subscribers()).toBe(1);
    await advance(20);
    await eventually(() => expect(received()).toEqual(['0', '10', '10', '20']));
    expect(actions().filter((action) => action === 'complete')).toEqual([]);
  });

  it('does not begin for a router that has left before the response', async () => {
    let confirm = (_reply: Reply) => {};
    router.reply = () =>
      new Promise((resolve) => {
        confirm = resolve;
      });
    const leaving = new AbortController();
    const { results } = subscribe({ signal: leaving.signal });
    await eventually(() => expect(actions()).toEqual(['check']));
    leaving.abort();
    await expect(results.getReader().read()).rejects.toThrow();
    confirm(204);
    await eventually(() => expect(gateway.logs.join()).toContain('the caller cancelled an operation'));
    await untilReleased();
    expect(actions()).toEqual(['check']);
  });

  it('counts as open for its caller until it has ended', async () => {
    await using small = await start({ MAX_SUBSCRIPTIONS_PER_CALLER: '1' });
    const first = subscribe({ graphqlUrl: small.graphqlUrl });
    await eventually(() => expect(received()).toEqual(['0']));
    const second = await subscribe({ graphqlUrl: small.graphqlUrl }).response;
    expect([second.status, second.text]).toEqual([429, expect.stringContaining('RATE_LIMITED')]);
    first.forget();
    await connectionClock.advanceBy(heartbeatIntervalMs);
    await eventually(async () => expect((await subscribe({ graphqlUrl: small.graphqlUrl }).response).status).toBe(200));
  });

  it('is counted in the metrics while it is open, and its callbacks by outcome', async () => {
    const open = () => gateway.metric('aep_watch_callback_subscriptions');
    const withoutHeartbeats = { extension: { heartbeatIntervalMs: 0 } };
    const first = subscribe(withoutHeartbeats);
    subscribe(withoutHeartbeats);
    await eventually(() => expect(received()).toEqual(['0', '0']));
    expect(await open()).toBe(2);
    first.forget();
    let left = 1;
    router.reply = () => {
      left -= 1;
      return left < 0 ? 'by the protocol' : 503;
    };
    await advance(10);
    await connectionClock.tick();
    await eventually(async () => expect(await open()).toBe(1));
    const counted = (outcome: string) => gateway.metric(`aep_watch_callbacks_total{outcome="${outcome}"}`);
    // Two checks, two first events, and the repeated one.
    await eventually(async () => expect(await counted('taken')).toBe(5));
    expect(await Promise.all(['gone', 'retried', 'failed'].map(counted))).toEqual([1, 1, 0]);
  });

  it('ends with a request to subscribe again when the gateway shuts down', async () => {
    const { results } = subscribe();
    await eventually(() => expect(received()).toEqual(['0']));
    const reader = results.getReader();
    await reader.read();
    const ended = expect(reader.read()).rejects.toMatchObject([
      { extensions: { code: 'SHUTTING_DOWN', retryable: true } },
    ]);
    await gateway.close();
    await ended;
  });
});

it('a router that does not respond delays a shutdown of the gateway by two seconds', async () => {
  subscribe();
  await eventually(() => expect(received()).toEqual(['0']));
  router.reply = () => 'hang';
  let closed = false;
  const closing = gateway.close().then(() => {
    closed = true;
  });
  await eventually(() => expect(actions().at(-1)).toBe('complete'));
  await connectionClock.advanceBy(1_999);
  expect(closed).toBe(false);
  await connectionClock.advanceBy(1);
  await closing;
  expect([connectionClock.pending(), connectionClock.pending('deadline')]).toEqual([0, 0]);
});

describe('heartbeats', () => {
  const checks = () => actions().filter((action) => action === 'check').length - 1;

  it('are sent within each interval, even while an event waits for its response, and reveal a lost router', async () => {
    router.reply = ({ action }) => (action === 'next' ? 'hang' : 'by the protocol');
    const subscription = subscribe();
    await eventually(() => expect(received()).toEqual(['0']));
    await connectionClock.tick();
    await eventually(() => expect(checks()).toBe(1));
    await connectionClock.sleeping();
    await connectionClock.advanceBy(3_999);
    expect(checks()).toBe(1);
    await connectionClock.advanceBy(1);
    await eventually(() => expect(checks()).toBe(2));
    router.reply = () => 'by the protocol';
    subscription.forget();
    await connectionClock.tick();
    await eventually(() => expect(checks()).toBe(3));
    await connectionClock.advanceBy(12_000);
    await untilReleased();
    expect(connectionClock.pending()).toBe(0);
  });

  it('are sent in the same interval when the router responds slowly', async () => {
    subscribe();
    await eventually(() => expect(received()).toEqual(['0']));
    let take = (_reply: Reply) => {};
    router.reply = () =>
      new Promise((resolve) => {
        take = resolve;
      });
    await connectionClock.tick();
    await eventually(() => expect(checks()).toBe(1));
    await connectionClock.sleeping();
    await connectionClock.advanceBy(3_000);
    router.reply = () => 'by the protocol';
    take('by the protocol');
    // The deadline of the callback with a response.
    await eventually(() => expect(connectionClock.pending('deadline')).toBe(1));
    await connectionClock.advanceBy(999);
    expect(checks()).toBe(1);
    await connectionClock.advanceBy(1);
    await eventually(() => expect(checks()).toBe(2));
  });

  it('are sent every five seconds if the router does not specify an interval, and not at all if it wants none', async () => {
    subscribe({ extension: { heartbeatIntervalMs: undefined } });
    await eventually(() => expect(received()).toEqual(['0']));
    await connectionClock.sleeping();
    await connectionClock.advanceBy(3_334);
    await eventually(() => expect(checks()).toBeGreaterThanOrEqual(1));
    const sent = checks();
    await connectionClock.sleeping();
    await connectionClock.advanceBy(3_334);
    await eventually(() => expect(checks()).toBe(sent + 1));
    subscribe({ extension: { heartbeatIntervalMs: 0 } });
    await eventually(() => expect(received()).toEqual(['0', '0']));
    expect(connectionClock.pending()).toBe(1);
  });
});

describe('a request for callbacks is rejected', () => {
  it.each<[string, Record<string, unknown>, number]>([
    ['to another path', { callbackUrl: 'http://127.0.0.1:1/admin' }, 403],
    ['to another port', { callbackUrl: 'http://127.0.0.1:1/callback' }, 403],
    ['to the link-local address of metadata', { callbackUrl: 'http://169.254.169.254/callback' }, 403],
    ['to a file', { callbackUrl: 'file:///etc/passwd' }, 400],
    ['to no URL', { callbackUrl: 'callback' }, 400],
    ['to a URL without end', { callbackUrl: `http://a/${'x'.repeat(2_048)}` }, 400],
    ['without an id', { subscriptionId: '' }, 400],
    ['with an id that is no text', { subscriptionId: 7 }, 400],
    ['with an id without end', { subscriptionId: 'x'.repeat(513) }, 400],
    ['with a verifier without end', { verifier: 'x'.repeat(513) }, 400],
    ['with heartbeats that flood', { heartbeatIntervalMs: 4_999 }, 400],
    ['with heartbeats that never come', { heartbeatIntervalMs: 86_400_001 }, 400],
    ['with heartbeats between', { heartbeatIntervalMs: 1_000.5 }, 400],
  ])('%s', async (_, extension, status) => {
    const { response } = subscribe({ extension });
    expect((await response).status).toBe(status);
    expect(router.messages).toEqual([]);
  });

  it('for anything but a subscription', async () => {
    const { response } = subscribe({ query: '{ viewer { canWrite } }' });
    expect(await response).toMatchObject({ status: 400, text: expect.stringContaining('only a subscription') });
    expect(router.messages).toEqual([]);
  });

  it('if they are disabled', async () => {
    await using closed = await start({ SUBSCRIPTION_CALLBACK_URLS: '' });
    const { response } = subscribe({ graphqlUrl: closed.graphqlUrl });
    expect(await response).toMatchObject({ status: 400, text: expect.stringContaining('SUBSCRIPTION_CALLBACK_URLS') });
  });

  it('for a caller without a credential, before any other check', async () => {
    await using closed = await start({ AUTH_MODE: 'passthrough', AEP_BASE_URL: board.url });
    const { response } = subscribe({ graphqlUrl: closed.graphqlUrl, extension: { callbackUrl: 'file:///etc/passwd' } });
    expect(await response).toMatchObject({ status: 401, text: expect.stringContaining('UNAUTHENTICATED') });
  });
});

it('an incremental response is not sent by callbacks', async () => {
  const { extension } = subscribe({ extension: { callbackUrl: '' } });
  const response = await fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query, extensions: { subscription: extension } }),
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('data: ')) break;
  }
  expect(text).toContain('"kind":"SNAPSHOT"');
});
