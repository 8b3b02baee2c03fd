import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseTenant, type Tenant } from '../../../src/domain/tenant.ts';
import type { PlatformMetrics } from '../../../src/metrics/platform.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import type { Caller, Credential } from '../../../src/upstream/caller.ts';
import {
  type ClientCredential,
  createClientCredential,
  createPassthroughCredential,
  createUpstream,
  type UpstreamOptions,
} from '../../../src/upstream/index.ts';
import type { PlatformApi, Upstream } from '../../../src/upstream/platform-api.ts';
import type { OperationCalls, PlatformWrite } from '../../../src/upstream/types.ts';
import { defaultUpstream } from '../../support/default-config.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface PlatformStub extends AsyncDisposable {
  readonly url: string;
  /** All requests so far, in the order in which they were complete. */
  readonly requests: readonly ReceivedRequest[];
  /** Connections that are open. */
  readonly connections: number;
  /** Resolves when at least `count` requests have arrived. */
  received(count: number): Promise<void>;
}

/** Its result is awaited and otherwise ignored. */
export type Respond = (request: ReceivedRequest, response: ServerResponse) => unknown;

/** An HTTP server on loopback that responds as the test configures, and records its requests. */
export async function startStub(respond: Respond): Promise<PlatformStub> {
  const requests: ReceivedRequest[] = [];
  const waiters = new Set<() => void>();
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://stub');
    const request = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    };
    requests.push(request);
    for (const waiter of waiters) waiter();
    await respond(request, response);
  });
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    received: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (requests.length < count) return;
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        check();
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** Never responds. */
export const silence: Respond = () => {};

/** Remembers what was counted. */
export class MetricsRecorder implements PlatformMetrics {
  readonly calls: Parameters<PlatformMetrics['callEnded']>[0][] = [];
  readonly anomalies: Parameters<PlatformMetrics['anomaly']>[0][] = [];

  readonly #waiters = new Set<{ readonly count: number; resolve(): void }>();

  callEnded(call: Parameters<PlatformMetrics['callEnded']>[0]): void {
    this.calls.push(call);
    for (const waiter of this.#waiters) if (this.calls.length >= waiter.count) waiter.resolve();
  }

  /** Resolves when at least `count` calls have ended, after what followed at once from the last one. */
  async ended(count: number): Promise<void> {
    if (this.calls.length < count) await new Promise<void>((resolve) => this.#waiters.add({ count, resolve }));
    await new Promise(setImmediate);
  }

  anomaly(anomaly: Parameters<PlatformMetrics['anomaly']>[0]): void {
    this.anomalies.push(anomaly);
  }

  readonly retries: Parameters<PlatformMetrics['retried']>[0][] = [];
  retried(retry: Parameters<PlatformMetrics['retried']>[0]): void {
    this.retries.push(retry);
  }

  readonly sharedCalls: Parameters<PlatformMetrics['shared']>[0][] = [];
  shared(call: Parameters<PlatformMetrics['shared']>[0]): void {
    this.sharedCalls.push(call);
  }

  readonly circuitChanges: Parameters<PlatformMetrics['circuitChanged']>[0][] = [];
  circuitChanged(circuit: Parameters<PlatformMetrics['circuitChanged']>[0]): void {
    this.circuitChanges.push(circuit);
  }

  /** Reads the budgets of all tenants. */
  budgets: Parameters<PlatformMetrics['watchBudgets']>[0] = () => {
    throw new Error('No budgets are reported.');
  };
  watchBudgets(numbers: Parameters<PlatformMetrics['watchBudgets']>[0]): void {
    this.budgets = numbers;
  }

  readonly budgetWaits: Parameters<PlatformMetrics['budgetWaited']>[0][] = [];
  budgetWaited(wait: Parameters<PlatformMetrics['budgetWaited']>[0]): void {
    this.budgetWaits.push(wait);
  }

  readonly lostCreates: Parameters<PlatformMetrics['createLost']>[0][] = [];
  createLost(create: Parameters<PlatformMetrics['createLost']>[0]): void {
    this.lostCreates.push(create);
  }
}

export const passthrough: Credential = createPassthroughCredential({ authorization: 'Bearer t-1', apiKey: 'key' });

/** A credential of the gateway's own, of a token host. */
export const clientCredential = (imsUrl: string, clock = new FakeClock()): ClientCredential =>
  createClientCredential({
    imsUrl,
    clientId: 'client',
    clientSecret: 'secret',
    scopes: [],
    clock,
    metrics: new MetricsRecorder(),
    failed: () => {},
  });

const tenant = parseTenant('0123456789ABCDEF01234567@AdobeOrg', 'prod');
if (tenant === null) throw new Error('The tenant of the tests is none.');
export const caller = (credential: Credential = passthrough): Caller => ({ tenant, credential });

export interface TestClient extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly api: PlatformApi;
  /** The same, as the watcher has it. */
  readonly poll: PlatformApi;
  /** The same for another tenant. */
  as(tenant: Tenant): PlatformApi;
  /** The reported writes, in the order of their ends. */
  readonly writes: readonly PlatformWrite[];
  readonly metrics: MetricsRecorder;
  readonly clock: FakeClock;
}

export interface TestClientOptions
  extends Partial<
    Pick<UpstreamOptions, 'callTimeoutMs' | 'maxAttempts' | 'callsPerSecond' | 'random' | 'downloadConnections'>
  > {
  readonly credential?: Credential;
  readonly signal?: AbortSignal;
  /** What `api` counts its calls against. */
  readonly calls?: OperationCalls;
  readonly clock?: FakeClock;
}

/** The clients under test, connected to a stub. No call is repeated unless the test enables it. */
export function connectTo(url: string, options: TestClientOptions = {}): TestClient {
  const metrics = new MetricsRecorder();
  const {
    clock = new FakeClock(),
    credential,
    signal = new AbortController().signal,
    maxAttempts = 1,
    calls,
    ...rest
  } = options;
  const upstream = createUpstream({
    ...defaultUpstream,
    baseUrl: url,
    clock,
    metrics,
    maxAttempts,
    credentialFailed: () => {},
    logger: createLogger({ level: 'silent' }),
    ...rest,
  });
  const writes: PlatformWrite[] = [];
  const reportWrite = (write: PlatformWrite) => void writes.push(write);
  return {
    upstream,
    api: upstream.connect(caller(credential), { signal, calls, reportWrite }),
    poll: upstream.connect(caller(credential), { signal, priority: 'poll' }),
    as: (tenant) => upstream.connect({ ...caller(credential), tenant }, { signal, reportWrite }),
    writes,
    metrics,
    clock,
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

/** Counts the listeners that a signal has from now on. */
export function countListeners(signal: AbortSignal): () => number {
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...[type, listener, options]: Parameters<typeof add>) => {
    listeners += 1;
    add(type, listener, options);
  };
  signal.removeEventListener = (...[type, listener, options]: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(type, listener, options);
  };
  return () => listeners;
}
