import { getEventListeners } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ExecutionResult } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createConnectionRegistry } from '../../../../../src/server/connections/connection-registry.ts';
import { createErrorMask } from '../../../../../src/server/graphql/error-mask.ts';
import type { CallbackSubscriber } from '../../../../../src/server/transports/callbacks/delivery.ts';
import { createCallbacks } from '../../../../../src/server/transports/callbacks/registry.ts';
import { defaultPingInterval } from '../../../../support/default-config.ts';
import { eventually } from '../../../../support/eventually.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { testLog } from '../../../../support/records.ts';
import { httpHost } from '../../downloads/http-host.ts';

interface Message {
  readonly action: string;
  readonly id: string;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

/** The signal of a request whose client stays. Each request has its own. */
const staying = () => new AbortController().signal;
/** Before connections that are kept alive would close by themselves. */
const soon = { patienceMs: 2_000 };

/** Results of a subscription in which nothing happens. */
const resultsUntil = (signal: AbortSignal) =>
  new ReadableStream<ExecutionResult>({
    start: (controller) => signal.addEventListener('abort', () => controller.close()),
  });

interface Options {
  readonly maxInFlightPerRouter?: number;
  /** The default of the gateway if absent. */
  readonly maxRoutersPerOrganization?: number;
  /** The action of the callbacks to which the routers never respond. */
  readonly silentTo?: string;
}

/** Callbacks to two routers that take everything by default. */
async function setUp({ maxRoutersPerOrganization, silentTo, maxInFlightPerRouter = 64 }: Options = {}) {
  const messages: Message[] = [];
  const sockets = new Set<Socket>();
  const take: Parameters<typeof httpHost>[0] = async (request, response) => {
    const { socket } = request;
    if (!sockets.has(socket)) socket.once('close', () => sockets.delete(socket));
    sockets.add(socket);
    const message: Message = JSON.parse(await text(request));
    messages.push(message);
    if (message.action !== silentTo) response.writeHead(204).end();
  };
  const host = await httpHost(take);
  const other = await httpHost(take);
  const clock = new FakeClock();
  const connections = createConnectionRegistry({ ...defaultPingInterval, clock, random: () => 0.5 });
  const metrics = { open: 0 };
  const callbacks = createCallbacks({
    config: { urls: [`${host.url}/callback`, `${other.url}/callback`], networks: [], maxInFlightPerRouter },
    ...(maxRoutersPerOrganization === undefined ? {} : { maxRoutersPerOrganization }),
    clock,
    connections,
    metrics: {
      began: () => {
        metrics.open += 1;
      },
      ended: () => {
        metrics.open -= 1;
      },
      sent: () => {},
    },
    maskError: createErrorMask({ suggestions: false }),
  });
  if (callbacks === null) throw new Error('There are callback URLs.');

  const targetOf = (id: string, router = host) => {
    const url = new URL(`${router.url}/callback/${id}`);
    return { url, id, verifier: 'verifier', heartbeatMs: 0 };
  };
  const confirm = async (changes: Partial<CallbackSubscriber> = {}, id = '1', signal = staying()) => {
    const target = targetOf(id);
    const subscriber = { organization: 'organization', principal: 'principal', target, log: testLog(), ...changes };
    const confirmed = await callbacks.confirm(subscriber, signal);
    if (confirmed === null) throw new Error('The router confirms everything.');
    return confirmed;
  };
  /** Starts a subscription that ends when its operation is aborted. */
  const start = async (changes: Partial<CallbackSubscriber>, id = '1') => {
    const confirmed = await confirm(changes, id);
    const operation = new AbortController();
    confirmed.start(resultsUntil(operation.signal), operation);
    return operation;
  };
  return {
    clock,
    connections,
    messages,
    metrics,
    sockets,
    running: () => callbacks.size,
    close: () => callbacks[Symbol.asyncDispose](),
    confirm,
    start,
    /** A callback URL of the other router. */
    elsewhere: () => ({ target: targetOf('1', other) }),
    completes: () => messages.filter(({ action }) => action === 'complete'),
    [Symbol.asyncDispose]: async () => {
      await callbacks[Symbol.asyncDispose]();
      await Promise.all([host[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    },
  };
}

describe('a subscription by callbacks', () => {
  it.each([
    { maxInFlightPerRouter: 1, posted: 1 },
    { maxInFlightPerRouter: 3, posted: 3 },
  ])('waits while $maxInFlightPerRouter callbacks to its router have no response', async (options) => {
    await using router = await setUp({ ...options, silentTo: 'next' });
    for (const id of ['1', '2', '3', '4', '5']) {
      const confirmed = await router.confirm({}, id);
      const operation = new AbortController();
      const results = new ReadableStream<ExecutionResult>({
        start: (controller) => {
          controller.enqueue({ data: {} });
          operation.signal.addEventListener('abort', () => controller.close());
        },
      });
      confirmed.start(results, operation);
    }
    const posted = () => router.messages.filter(({ action }) => action === 'next');
    await eventually(() => expect(posted()).toHaveLength(options.posted));
    await new Promise(setImmediate);
    expect(posted()).toHaveLength(options.posted);
    let isClosed = false;
    const closing = router.close().then(() => {
      isClosed = true;
    });
    while (!isClosed) await router.clock.advanceBy(1_000);
    await closing;
  });

  it('a subscription ends an earlier one of the same caller, router and id, and none of another caller', async () => {
    await using router = await setUp();
    const first = await router.start({ principal: 'one' });
    const other = await router.start({ principal: 'two' });
    expect([first.signal.aborted, other.signal.aborted, router.metrics.open]).toEqual([false, false, 2]);
    const again = await router.start({ principal: 'one' });
    expect([first.signal.aborted, other.signal.aborted, again.signal.aborted]).toEqual([true, false, false]);
    await eventually(() => expect(router.metrics.open).toBe(2));
    expect(router.completes()).toEqual([]);
  });

  it.each<[string, string, string]>([
    ['id', '1', '2'],
    ['path', 'a', 'b'],
  ])('does not end another one of the same caller with another %s', async (_, one, two) => {
    await using router = await setUp();
    const first = await router.start({}, one);
    await router.start({}, two);
    expect(first.signal.aborted).toBe(false);
  });

  it.each(['id', 'verifier'])('does not end another one of the same URL with another %s', async (name) => {
    await using router = await setUp();
    const { target } = router.elsewhere();
    const first = await router.start({ target });
    const second = await router.start({ target: { ...target, [name]: 'another' } });
    expect([first.signal.aborted, second.signal.aborted, router.running()]).toEqual([false, false, 2]);
  });

  it('is sent away by the drain, in waves, before callbacks end', async () => {
    await using router = await setUp();
    for (let id = 0; id < 60; id += 1) await router.start({}, `${id}`);
    const draining = router.connections.drain(10_000);
    // Two waves: the first one at once, the second one after half of its share.
    await eventually(() => expect(router.completes()).toHaveLength(30));
    await router.clock.advanceBy(99);
    expect(router.completes()).toHaveLength(30);
    await router.clock.advanceBy(1);
    await draining;
    await eventually(() => expect(router.completes()).toHaveLength(60));
    for (const { errors } of router.completes()) expect(errors?.[0]?.extensions.code).toBe('SHUTTING_DOWN');
    await eventually(() => expect(router.metrics.open).toBe(0));
    expect(new Set(router.completes().map(({ id }) => id)).size).toBe(60);
  });

  it('that ends leaves no connection to its router, and no deadline', async () => {
    await using router = await setUp();
    const [one, other] = [await router.start({}, '1'), await router.start({}, '2')];
    await router.connections.drain(0);
    expect([one.signal.aborted, other.signal.aborted]).toEqual([true, true]);
    await eventually(() => expect(router.completes()).toHaveLength(2));
    await eventually(() => expect([router.metrics.open, router.sockets.size]).toEqual([0, 0]), soon);
    expect([router.clock.pending(), router.clock.pending('deadline')]).toEqual([0, 0]);
    expect(router.running()).toBe(0);
  });

  it('a subscription that replaces another one keeps running', async () => {
    await using router = await setUp();
    await router.start({});
    const second = await router.start({});
    await eventually(() => expect(router.metrics.open).toBe(1));
    expect(router.running()).toBe(1);
    second.abort();
    await eventually(() => expect([router.metrics.open, router.running()]).toEqual([0, 0]));
  });

  it('a cancelled confirmation frees its slot and keeps the slot of others at the same router', async () => {
    await using router = await setUp();
    const confirmations = [];
    // More than there are slots for routers, and all are of one router.
    for (let id = 0; id < 300; id += 1) confirmations.push(await router.confirm({}, `${id}`));
    for (const confirmed of confirmations) confirmed[Symbol.dispose]();
    await eventually(() => expect(router.sockets.size).toBe(0), soon);
    expect([router.clock.pending(), router.clock.pending('deadline')]).toEqual([0, 0]);
  });

  it.each([
    { of: 'one caller', organizations: 1, principals: 1, inFlight: 8 },
    { of: 'one organization', organizations: 1, principals: 5, inFlight: 32 },
    { of: 'all organizations', organizations: 3, principals: 4, inFlight: 64 },
  ])('is one of $inFlight at most whose checks are in flight, of $of', async (callers) => {
    await using router = await setUp({ silentTo: 'check' });
    const ended: Promise<unknown>[] = [];
    for (let organization = 0; organization < callers.organizations; organization += 1) {
      for (let principal = 0; principal < callers.principals; principal += 1) {
        const caller = { organization: `${organization}`, principal: `${organization} ${principal}` };
        // One more than a caller may have.
        for (let id = 0; id < 9; id += 1) ended.push(router.confirm(caller, `${id}`).catch(() => {}));
      }
    }
    await eventually(() => expect(router.messages).toHaveLength(callers.inFlight));
    // Two deadlines of each check in flight, one of each that waits, and the next ping of all.
    expect(router.clock.pending('deadline')).toBe(ended.length + callers.inFlight + 1);
    await router.connections.drain(0);
    await Promise.all(ended);
    expect(router.clock.pending('deadline')).toBe(0);
  });

  it('an unconfirmed subscription is cancelled when callbacks end', async () => {
    await using router = await setUp({ silentTo: 'check' });
    const confirming = expect(router.confirm()).rejects.toThrow('The router confirms everything.');
    await eventually(() => expect(router.messages).toHaveLength(1));
    await router.close();
    await confirming;
    expect(router.clock.pending('deadline')).toBe(0);
  });

  it('has two seconds for its last callback when callbacks end', async () => {
    await using router = await setUp({ silentTo: 'complete' });
    await router.start({});
    let isClosed = false;
    const closing = router.close().then(() => {
      isClosed = true;
    });
    await eventually(() => expect(router.completes()).toHaveLength(1));
    await router.clock.advanceBy(1_999);
    expect(isClosed).toBe(false);
    await router.clock.advanceBy(1);
    await closing;
    expect([router.running(), router.metrics.open, router.clock.pending('deadline')]).toEqual([0, 0, 0]);
  });

  it('that is confirmed leaves no listener at the signal of its operation', async () => {
    await using router = await setUp();
    const { signal } = new AbortController();
    (await router.confirm({}, '1', signal))[Symbol.dispose]();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('that is confirmed and never starts leaves the slot of its router to another router', async () => {
    await using router = await setUp({ maxRoutersPerOrganization: 1 });
    const confirmed = await router.confirm();
    const waiting = router.confirm(router.elsewhere());
    // Its router has confirmed it as well, so that it waits only for a slot.
    await eventually(() => expect(router.messages).toHaveLength(2));
    confirmed[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
    (await router.confirm())[Symbol.dispose]();
  });

  it('a running subscription keeps the slot of its router until it ends, although its confirmation is disposed', async () => {
    await using router = await setUp({ maxRoutersPerOrganization: 1 });
    const confirmed = await router.confirm();
    const operation = new AbortController();
    confirmed.start(resultsUntil(operation.signal), operation);
    confirmed[Symbol.dispose]();
    const waiting = router.confirm(router.elsewhere());
    await eventually(() => expect(router.messages).toHaveLength(2));
    // The deadline of the wait for a slot, and the next ping of the running subscription.
    await eventually(() => expect(router.clock.pending('deadline')).toBe(2));
    operation.abort();
    (await waiting)[Symbol.dispose]();
    await eventually(() => expect(router.clock.pending('deadline')).toBe(0));
  });
});
