import type { LookupAddress } from 'node:dns';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../../src/runtime/logger.ts';
import {
  type CallbackClientOptions,
  createCallbackClient,
  type Lookup,
} from '../../../../../src/server/transports/callbacks/client.ts';
import { createCallbackPolicy } from '../../../../../src/server/transports/callbacks/policy.ts';
import { defaultConfig } from '../../../../support/default-config.ts';
import { eventually } from '../../../../support/eventually.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { testLog } from '../../../../support/records.ts';
import { startSilentHost } from '../../../../support/silent-host.ts';
import { httpHost } from '../../downloads/http-host.ts';

const never = new AbortController().signal;
/** Before connections that are kept alive would close by themselves. */
const soon = { patienceMs: 2_000 };
const loopback = { address: '127.0.0.1', prefix: 32, family: 'ipv4' } as const;

/** Returns one list of addresses after the other, and then the last one for each further look-up. */
function fakeLookup(...lists: readonly (readonly string[])[]): Lookup & { readonly names: string[] } {
  const names: string[] = [];
  const lookup: Lookup = (hostname, _options, callback) => {
    const addresses = lists[Math.min(names.length, lists.length - 1)] ?? [];
    names.push(hostname);
    callback(
      null,
      addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return Object.assign(lookup, { names });
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/**
 * A router whose responses the test configures, and a client that may call it by its address and as `router.example`.
 */
async function setup(handler: Handler, options: Partial<CallbackClientOptions> & { readonly named?: boolean } = {}) {
  const requests: { readonly body: string; readonly headers: IncomingMessage['headers'] }[] = [];
  const host = await httpHost(async (request, response) => {
    requests.push({ body: await text(request), headers: request.headers });
    await handler(request, response);
  });
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
  const destination = (url: URL) => ({ url, id: 'subscription-1', log: testLog(logger) });
  const outcomes: string[] = [];
  const { port } = new URL(host.url);
  const client = createCallbackClient({
    policy: createCallbackPolicy({ urls: [host.url], networks: options.named === false ? [] : [loopback] }),
    clock,
    metrics: { sent: ({ outcome }) => void outcomes.push(outcome) },
    random: () => 0.5,
    maxInFlightPerRouter: defaultConfig.callbacks.maxInFlightPerRouter,
    ...options,
  });
  return {
    clock,
    client,
    /** Sends over a connection of its own. */
    send: async (url: URL, body: string, attempts: AbortSignal) => {
      using connection = client.connect(destination(url));
      return await connection.send(body, { attempts });
    },
    requests,
    /** Log lines. */
    lines,
    connect: (url: URL) => client.connect(destination(url)),
    /** The counted metrics. */
    outcomes,
    url: new URL(`${host.url}/callback/1?x=1`),
    namedUrl: new URL(`http://router.example:${port}/callback/1`),
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

const status =
  (code: number): Handler =>
  (_request, response) =>
    void response.writeHead(code).end();

describe('a callback', () => {
  it('a callback is a POST in the form of the protocol, without a credential', async () => {
    await using router = await setup(status(204));
    expect(await router.send(router.url, '{"a":1}', never)).toBe('taken');
    expect(router.requests).toMatchObject([
      {
        body: '{"a":1}',
        headers: { 'content-type': 'application/json', 'subscription-protocol': 'callback/1.0' },
      },
    ]);
    expect(Object.keys(router.requests[0]?.headers ?? {})).not.toContain('authorization');
  });

  it.each([
    [200, 'taken'],
    [202, 'taken'],
    [404, 'gone'],
    [302, 'failed'],
    [400, 'failed'],
    [401, 'failed'],
    [410, 'failed'],
  ])('with the response %i is %s, and not sent again', async (code, outcome) => {
    await using router = await setup(status(code));
    expect(await router.send(router.url, '', never)).toBe(outcome);
    expect(router.requests).toHaveLength(1);
    expect(router.outcomes).toEqual([outcome]);
  });

  it('a callback does not follow redirects', async () => {
    await using other = await setup(status(204));
    await using router = await setup((_request, response) => {
      response.writeHead(307, { location: other.url.href }).end();
    });
    expect(await router.send(router.url, '', never)).toBe('failed');
    expect(other.requests).toEqual([]);
  });

  it.each<[string, Handler]>([
    ['with the response 503', status(503)],
    ['with the response 429', status(429)],
    ['without a response, because its connection breaks', (_request, response) => void response.destroy()],
  ])('that is %s is sent four times, with longer and longer pauses', async (_, handler) => {
    await using router = await setup(handler);
    const outcome = router.send(router.url, 'same', never);
    for (const [attempt, pauseMs] of [125, 250, 500].entries()) {
      await router.clock.sleeping();
      await router.clock.advanceBy(pauseMs - 1);
      expect(router.clock.pending()).toBe(1);
      expect(router.requests).toHaveLength(attempt + 1);
      await router.clock.advanceBy(1);
    }
    expect(await outcome).toBe('failed');
    expect(router.requests.map(({ body }) => body)).toEqual(['same', 'same', 'same', 'same']);
    expect(router.outcomes).toEqual(['retried', 'retried', 'retried', 'failed']);
    expect(router.clock.pending('deadline')).toBe(0);
  });

  it('a callback is not repeated after its subscription has ended', async () => {
    await using router = await setup(status(503));
    const unwanted = new AbortController();
    const outcome = router.send(router.url, '', unwanted.signal);
    await router.clock.sleeping();
    unwanted.abort();
    expect(await outcome).toBe('failed');
    expect(router.requests).toHaveLength(1);
  });

  it('a callback without a response fails after twelve seconds and is not repeated', async () => {
    await using router = await setup(() => {});
    const outcome = router.send(router.url, '', never);
    await eventually(() => expect(router.requests).toHaveLength(1));
    await router.clock.advanceBy(12_000);
    expect(await outcome).toBe('failed');
    expect(router.clock.pending()).toBe(0);
  });

  it('a callback succeeds by the status of the response, regardless of the length of its body', async () => {
    await using router = await setup((_request, response) => {
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(8 * 1_024)));
      };
      response.on('drain', write);
      write();
    });
    expect(await router.send(router.url, '', never)).toBe('taken');
    expect(router.clock.pending('deadline')).toBe(0);
  });

  it('a callback succeeds within twelve seconds although the router sends its body slowly', async () => {
    let closed = false;
    let drip = () => {};
    await using router = await setup((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.on('close', () => {
        closed = true;
      });
      drip = () => void response.write('x');
      drip();
    });
    let outcome: string | null = null;
    const sending = router.send(router.url, '', never).then((value) => {
      outcome = value;
    });
    await eventually(() => expect(router.requests).toHaveLength(1));
    for (let second = 1; second < 12; second += 1) {
      await router.clock.advanceBy(1_000);
      drip();
    }
    await router.clock.advanceBy(999);
    expect([outcome, closed, router.clock.pending('deadline')]).toEqual([null, false, 1]);
    await router.clock.advanceBy(1);
    await sending;
    expect(outcome).toBe('taken');
    await eventually(() => expect(closed).toBe(true));
    expect(router.clock.pending('deadline')).toBe(0);
  });

  it('a callback reads at most 16 KiB of the body of the response', async () => {
    let sent = 0;
    let closed = false;
    await using router = await setup((_request, response) => {
      response.writeHead(200);
      response.on('close', () => {
        closed = true;
      });
      const piece = 'x'.repeat(1_024);
      const write = () => {
        if (closed) return;
        sent += piece.length;
        response.write(piece, () => setImmediate(write));
      };
      write();
    });
    expect(await router.send(router.url, '', never)).toBe('taken');
    await eventually(() => expect(closed).toBe(true));
    // The operating system buffers further bytes between the two.
    expect(sent).toBeGreaterThanOrEqual(16 * 1_024);
    expect(sent).toBeLessThan(512 * 1_024);
  });

  it('closes its connections when the last use of them ends', async () => {
    const open = new Set<object>();
    await using router = await setup((request, response) => {
      open.add(request.socket);
      request.socket.once('close', () => open.delete(request.socket));
      response.writeHead(204).end();
    });
    const [one, other] = [router.connect(router.url), router.connect(router.url)];
    expect(await one.send('', { attempts: never })).toBe('taken');
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(await other.send('', { attempts: never })).toBe('taken');
    expect(open.size).toBeGreaterThan(0);
    other[Symbol.dispose]();
    await eventually(() => expect(open.size).toBe(0), soon);
  });

  it('opens no connection for a callback that is cancelled before its host is found', async () => {
    await using host = await startSilentHost();
    let find = () => {};
    const found = new Promise<void>((resolve) => {
      find = resolve;
    });
    const names: string[] = [];
    const lookup: Lookup = (hostname, _options, callback) => {
      names.push(hostname);
      void found.then(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));
    };
    await using router = await setup(status(204), { lookup });
    const leaving = new AbortController();
    const connection = router.connect(new URL(`http://router.example:${host.port}/callback`));
    const sending = connection.send('', { attempts: leaving.signal, request: leaving.signal });
    await eventually(() => expect(names).toHaveLength(1));
    leaving.abort();
    expect(await sending).toBe('failed');
    connection[Symbol.dispose]();
    find();
    // A connection of the one before would have come before this one.
    const last = router.connect(new URL(`http://127.0.0.1:${host.port}/callback`));
    void last.send('', { attempts: never });
    await eventually(() => expect(host.open).toBe(1));
    expect(host.opened).toBe(1);
    last[Symbol.dispose]();
    await eventually(() => expect(host.open).toBe(0));
  });

  it('a callback waits while 64 others to the same router are in flight', async () => {
    const waiting: (() => void)[] = [];
    await using router = await setup((_request, response) => {
      if (router.requests.at(-1)?.body === 'somebody else') response.end();
      else waiting.push(() => response.writeHead(204).end());
    });
    const outcomes = Array.from({ length: 70 }, () => router.send(router.url, '', never));
    await eventually(() => expect(waiting.length).toBeGreaterThanOrEqual(64));
    // Earlier messages would have arrived before this message.
    await fetch(router.url, { method: 'POST', body: 'somebody else' });
    expect(waiting).toHaveLength(64);
    for (const respond of waiting) respond();
    await eventually(() => expect(waiting).toHaveLength(70));
    for (const respond of waiting.slice(64)) respond();
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['taken']));
  });

  it('a callback in flight is cancelled when the client is disposed', async () => {
    await using router = await setup(() => {});
    const outcome = router.send(router.url, '', never);
    await eventually(() => expect(router.requests).toHaveLength(1));
    await router.client[Symbol.asyncDispose]();
    expect(await outcome).toBe('failed');
    expect([router.clock.pending(), router.clock.pending('deadline')]).toEqual([0, 0]);
  });
});

describe('a name', () => {
  it('is connected to at the address that was found to be allowed', async () => {
    const lookup = fakeLookup(['10.0.0.1', '::1', '127.0.0.1']);
    await using router = await setup(status(204), { lookup });
    expect(await router.send(router.namedUrl, '', never)).toBe('taken');
    expect(router.requests[0]?.headers.host).toBe(router.namedUrl.host);
    expect(lookup.names).toEqual(['router.example']);
  });

  it.each(['127.0.0.1', '169.254.169.254', '10.0.0.1', '::1', '::ffff:127.0.0.1', 'fd00::1', '0.0.0.0'])(
    'with the address %s alone is not called, and the log contains the ids of the request and the subscription',
    async (address) => {
      const lookup = fakeLookup([address]);
      await using router = await setup(status(204), { lookup, named: false });
      expect(await router.send(router.namedUrl, 'body', never)).toBe('failed');
      expect([router.requests.length, lookup.names.length]).toEqual([0, 1]);
      expect(router.lines.map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({
          msg: 'could not send a callback',
          requestId: 'request-1',
          callbackId: 'subscription-1',
        }),
      ]);
      expect(router.lines.join('')).not.toContain('body');
    },
  );

  it('a name is checked for each connection, so that a changed address is rejected', async () => {
    const lookup = fakeLookup(['127.0.0.1'], ['10.0.0.1']);
    const closing: Handler = (_request, response) => void response.writeHead(204, { connection: 'close' }).end();
    await using router = await setup(closing, { lookup });
    expect(await router.send(router.namedUrl, '', never)).toBe('taken');
    expect(await router.send(router.namedUrl, '', never)).toBe('failed');
    expect([router.requests.length, lookup.names.length]).toEqual([1, 2]);
  });

  it('a name that is not found is looked up again', async () => {
    let left = 1;
    const lookup: Lookup = (_hostname, _options, callback) => {
      left -= 1;
      if (left >= 0) callback(new Error('not found'), []);
      else callback(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    await using router = await setup(status(204), { lookup });
    expect(await router.clock.runUntil(router.send(router.namedUrl, '', never))).toBe('taken');
  });
});
