import { setMaxListeners } from 'node:events';
import { Pool } from 'undici';
import type { Clock } from '../runtime/clock.ts';
import { AcceptedCredentials } from './accepted-credentials.ts';
import type { PlatformRequest, UpstreamRequest } from './call.ts';
import type { ConnectionLimits } from './connection-share.ts';
import { createLedger } from './create-ledger.ts';
import type { CredentialReport } from './credential-report.ts';
import { createHttpClient } from './http-client.ts';
import type { UpstreamMetrics } from './metrics.ts';
import type { Upstream } from './platform-api.ts';
import { PlatformConnection } from './platform-connection.ts';
import { poolOptions } from './pool-options.ts';
import { proveCredential } from './prove-credential.ts';

export { createPassthroughCredential } from './credential.ts';
export { createCredentialReport } from './credential-report.ts';
export { type ClientCredential, createClientCredential } from './ims.ts';
export type { AnomalyKind, UpstreamMetrics } from './metrics.ts';
export { createOperationCalls } from './operation-calls.ts';

export interface UpstreamOptions {
  /** Base URL of the platform's APIs: `https://platform.adobe.io`, or the address of an emulator. May have a path. */
  readonly baseUrl: string | URL;
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
  /** Called for each call for which the platform rejected the gateway's own credential. */
  readonly credentialFailed: CredentialReport;
  /**
   * How long a call may take, with all its repetitions, the pauses between them and what it waits for the budget: there
   * is no other limit for a single attempt. Of a download: until its headers are there.
   * @default 30_000 // 30 seconds
   */
  readonly callTimeoutMs?: number;
  /** How often a read is sent at most; 1 for never again. @default 4 */
  readonly maxAttempts?: number;
  /**
   * Calls per second that one tenant can make in the long run, until the platform answers 429: then half of those it
   * made, and slowly more again. The platform publishes no figure, so the default stops only what runs away.
   * @default 4_000
   */
  readonly callsPerSecond?: number;
  /** Chance, from 0 to below 1. @default Math.random */
  readonly random?: () => number;
  /** Whether to ask Catalog for compressed answers. Over loopback they only cost. @default true */
  readonly compression?: boolean;
  /** Connections for downloads. One more waits until its deadline, so the caller bounds them. @default 128 */
  readonly downloadConnections?: number;
}

/** Calls in flight, each on a connection of its own; more of them wait their turn. */
const connections: ConnectionLimits = {
  total: 256,
  perOrganization: 64,
  perTenant: 48,
  perCredential: 32,
  unproven: 32,
};
/** Calls that a tenant can send at once after a pause, in seconds of its rate. */
const burstSeconds = 1;

/** The platform over HTTP. Dispose it to end all calls and close its connections. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { clock, metrics, compression = true } = options;
  const { callTimeoutMs = 30_000, maxAttempts = 4, callsPerSecond = 4_000, random = Math.random } = options;
  const { downloadConnections = 128 } = options;
  const { origin, pathname } = new URL(options.baseUrl);
  const callPool = new Pool(origin, { ...poolOptions, connections: connections.total });
  const downloadPool = new Pool(origin, { ...poolOptions, connections: downloadConnections });
  const basePath = pathname.replace(/\/+$/, '');
  const accepted = new AcceptedCredentials();
  const http = createHttpClient({
    calls: callPool,
    downloads: downloadPool,
    basePath,
    clock,
    metrics,
    callTimeoutMs,
    maxAttempts,
    ratePerSecond: callsPerSecond,
    burst: Math.max(1, callsPerSecond * burstSeconds),
    random,
    accepted,
    connections,
    credentialFailed: options.credentialFailed,
  });
  const ledger = createLedger(clock);

  const connect: Upstream['connect'] = (caller, { signal, priority = 'interactive', calls }) =>
    new PlatformConnection(() => {
      // One listener for each call in flight is no leak.
      if (signal instanceof AbortSignal) setMaxListeners(0, signal);
      // With every property, so that all requests have one shape, which is much faster to copy.
      const bind = (request: PlatformRequest): UpstreamRequest => ({
        service: request.service,
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        effect: request.effect,
        subject: request.subject,
        input: request.input,
        answer: request.answer,
        compressed: compression && request.compressed === true,
        sandboxed: request.sandboxed,
        timeoutMs: request.timeoutMs,
        caller,
        priority,
        calls,
        hastened: undefined,
        signal,
        ending: undefined,
        endsAtMs: undefined,
        lifetime: signal,
        authorization: undefined,
      });
      return {
        call: (request: PlatformRequest) => http.call(bind(request)),
        open: (request: PlatformRequest) => http.open(bind(request)),
        clock,
        metrics,
        tenant: caller.tenant,
        ledger,
      };
    });

  return {
    connect,
    isAccepted: (caller) => accepted.has(caller),
    prove: (caller, signal) => proveCredential(accepted, caller, connect(caller, { signal })),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([callPool.destroy(), downloadPool.destroy()]);
    },
  };
}
