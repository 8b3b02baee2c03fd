import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { organization, platformHeaders, startProxy } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { type SilentHost, startSilentHost } from '../support/silent-host.ts';
import { otherOrganization } from '../support/tenants.ts';

const query = 'subscription { exportJobChanged(ids: ["1"]) { kind job { metrics { totalExportedProfiles } } } }';

let clock: FakeClock;
let connectionClock: FakeClock;
let board: JobBoard;
let platform: Awaited<ReturnType<typeof startProxy>>;
let router: CallbackRouter;
let hosts: SilentHost;
let gateway: Gateway;
/** Credentials that the platform accepts. */
const accepted = new Set<string>();

beforeEach(async () => {
  clock = new FakeClock();
  connectionClock = new FakeClock();
  board = await startJobBoard({ id: '1', progress: 0 });
  platform = await startProxy(board, ({ headers }, response) => {
    if (accepted.has(headers.authorization ?? '')) return false;
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error_code":"401013"}');
    return true;
  });
  router = await startCallbackRouter();
  hosts = await startSilentHost();
  gateway = await startGateway({
    platform,
    clock,
    connectionClock,
    env: {
      AUTH_MODE: 'passthrough',
      AEP_BASE_URL: platform.url,
      AEP_IMS_URL: platform.url,
      SUBSCRIPTION_CALLBACK_URLS: `${router.url},http://*:${hosts.port}/callback`,
      SUBSCRIPTION_CALLBACK_NETWORKS: '127.0.0.0/8',
    },
  });
});
afterEach(async () => {
  accepted.clear();
  await gateway.close();
  await hosts[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  await board[Symbol.asyncDispose]();
});

/** The headers of a caller with a token of its own. */
function caller({ org = organization, isAccepted = true } = {}): Readonly<Record<string, string>> {
  const headers = { ...platformHeaders(plantedSecret('caller')), 'x-gw-ims-org-id': org };
  if (isAccepted) accepted.add(headers.authorization);
  return headers;
}

let addresses = 0;

/** Requests a subscription from a router with its own address that does not respond. */
function subscribeAtSilentHost(headers: Readonly<Record<string, string>>, signal?: AbortSignal) {
  addresses += 1;
  const host = `127.1.${Math.floor(addresses / 250)}.${1 + (addresses % 250)}`;
  const callbackUrl = `http://${host}:${hosts.port}/callback/${addresses}`;
  const subscription = { callbackUrl, subscriptionId: `${addresses}`, verifier: 'verifier', heartbeatIntervalMs: 0 };
  return fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close', ...headers },
    body: JSON.stringify({ query, extensions: { subscription } }),
    signal: signal ?? null,
  });
}

async function codeOf(request: Promise<Response>): Promise<unknown> {
  const { errors }: { readonly errors?: readonly { readonly extensions: { readonly code: string } }[] } = JSON.parse(
    await (await request).text(),
  );
  return errors?.[0]?.extensions.code;
}

const subscribe = (headers: Readonly<Record<string, string>>) =>
  router.subscribe({ graphqlUrl: gateway.graphqlUrl, query, headers });
/** The progress in each event that the router has received. */
const received = () =>
  router.messages
    .filter(({ action }) => action === 'next')
    .map(({ payload }) => /Profiles":(\d+)/.exec(JSON.stringify(payload))?.[1]);

async function advance(progress: number, status = 'PROCESSING'): Promise<void> {
  board.set({ id: '1', progress, status });
  await clock.tick();
}

/** Lets time pass on the connections until all responses have arrived. */
async function responsesIn<Responses>(responses: Promise<Responses>): Promise<Responses> {
  let isOver = false;
  const over = responses.finally(() => {
    isOver = true;
  });
  while (!isOver) await connectionClock.advanceBy(1_000);
  return await over;
}

describe('callbacks to hosts that do not respond', () => {
  it('are not sent for callers whose credential the platform has not accepted, however many there are', async () => {
    const victim = subscribe(caller());
    await eventually(() => expect(received()).toEqual(['0']));
    for (let second = 0; second < 12; second += 1) {
      const requests = Array.from({ length: 26 }, () => subscribeAtSilentHost(caller({ isAccepted: false })));
      const codes = await connectionClock.runUntil(Promise.all(requests.map(codeOf)));
      expect(new Set(codes)).toEqual(new Set(['UNAUTHENTICATED']));
      await connectionClock.advanceBy(1_000);
    }
    expect(hosts.opened).toBe(0);
    await advance(10);
    await eventually(() => expect(received()).toEqual(['0', '10']));
    await advance(20, 'SUCCEEDED');
    await eventually(() => expect(router.messages.map(({ action }) => action).at(-1)).toBe('complete'));
    expect(received()).toEqual(['0', '10', '20']);
    for await (const _ of victim.results);
  });

  it('delay neither running subscriptions nor new ones of other organizations, when the caller is accepted', async () => {
    const victim = caller();
    subscribe(victim);
    await eventually(() => expect(received()).toEqual(['0']));
    const attackers = Array.from({ length: 40 }, () => caller({ org: otherOrganization }));
    const requests = attackers.flatMap((each) => Array.from({ length: 10 }, () => codeOf(subscribeAtSilentHost(each))));
    // As many as one organization may have in progress. The others wait.
    await eventually(() => expect(hosts.open).toBe(32));
    await advance(10);
    await eventually(() => expect(received()).toEqual(['0', '10']));
    const second = subscribe(victim);
    expect((await second.response).status).toBe(200);
    await eventually(() => expect(received()).toEqual(['0', '10', '10']));
    const codes = await responsesIn(Promise.all(requests));
    expect(new Set(codes)).toEqual(new Set(['INVALID_INPUT', 'RATE_LIMITED']));
    await advance(20, 'SUCCEEDED');
    await eventually(() => expect(received().slice(3)).toEqual(['20', '20']));
    await eventually(() => expect(hosts.open).toBe(0));
    await eventually(() => expect([connectionClock.pending(), connectionClock.pending('deadline')]).toEqual([0, 0]));
  });

  it('leave nothing in memory when their client has left, whether in progress or waiting', async () => {
    const [one, other] = [caller(), caller()];
    const leaving = new AbortController();
    // Eight are in progress, and four wait.
    const requests = Array.from({ length: 12 }, () => subscribeAtSilentHost(one, leaving.signal));
    await eventually(() => expect(hosts.open).toBe(8));
    await eventually(() => expect(connectionClock.pending('deadline')).toBeGreaterThanOrEqual(8 * 2 + 4));
    leaving.abort();
    for (const request of requests) await expect(request).rejects.toThrow();
    await eventually(() => expect(hosts.open).toBe(0));
    await eventually(() => expect(connectionClock.pending('deadline')).toBe(0));
    expect(hosts.opened).toBe(8);
    expect([connectionClock.pending(), await gateway.metric('aep_watch_subscribers')]).toEqual([0, 0]);
    // The slots are free again.
    const later = Array.from({ length: 8 }, () => codeOf(subscribeAtSilentHost(one)));
    await eventually(() => expect(hosts.open).toBe(8));
    expect((await subscribe(other).response).status).toBe(200);
    await connectionClock.advanceBy(12_000);
    expect(new Set(await Promise.all(later))).toEqual(new Set(['INVALID_INPUT']));
  });

  it('are aborted when the gateway shuts down, and their clients receive the reason', async () => {
    const requests = Array.from({ length: 12 }, () => codeOf(subscribeAtSilentHost(caller())));
    await eventually(() => expect(hosts.open).toBe(12));
    const closing = gateway.close();
    const codes = await responsesIn(Promise.all(requests));
    expect(new Set(codes)).toEqual(new Set(['SHUTTING_DOWN']));
    await closing;
    await eventually(() => expect(hosts.open).toBe(0));
    await eventually(() => expect([connectionClock.pending(), connectionClock.pending('deadline')]).toEqual([0, 0]));
  });
});
