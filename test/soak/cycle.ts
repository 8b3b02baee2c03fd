import { connect, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { encodeFrame, textFrame } from '../support/frames.ts';
import { type Transport, transports } from '../support/transports.ts';
import { upgradeRequest } from '../support/upgrade-request.ts';

/** Moments at which a client disconnects. */
export const moments = [
  /** Nothing has been sent yet. */
  'connected',
  /** Before the operation: the handshake is complete, or half of a request is sent. */
  'before-init',
  /** The operation has been sent, and no response has arrived. */
  'subscribing',
  /** The first event is arriving. */
  'snapshot',
  /** All current events have arrived, and nothing happens. */
  'silent',
  /** A later event is arriving. */
  'event',
] as const;
export const endings = ['reset', 'close', 'half-close'] as const;

/** One client, from its connection to its end. */
export interface CyclePlan {
  readonly transport: Transport;
  readonly watched: keyof typeof documents;
  readonly moment: (typeof moments)[number];
  readonly ending: (typeof endings)[number];
}

const documents = {
  exportJobs: 'subscription { exportJobChanged { kind cursor job { id status } } }',
  segmentJobs: 'subscription { segmentJobChanged { kind cursor job { id status } } }',
  schedules: 'subscription { scheduleChanged { kind cursor schedule { id state } } }',
} as const;

/** Time without events after which a client disconnects, in milliseconds: some polling rounds. */
const silenceMs = 60;
/** Maximum time that a client waits for the gateway, in milliseconds. It is far longer than needed. */
const patienceMs = 10_000;

const plan: fc.Arbitrary<CyclePlan> = fc
  .record({
    transport: fc.constantFrom(...transports),
    watched: fc.constantFrom('exportJobs', 'segmentJobs', 'schedules'),
    moment: fc.constantFrom(...moments),
    ending: fc.constantFrom(...endings),
  })
  // Only export jobs are created meanwhile.
  .map((each) => (each.moment === 'event' ? { ...each, watched: 'exportJobs' } : each));

/** Plans of a seed; always the same for the same seed. */
export const plansOf = (seed: number, count: number): readonly CyclePlan[] => fc.sample(plan, { seed, numRuns: count });

/**
 * Connects, proceeds to the planned moment and disconnects. It resolves when the connection is closed on both ends.
 * @throws when the gateway does not respond, or does not close a connection whose client has closed its half
 */
export async function runCycle(url: string, plan: CyclePlan): Promise<void> {
  const requests = await requestsOf(url, plan);
  const client = new RawClient(new URL(url));
  try {
    await reach(client, plan, requests);
    await client.end(plan.ending);
  } catch (error) {
    throw new Error(`${plan.transport}, ${plan.watched}, ${plan.moment}, ${plan.ending}`, { cause: error });
  } finally {
    client.destroy();
  }
}

/** Messages of a client, in the order of its life. */
interface Requests {
  /** Bytes before any operation. */
  readonly open: Uint8Array;
  /**
   * Response that must arrive before the operation may be sent; null when only half a request is sent, which gets no
   * response.
   */
  readonly opened: string | null;
  /** Resolves when the operation has been sent. */
  readonly subscribe: (client: RawClient) => Promise<void>;
}

async function reach(client: RawClient, { moment }: CyclePlan, requests: Requests): Promise<void> {
  await client.connected;
  if (moment === 'connected') return;
  await client.send(requests.open);
  if (requests.opened !== null) await client.received(requests.opened);
  if (moment === 'before-init') return;
  const subscribed = requests.subscribe(client);
  if (moment === 'subscribing') {
    // The connection ends while this is in flight.
    subscribed.catch(() => undefined);
    await turn();
    return;
  }
  await subscribed;
  await client.received('"data":');
  if (moment === 'silent') await sleep(silenceMs);
  if (moment === 'event') await client.received(/"kind":"(?:CREATED|CHANGED)"/);
}

async function requestsOf(url: string, { transport, watched }: CyclePlan): Promise<Requests> {
  const query = documents[watched];
  switch (transport) {
    case 'websocket': {
      const frame = (message: object) => encodeFrame(textFrame(JSON.stringify(message)));
      return {
        open: Buffer.from(upgradeRequest),
        opened: '101 Switching Protocols',
        subscribe: async (client) => {
          await client.send(frame({ type: 'connection_init' }));
          await client.received('connection_ack');
          await client.send(frame({ id: '1', type: 'subscribe', payload: { query } }));
        },
      };
    }
    case 'sse':
    case 'multipart': {
      const accept = transport === 'sse' ? 'text/event-stream' : 'multipart/mixed;subscriptionSpec="1.0"';
      const request = Buffer.from(post(JSON.stringify({ query }), `Accept: ${accept}`));
      const half = request.length / 2;
      return {
        open: request.subarray(0, half),
        opened: null,
        subscribe: (client) => client.send(request.subarray(half)),
      };
    }
    case 'sse-single': {
      const stream = `${url}/graphql/stream`;
      const token = await (await fetch(stream, { method: 'PUT' })).text();
      const headers = { 'x-graphql-event-stream-token': token };
      const open = ['GET /graphql/stream HTTP/1.1', 'Host: 127.0.0.1', 'Accept: text/event-stream'];
      return {
        open: Buffer.from([...open, `X-GraphQL-Event-Stream-Token: ${token}`, '\r\n'].join('\r\n')),
        opened: '200 OK',
        subscribe: async () => {
          const body = JSON.stringify({ query, extensions: { operationId: '1' } });
          const answer = await fetch(stream, {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body,
          });
          await answer.text();
        },
      };
    }
  }
}

const post = (body: string, header: string): string =>
  [
    'POST /graphql HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    header,
    '',
    body,
  ].join('\r\n');

/** A connection whose bytes and end are fully controlled by the client. */
class RawClient {
  readonly connected: Promise<void>;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  #text = '';
  #waiting: { readonly wanted: string | RegExp; readonly resolve: () => void } | null = null;

  constructor({ hostname, port }: URL) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    this.connected = this.#orGone(new Promise((resolve) => socket.once('connect', () => resolve())));
    // The expected texts are ASCII.
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#look();
    });
    // The gateway may reset a connection that the client resets.
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.#orGone(new Promise((resolve) => this.#socket.write(bytes, () => resolve())));
  }

  /** Resolves when an expected text has arrived, and discards the text up to it. */
  received(wanted: string | RegExp): Promise<void> {
    const come = new Promise<void>((resolve) => {
      this.#waiting = { wanted, resolve };
      this.#look();
    });
    return this.#orGone(come, `no ${wanted} in ${patienceMs} ms`);
  }

  async end(ending: CyclePlan['ending']): Promise<void> {
    switch (ending) {
      case 'reset':
        this.#socket.resetAndDestroy();
        break;
      case 'close':
        this.#socket.destroy();
        break;
      case 'half-close':
        this.#socket.end();
        break;
    }
    await within(this.#closed, 'the connection stays open');
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #look(): void {
    const { wanted, resolve } = this.#waiting ?? {};
    if (wanted === undefined || this.#text.search(wanted) < 0) return;
    this.#waiting = null;
    this.#text = '';
    resolve?.();
  }

  #orGone(wanted: Promise<void>, what = 'no connection'): Promise<void> {
    const gone = this.#closed.then(() =>
      Promise.reject(new Error(`The gateway closed the connection after ${this.#text}`)),
    );
    return within(Promise.race([wanted, gone]), what);
  }
}

async function within(wanted: Promise<void>, what: string): Promise<void> {
  const stop = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: stop.signal }).then(() => Promise.reject(new Error(what)));
  // The losing promise may still reject, which is ignored.
  late.catch(() => undefined);
  try {
    await Promise.race([wanted, late]);
  } finally {
    stop.abort();
  }
}
