import { createLoaders } from '../loaders/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Caller, Upstream } from '../upstream/platform-api.ts';
import type { Authenticate } from './authenticate.ts';
import type { AuthMode, GatewayContext, Watches } from './context.ts';
import type { DownloadLinks } from './download-links.ts';
import type { IdempotencyRecords } from './idempotency.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { RequestHeaders } from './request-headers.ts';

export interface ContextServices {
  readonly authenticate: Authenticate;
  readonly authMode: AuthMode;
  readonly upstream: Upstream;
  readonly watch: (caller: Caller) => Watches;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly idempotency: IdempotencyRecords;
  readonly downloads: DownloadLinks;
  readonly logger: Logger;
  /** Aborts when the gateway gives up what is still going on at its end. Bounds writes, which outlive their caller. */
  readonly lifetime: AbortSignal;
}

/** One operation, as a transport knows it. */
export interface OperationRequest {
  readonly headers: RequestHeaders;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

export type CreateContext = (request: OperationRequest) => Promise<GatewayContext>;

/**
 * Makes the context of each operation, the same way for every transport.
 * @throws what `authenticate` throws
 * @throws {RateLimitedError} the caller has made too many operations lately
 */
export function contextFactory(services: ContextServices): CreateContext {
  const { authenticate, authMode, upstream, watch, rateLimiter, clock, idempotency, downloads, logger, lifetime } =
    services;
  return async ({ headers, signal }) => {
    const session = await authenticate(headers);
    rateLimiter.take(session.principal);
    const { tenant, credential, ...rights } = session;
    const caller: Caller = { tenant, credential };
    const platform = upstream.connect(caller, { signal });
    return {
      tenant,
      ...rights,
      authMode,
      platform,
      writes: upstream.connect(caller, { signal: lifetime }),
      loaders: createLoaders(platform),
      watch: watch(caller),
      clock,
      once: (request, create) => idempotency.run({ ...request, tenant }, create),
      downloads: { linkTo: (file) => downloads.linkTo(caller, file) },
      signal,
      logger,
    };
  };
}
