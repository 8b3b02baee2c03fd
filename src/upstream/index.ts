import { Pool } from 'undici';
import type { PlatformMetrics } from '../metrics/platform.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { CredentialReport } from './caller.ts';
import { createAttempts } from './creates/attempts.ts';
import { proveCredential } from './credentials/prove-credential.ts';
import { createHttpClient } from './http/client.ts';
import { AcceptedCredentials } from './http/layers/acceptance.ts';
import type { ConnectionLimits } from './http/layers/connection-share.ts';
import { downloadPoolOptions, poolOptions } from './http/pool-options.ts';
import type { Upstream } from './platform-api.ts';
import { PlatformConnection } from './platform-connection.ts';

export { createPassthroughCredential } from './credentials/credential.ts';
export { createCredentialReport } from './credentials/credential-report.ts';
export { type ClientCredential, createClientCredential } from './credentials/ims.ts';
export { createOperationCalls } from './http/operation-calls.ts';
export type { AnomalyKind } from './types.ts';

export interface UpstreamOptions {
  /**
   * Base URL of the platform's APIs: `https://platform.adobe.io`, or the address of an emulator. It can have a path.
   */
  readonly baseUrl: string | URL;
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  /** Called for each call for which the platform rejected the gateway's own credential. */
  readonly credentialFailed: CredentialReport;
  /** Receives a line for each failed attempt of a call, within a limit. */
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /**
   * Deadline of a call in milliseconds, including its repetitions, the pauses between them and waiting for the budget.
   * A single attempt has no other limit. For a download the deadline ends with the headers.
   */
  readonly callTimeoutMs: number;
  /** Maximum number of attempts of a read; 1 turns repetition off. @default 4 */
  readonly maxAttempts?: number;
  /**
   * Calls per second of one tenant in the long run. A 429 halves the rate of the calls that were made, and the rate
   * then grows back slowly. The platform publishes no limit, so that the configured default stops only runaway clients.
   */
  readonly callsPerSecond: number;
  /** Random number, from 0 to below 1. @default Math.random */
  readonly random?: () => number;
  /** Whether to request compressed responses from Catalog. Over loopback, compression only costs time. @default true */
  readonly compression?: boolean;
  /**
   * Number of connections for downloads. A further download waits until its deadline, so that the caller must bound
   * them. @default 128
   */
  readonly downloadConnections?: number;
}

/** Maximum numbers of calls in flight, each on its own connection. Further calls wait. */
const connections: ConnectionLimits = {
  total: 256,
  perOrganization: 64,
  perTenant: 48,
  perCredential: 32,
  unproven: 32,
};
/** Size of a burst after a pause, in seconds of the tenant's rate. */
const burstSeconds = 1;

/** The platform over HTTP. Dispose it to end all calls and close its connections. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { clock, metrics, compression = true } = options;
  const { callTimeoutMs, maxAttempts = 4, callsPerSecond, random = Math.random } = options;
  const { downloadConnections = 128 } = options;
  const { origin, pathname } = new URL(options.baseUrl);
  const callPool = new Pool(origin, { ...poolOptions, connections: connections.total });
  const downloadPool = new Pool(origin, { ...downloadPoolOptions, connections: downloadConnections });
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
    logger: options.logger,
  });
  const shared = { http, clock, metrics, attempts: createAttempts(clock), compression };
  const connect: Upstream['connect'] = (caller, options) => new PlatformConnection(shared, caller, options);

  return {
    connect,
    isAccepted: (caller) => accepted.has(caller),
    prove: (caller, options) => proveCredential(accepted, caller, connect(caller, options)),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([callPool.destroy(), downloadPool.destroy()]);
    },
  };
}
