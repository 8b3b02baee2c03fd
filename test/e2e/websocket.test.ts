import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { profileDataset, startPlatform, startStub } from '../support/platform.ts';
import { transports } from '../support/transports.ts';
import {
  CreateExportJobDocument,
  ListExportJobsDocument,
  ViewerDocument,
  WatchExportJobsDocument,
} from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform, env: { CORS_ORIGINS: 'https://app.example' } });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const protocol = 'graphql-transport-ws';

/** A bare socket, for messages that the reference client never sends. */
class RawSocket implements AsyncDisposable {
  readonly socket: WebSocket;

  constructor(subprotocol: string = protocol, options: ClientOptions = {}, url: string = gateway.webSocketUrl) {
    this.socket = new WebSocket(url, subprotocol, options);
    // The test checks a rejected handshake. Without a listener it would be an uncaught error.
    this.socket.on('error', () => {});
  }

  async opened(): Promise<void> {
    await once(this.socket, 'open');
  }

  /** The code with which the gateway closed the socket. */
  closed(): Promise<number> {
    return new Promise((resolve) => this.socket.once('close', resolve));
  }

  /** The status with which the gateway rejected the handshake. */
  refused(): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.socket.once('unexpected-response', (request, response: IncomingMessage) => {
        resolve(response.statusCode);
        request.destroy();
      });
      this.socket.once('open', () => reject(new Error('The socket was opened.')));
    });
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async message(): Promise<unknown> {
    const [data] = await once(this.socket, 'message');
    return JSON.parse(String(data));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.terminate();
    await closed;
  }
}

/** A client that requests a socket at a wrong path, and never closes its end by itself. */
function refusedClient(): Socket {
  const { hostname, port } = new URL(gateway.url);
  const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  client.on('error', () => {});
  client.write('GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  return client;
}

const subscribers = () => gateway.metric('aep_watch_subscribers');
const nobodyWatches = () => eventually(async () => expect(await subscribers()).toBe(0));

describe('over a WebSocket', () => {
  it.each([
    ['flat', { 'x-sandbox-name': 'dev' }],
    ['under headers', { headers: { 'x-sandbox-name': 'dev' } }],
    ['in another case', { 'X-Sandbox-Name': 'dev' }],
    ['in both places, where the flat one counts', { 'x-sandbox-name': 'dev', headers: { 'x-sandbox-name': 'prod' } }],
  ])('the connection parameters name the sandbox, %s', async (_, connectionParams) => {
    const dev = await gateway.query(ListExportJobsDocument, { first: 100 }, { 'x-sandbox-name': 'dev' });
    const prod = await gateway.query(ListExportJobsDocument, { first: 100 });
    await using results = gateway.subscribe(ListExportJobsDocument, { first: 100 }, { connectionParams });
    expect(await results.take()).toEqual(dev);
    expect(dev).not.toEqual(prod);
    await using events = gateway.subscribe(WatchExportJobsDocument, {}, { connectionParams });
    const watched = (await events.take())?.exportJobChanged.job?.id;
    expect(dev.exportJobs.edges.map(({ node }) => node.id)).toContain(watched);
  });

  it.each([
    ['flat', { 'x-sandbox-name': 'prod' }],
    ['under headers', { headers: { 'X-Sandbox-Name': 'prod' } }],
    ['in the envelope of Cosmo', { extensions: { initialPayload: { 'x-sandbox-name': 'prod' } } }],
  ])(
    'a sandbox in the headers of the upgrade request takes precedence over connection_init, %s',
    async (_, payload) => {
      await using raw = new RawSocket(protocol, { headers: { 'x-sandbox-name': 'dev' } });
      await raw.opened();
      raw.send({ type: 'connection_init', payload });
      expect(await raw.message()).toEqual({ type: 'connection_ack' });
      raw.send({ id: '1', type: 'subscribe', payload: { query: '{ viewer { sandbox { name } } }' } });
      expect(await raw.message()).toMatchObject({ payload: { data: { viewer: { sandbox: { name: 'dev' } } } } });
    },
  );

  it('queries and mutations return their result, and then complete', async () => {
    await using viewer = gateway.subscribe(ViewerDocument, {});
    expect(await viewer.rest()).toEqual([await gateway.query(ViewerDocument, {})]);
    const input = { destination: { target: { datasetId: profileDataset } } };
    await using created = gateway.subscribe(CreateExportJobDocument, { input });
    expect(await created.rest()).toEqual([
      { createExportJob: expect.objectContaining({ __typename: 'CreateExportJobPayload' }) },
    ]);
  });

  it('errors of the request and of a field have the same form as over HTTP', async () => {
    for (const variables of [{ first: 0 }, { first: 5, after: 'nonsense' }]) {
      await using results = gateway.subscribe(ListExportJobsDocument, variables);
      const [error] = await results.failure();
      const { errors } = await gateway.execute(ListExportJobsDocument, variables);
      expect(error?.extensions).toEqual(errors[0]?.extensions);
      expect(error?.message).toBe(errors[0]?.message);
    }
    await using strange = gateway.subscribe(ViewerDocument, {}, { connectionParams: { 'x-sandbox-name': 'No Such!' } });
    // The gateway closes a socket of a caller without a valid tenant.
    await expect(strange.take()).rejects.toThrow(/4403/);
  });

  it('a subscription to a job that does not exist ends with NOT_FOUND', async () => {
    for (const transport of transports) {
      await using events = gateway.subscribe(WatchExportJobsDocument, { ids: ['99999999'] }, { transport });
      expect((await events.failure())[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', retryable: false });
    }
    await nobodyWatches();
  });

  it('a subscription to a job that has ended emits its state and completes', async () => {
    await using events = gateway.subscribe(WatchExportJobsDocument, { ids: ['24060', 'ExportJob:24055'] });
    const received = (await events.rest()).map(({ exportJobChanged }) => exportJobChanged);
    expect(received.map(({ kind, job }) => [kind, job?.id])).toEqual([
      ['SNAPSHOT', 'ExportJob:24060'],
      ['SNAPSHOT', 'ExportJob:24055'],
    ]);
  });

  it('a subscription continues after the last received event', async () => {
    await using holding = gateway.subscribe(WatchExportJobsDocument, {});
    await holding.take();
    const { createExportJob } = await gateway.query(CreateExportJobDocument, {
      input: { destination: { target: { datasetId: profileDataset } } },
    });
    const id = createExportJob.__typename === 'CreateExportJobPayload' ? createExportJob.exportJob.id : '';
    const seen = await holding.until(({ exportJobChanged: { job } }) => job?.id === id && job.isTerminal);
    const ofJob = seen.map(({ exportJobChanged }) => exportJobChanged).filter(({ job }) => job?.id === id);
    await using resumed = gateway.subscribe(WatchExportJobsDocument, { ids: [id], after: ofJob[0]?.cursor ?? '' });
    expect((await resumed.rest()).map(({ exportJobChanged }) => exportJobChanged)).toEqual(ofJob.slice(1));
    await using lost = gateway.subscribe(WatchExportJobsDocument, { ids: [id], after: 'no-such-epoch.7' });
    expect((await lost.rest()).map(({ exportJobChanged }) => exportJobChanged.kind)).toEqual(['RESYNC', 'SNAPSHOT']);
  });
});

describe('a silent subscription', () => {
  it.each(transports)('over %s is released when its client completes it', async (transport) => {
    await nobodyWatches();
    await using events = gateway.subscribe(WatchExportJobsDocument, { ids: ['24058'] }, { transport });
    expect((await events.take())?.exportJobChanged).toMatchObject({ kind: 'SNAPSHOT', job: { status: 'PROCESSING' } });
    expect(await subscribers()).toBe(1);
    await events.complete();
    await nobodyWatches();
  });

  it('and a completed query are aborted upstream too', async () => {
    await using stub = await startStub((request, response) => {
      request.resume();
      response.on('close', () => closed.push(request.url ?? ''));
      if (request.url?.startsWith('/ims/') !== true) return;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"access_token":"token","token_type":"bearer","expires_in":86399}');
    });
    const closed: string[] = [];
    await using slow = await startGateway({ platform: stub });
    await using raw = new RawSocket(protocol, {}, slow.webSocketUrl);
    await raw.opened();
    raw.send({ type: 'connection_init' });
    await raw.message();
    raw.send({ id: '1', type: 'subscribe', payload: { query: '{ exportJobs { nodes { id } } }' } });
    await stub.asked('/export/jobs');
    raw.send({ id: '1', type: 'complete' });
    await eventually(() => expect(closed.some((url) => url.includes('/export/jobs'))).toBe(true));
    expect(slow.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('is released when one of several on the same socket is completed, and all of them when the socket breaks', async () => {
    await nobodyWatches();
    await using raw = new RawSocket();
    await raw.opened();
    raw.send({ type: 'connection_init' });
    expect(await raw.message()).toEqual({ type: 'connection_ack' });
    for (const id of ['a', 'b']) {
      raw.send({
        id,
        type: 'subscribe',
        payload: { query: 'subscription { exportJobChanged(ids: ["24058"]) { kind } }' },
      });
      expect(await raw.message()).toMatchObject({
        id,
        type: 'next',
        payload: { data: { exportJobChanged: { kind: 'SNAPSHOT' } } },
      });
    }
    expect(await subscribers()).toBe(2);
    raw.send({ id: 'a', type: 'complete' });
    await eventually(async () => expect(await subscribers()).toBe(1));
    raw.socket.terminate();
    await nobodyWatches();
  });
});

describe('a socket', () => {
  it('without messages is closed after three seconds', async () => {
    await using raw = new RawSocket();
    await raw.opened();
    expect(await raw.closed()).toBe(4408);
  });

  it('that begins with an operation is closed', async () => {
    await using raw = new RawSocket();
    await raw.opened();
    raw.send({ id: '1', type: 'subscribe', payload: { query: '{ viewer { canWrite } }' } });
    expect(await raw.closed()).toBe(4401);
  });

  it.each(['not json', '{"type":"nonsense"}', '[]'])('that sends %s is closed', async (text) => {
    await using raw = new RawSocket();
    await raw.opened();
    raw.send(text);
    expect(await raw.closed()).toBe(4400);
  });

  it.each(['next', 'error', 'connection_ack'])(
    'that sends %s, which only servers may send, is closed without output',
    async (type) => {
      const printed = vi.spyOn(console, 'error');
      await using raw = new RawSocket();
      await raw.opened();
      raw.send({ id: '1', type, payload: type === 'error' ? [{ message: 'x' }] : {} });
      expect(await raw.closed()).toBe(4400);
      expect(printed).not.toHaveBeenCalled();
    },
  );

  it('that exceeds the size of a message is closed, and others continue', async () => {
    await using other = gateway.subscribe(WatchExportJobsDocument, {});
    await other.take();
    const printed = vi.spyOn(console, 'error');
    await using raw = new RawSocket();
    await raw.opened();
    raw.send('x'.repeat(1_000_001));
    expect(await raw.closed()).toBe(1009);
    expect(await subscribers()).toBe(1);
    // Standard error is reserved for the log.
    expect(printed).not.toHaveBeenCalled();
    expect(gateway.logs.some((line) => line.includes('Max payload size exceeded'))).toBe(true);
  });

  it('with the legacy subprotocol is rejected with 400', async () => {
    await using raw = new RawSocket('graphql-ws');
    expect(await raw.refused()).toBe(400);
  });

  it.each(['http://evil.example', 'null', 'https://app.example.evil.example'])(
    'from the page of %s is rejected with 403',
    async (origin) => {
      await using raw = new RawSocket(protocol, { origin });
      expect(await raw.refused()).toBe(403);
    },
  );

  it('from the gateway’s own page and from allowed ones is accepted', async () => {
    for (const origin of [gateway.url, 'https://app.example']) {
      await using raw = new RawSocket(protocol, { origin });
      await raw.opened();
      raw.send({ type: 'connection_init' });
      expect(await raw.message()).toEqual({ type: 'connection_ack' });
    }
  });

  it('at another path is rejected with 404', async () => {
    await using raw = new RawSocket(protocol, {}, `${gateway.webSocketUrl}x`);
    expect(await raw.refused()).toBe(404);
  });

  it('that is rejected is released, although its client does not close its end', async () => {
    const client = refusedClient();
    await once(client.resume(), 'end');
    // A peer that has released a connection resets it when more data arrives, which the next write shows.
    await eventually(() => {
      client.write('x');
      expect(client.destroyed).toBe(true);
    });
  });

  it('that is rejected does no harm when its client breaks the connection', async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const client = refusedClient();
      await once(client, 'connect');
      const closed = once(client, 'close');
      client.resetAndDestroy();
      await closed;
    }
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  });
});
