import type { BatchFile } from '../domain/batch.ts';
import type { Tenant } from '../domain/tenant.ts';
import { ForbiddenError } from '../errors.ts';
import { createLoaders } from '../loaders/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OperationCalls } from '../upstream/operation-calls.ts';
import type { Caller, PlatformApi, Upstream } from '../upstream/platform-api.ts';
import type { Session } from './authenticate.ts';
import type { AuthMode, GatewayContext, Watches } from './context.ts';
import type { DownloadLinks } from './download-links.ts';
import type { IdempotencyRecords } from './idempotency.ts';

export interface ContextServices {
  readonly authMode: AuthMode;
  readonly upstream: Pick<Upstream, 'connect' | 'prove'>;
  /** Creates the counter of one operation, or of one event of a subscription. */
  readonly countCalls: () => OperationCalls;
  readonly watch: (caller: Caller) => Watches;
  readonly clock: Clock;
  readonly idempotency: IdempotencyRecords;
  readonly downloads: DownloadLinks;
  /**
   * URL at which a caller reaches the gateway, without a trailing slash.
   * @param host the header `Host` of the caller's request; null when it had none
   */
  readonly publicUrl: (host: string | null) => string;
  readonly logger: Logger;
  /** Aborts when the gateway gives up what is still going on at its end. Bounds writes, which outlive their caller. */
  readonly lifetime: AbortSignal;
}

/** One operation of an authenticated caller. */
export interface OperationRequest {
  readonly session: Session;
  /** Header Host of the client's request; null if it has none. */
  readonly host: string | null;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

export type CreateContext = (request: OperationRequest) => GatewayContext;

/** Makes the context of each operation, the same way for every transport. */
export function contextFactory(services: ContextServices): CreateContext {
  const { authMode, upstream, countCalls, watch, clock, idempotency, downloads, publicUrl: publicUrlOf } = services;
  const { logger, lifetime } = services;
  return ({ session, host, signal }) => {
    const publicUrl = publicUrlOf(host);
    const { credential, ...known } = session;
    const { tenant } = known;
    const caller: Caller = { tenant, credential };
    const calls = countCalls();
    const context: GatewayContext = {
      ...known,
      credentialFingerprint: credential.fingerprint,
      authMode,
      assertReader: async () => {
        if (!session.canRead) throw new ForbiddenError({ message: 'The token does not allow reading.' });
        // In the other modes the platform has no credential of the caller.
        if (authMode === 'PASSTHROUGH') await upstream.prove(caller, signal);
      },
      writes: upstream.connect(caller, { signal: lifetime, calls }),
      loaders: createLoaders(upstream.connect(caller, { signal, calls })),
      watch: watch(caller),
      clock,
      once: (request, create) => idempotency.run({ ...request, tenant, signal }, create),
      publicUrl,
      downloads: { linkTo: oncePer((file: BatchFile) => downloads.linkTo(caller, file, publicUrl)) },
      signal,
      logger,
      forEvent: (eventSignal) => ({
        ...context,
        loaders: context.loaders.fresh(upstream.connect(caller, { signal: eventSignal, calls: countCalls() })),
        signal: eventSignal,
      }),
      forTenant: () => tenantContext(tenant, services),
    };
    return context;
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

/** Every subscriber of a tenant has proved that it may read, and none of them is named here. */
function tenantContext(
  tenant: Tenant,
  { authMode, clock, logger, lifetime }: Pick<ContextServices, 'authMode' | 'clock' | 'logger' | 'lifetime'>,
): GatewayContext {
  return {
    tenant,
    authMode,
    clock,
    logger,
    signal: lifetime,
    canRead: true,
    canWrite: false,
    loaders: createLoaders(callerless<PlatformApi>()),
    writes: callerless<GatewayContext['writes']>(),
    watch: callerless<Watches>(),
    downloads: callerless<GatewayContext['downloads']>(),
    assertReader: unmarked,
    once: unmarked,
    forEvent: unmarked,
    forTenant: unmarked,
    get principal() {
      return unmarked();
    },
    get credentialFingerprint() {
      return unmarked();
    },
    get allowedSandboxes() {
      return unmarked();
    },
    get expiresAt() {
      return unmarked();
    },
    get publicUrl() {
      return unmarked();
    },
  };
}

const unmarked = (): never => {
  throw new Error('A field that depends on the caller is not marked with `upstreamCalls` where it is defined.');
};
/** Stands in for an object of a caller. The cast is safe, because every use of a member throws. */
const callerless = <Used extends object>(): Used => new Proxy({} as Used, { get: unmarked });
