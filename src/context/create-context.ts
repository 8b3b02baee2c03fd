import type { BatchFile } from '../domain/batch.ts';
import { createLoaders } from '../loaders/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OperationCalls } from '../upstream/operation-calls.ts';
import type { Caller, PlatformApi, Upstream } from '../upstream/platform-api.ts';
import type { Authenticate, Session } from './authenticate.ts';
import type { AuthMode, GatewayContext, Watches } from './context.ts';
import type { DownloadLinks } from './download-links.ts';
import type { IdempotencyRecords } from './idempotency.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { RequestHeaders } from './request-headers.ts';

export interface ContextServices {
  readonly authenticate: Authenticate;
  readonly authMode: AuthMode;
  readonly upstream: Pick<Upstream, 'connect'>;
  /** Creates the counter of one operation, or of one event of a subscription. */
  readonly countCalls: () => OperationCalls;
  readonly watch: (caller: Caller) => Watches;
  readonly rateLimiter: RateLimiter;
  readonly clock: Clock;
  readonly idempotency: IdempotencyRecords;
  readonly downloads: DownloadLinks;
  /**
   * Where a caller reaches the gateway, without a trailing slash.
   * @param host the header `Host` of the caller's request; null when it had none
   */
  readonly publicUrl: (host: string | null) => string;
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
  const {
    authenticate,
    authMode,
    upstream,
    countCalls,
    watch,
    rateLimiter,
    clock,
    idempotency,
    downloads,
    publicUrl: publicUrlOf,
    logger,
    lifetime,
  } = services;
  const contextOf = (session: Session, signal: AbortSignal, publicUrl: string): GatewayContext => {
    const { credential, ...known } = session;
    const { tenant } = known;
    const caller: Caller = { tenant, credential };
    const calls = countCalls();
    const context: GatewayContext = {
      ...known,
      credentialFingerprint: credential.fingerprint,
      authMode,
      writes: upstream.connect(caller, { signal: lifetime, calls }),
      loaders: createLoaders(upstream.connect(caller, { signal, calls })),
      watch: watch(caller),
      clock,
      once: (request, create) => idempotency.run({ ...request, tenant }, create),
      publicUrl,
      downloads: { linkTo: oncePer((file: BatchFile) => downloads.linkTo(caller, file, publicUrl)) },
      signal,
      logger,
      forEvent: (eventSignal) =>
        eventSignal === null
          ? { ...context, loaders: context.loaders.fresh(nobody), writes: nobody, downloads: noLinks, signal: lifetime }
          : {
              ...context,
              loaders: context.loaders.fresh(upstream.connect(caller, { signal: eventSignal, calls: countCalls() })),
              signal: eventSignal,
            },
    };
    return context;
  };
  return async ({ headers, signal }) => {
    const session = await authenticate(headers);
    rateLimiter.take(session.principal);
    return contextOf(session, signal, publicUrlOf(headers('host')));
  };
}

/** Calls a function once for each object, for as long as the object is in use. */
function oncePer<Subject extends object, Result>(make: (subject: Subject) => Result): (subject: Subject) => Result {
  const made = new WeakMap<Subject, Result>();
  return (subject) => {
    const known = made.get(subject);
    if (known !== undefined) return known;
    const result = make(subject);
    made.set(subject, result);
    return result;
  };
}

const unmarked = (): never => {
  throw new Error('A field that depends on the caller is not marked with `upstreamCalls` where it is defined.');
};
/** Stands where no caller is: what all subscribers of a tenant are told must not come from the rights of one. */
const nobody: PlatformApi = new Proxy({} as PlatformApi, { get: unmarked });
const noLinks: GatewayContext['downloads'] = { linkTo: unmarked };
