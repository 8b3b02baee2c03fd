import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type AuthConfig, type Config, ConfigurationError } from './config.ts';
import { type Authenticate, embeddedAuthentication, passthroughAuthentication } from './context/authenticate.ts';
import type { AuthMode, Watches } from './context/context.ts';
import { contextFactory } from './context/create-context.ts';
import { createDownloadLinks } from './context/download-links.ts';
import { createMemoryIdempotencyRecords, type IdempotencyRecords } from './context/idempotency.ts';
import { createKeySet } from './context/key-set.ts';
import { createRateLimiter } from './context/rate-limiter.ts';
import { createRedisIdempotencyRecords } from './context/redis-idempotency.ts';
import type { RequestHeaders } from './context/request-headers.ts';
import { serviceAuthentication } from './context/service-authentication.ts';
import { createSubscriptionQuota } from './context/subscription-quota.ts';
import type { ExportJob } from './domain/export-job.ts';
import type { Schedule } from './domain/schedule.ts';
import type { SegmentJob } from './domain/segment-job.ts';
import type { Tenant } from './domain/tenant.ts';
import { ShuttingDownError } from './errors.ts';
import type { EventLog } from './events/event-log.ts';
import { createMemoryEventLog } from './events/memory-event-log.ts';
import { createRedisEventLog } from './events/redis-event-log.ts';
import { feedKeys } from './events/redis-keys.ts';
import type { Watch } from './events/watch.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { exportJobSource } from './poller/export-job-feed.ts';
import type { PollCoordinator } from './poller/poll-coordinator.ts';
import { createRedisCoordinator, leaseMsFor } from './poller/redis-coordinator.ts';
import { scheduleSource } from './poller/schedule-feed.ts';
import { segmentJobSource } from './poller/segment-job-feed.ts';
import { createWatchRegistry, type RightProof } from './poller/watch-registry.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { isLoopback } from './runtime/loopback.ts';
import { startRedis } from './runtime/redis.ts';
import { createRedisStreamReader } from './runtime/redis-stream-reader.ts';
import { schema } from './schema/index.ts';
import { createCallbacks } from './server/callbacks.ts';
import {
  createAutomaticDocuments,
  createTrustedDocuments,
  type FindDocument,
  parseTrustedDocuments,
} from './server/documents.ts';
import { createFileHandler } from './server/files.ts';
import { createErrorMask } from './server/graphql-error.ts';
import type { ServesHost } from './server/host.ts';
import { createHttpServer } from './server/http.ts';
import { createLiveConnections } from './server/live-connections.ts';
import { startWebSocketServer } from './server/websocket.ts';
import { createYogaServer } from './server/yoga.ts';
import { createClientCredential, createPassthroughCredential, createUpstream } from './upstream/index.ts';
import type { Caller, Credential, PlatformApi } from './upstream/platform-api.ts';

export interface AppOptions {
  readonly config: Config;
  /** Where the platform is: the configured one, or the emulator started beside. */
  readonly platform: { readonly baseUrl: string; readonly imsUrl: string };
  /** @default the clock of the machine */
  readonly clock?: Clock;
  /**
   * Time on the connections to clients: pings, how long a client may be silent, the drain. A test that moves `clock` by
   * minutes leaves clients behind which answer in real time. @default the clock of the machine, whatever `clock` is
   */
  readonly connectionClock?: Clock;
  /** @default JSON lines on standard error */
  readonly logger?: Logger;
}

/** A gateway that listens. Closing it ends everything that it started. */
export interface App extends AsyncDisposable {
  /** `http://HOST:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Builds the gateway and listens: the one place where its parts are put together.
 * @throws {ConfigurationError} the file of trusted documents cannot be read, or holds something else
 * @throws the error of `listen`, with its `code`, after everything that had been started is closed again
 */
export async function startApp(options: AppOptions): Promise<App> {
  const lifecycle = new Lifecycle();
  try {
    return await start(options, lifecycle);
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

/**
 * Sockets and event streams that one caller may open: all that it may have subscriptions for at once, as after the start
 * of another version, and no more in the long run than clients need that come and go.
 */
const connectionRate = { perSecond: 500, burst: 10_000 };

async function start(
  { config, platform, clock = systemClock, connectionClock = systemClock, logger }: AppOptions,
  lifecycle: Lifecycle,
): Promise<App> {
  const log = logger ?? createLogger({ level: config.logLevel });
  const metrics = createMetrics();
  const findDocument = await documents(config.trustedDocuments);

  const lifetime = new AbortController();
  const upstream = createUpstream({
    baseUrl: platform.baseUrl,
    clock,
    metrics: metrics.upstream,
    callTimeoutMs: config.upstream.timeoutMs,
    callsPerSecond: config.upstream.callsPerSecond,
    compression: config.platform.kind === 'remote',
  });
  lifecycle.add('upstream connections', () => upstream[Symbol.asyncDispose]());
  lifecycle.add('calls upstream', () =>
    lifetime.abort(new ShuttingDownError({ message: 'The gateway is going down.' })),
  );

  const { ownCredential, authenticate } = authentication(config.auth, { platform, clock, metrics, lifecycle, log });

  const shared = shareState(config, { clock, lifecycle, log });
  const watching = {
    clock,
    logger: log,
    metrics: metrics.polls,
    pollMinMs: config.polling.minMs,
    pollMaxMs: config.polling.maxMs,
    authorizationLeaseMs: config.polling.authorizationLeaseMs,
    confirmStateMs: config.polling.confirmStateMs,
  };
  const feeds = {
    exportJobs: createWatchRegistry({ ...watching, ...shared.feeds(exportJobSource), source: exportJobSource }),
    segmentJobs: createWatchRegistry({ ...watching, ...shared.feeds(segmentJobSource), source: segmentJobSource }),
    schedules: createWatchRegistry({ ...watching, ...shared.feeds(scheduleSource), source: scheduleSource }),
  };
  metrics.watch(exportJobSource.kind, () => feeds.exportJobs.stats());
  metrics.watch(segmentJobSource.kind, () => feeds.segmentJobs.stats());
  metrics.watch(scheduleSource.kind, () => feeds.schedules.stats());

  /** A right that the gateway's own credential gives needs no proof; one that the caller's gives is proved by using it. */
  const proof = (caller: Caller, read: (api: PlatformApi) => Promise<unknown>): RightProof | null =>
    ownCredential === null
      ? {
          credential: caller.credential.fingerprint,
          prove: async (signal) => void (await read(upstream.connect(caller, { signal }))),
        }
      : null;
  const poll = (caller: Caller) => (signal: AbortSignal) => upstream.connect(caller, { signal, priority: 'poll' });
  // An operation watches one kind at most, and most watch none.
  class CallerWatches implements Watches {
    readonly #caller: Caller;

    constructor(caller: Caller) {
      this.#caller = caller;
    }

    get exportJobs(): Watch<ExportJob> {
      const api = poll(this.#caller);
      return feeds.exportJobs.connect(this.#caller.tenant, {
        exportJobs: (signal) => api(signal).exportJobs,
        proof: proof(this.#caller, ({ exportJobs }) => exportJobs.list({ limit: 1 })),
      });
    }

    get segmentJobs(): Watch<SegmentJob> {
      const api = poll(this.#caller);
      return feeds.segmentJobs.connect(this.#caller.tenant, {
        segmentJobs: (signal) => api(signal).segmentJobs,
        proof: proof(this.#caller, ({ segmentJobs }) => segmentJobs.list({ limit: 1 })),
      });
    }

    get schedules(): Watch<Schedule> {
      const api = poll(this.#caller);
      return feeds.schedules.connect(this.#caller.tenant, {
        schedules: (signal) => api(signal).schedules,
        proof: proof(this.#caller, ({ schedules }) => schedules.list()),
      });
    }
  }

  let publicUrl = config.server.publicUrl ?? '';
  const downloads = createDownloadLinks({
    clock,
    secret: config.downloads.secret ?? randomBytes(32),
    ttlMs: config.downloads.linkTtlMs,
    publicUrl: () => publicUrl,
    ownCredential,
  });

  const connections = createLiveConnections({ clock: connectionClock });
  lifecycle.add('live connections', () => connections[Symbol.dispose]());
  const connectionLimiter = createRateLimiter({ ...connectionRate, clock });
  /** Called for each connection over which operations are to come. */
  const authorize = async (headers: RequestHeaders) => {
    const session = await authenticate(headers);
    connectionLimiter.take(session.principal);
    return session;
  };

  const maskError = createErrorMask(log, { suggestions: config.server.introspection });
  const callbacks = createCallbacks({
    config: config.callbacks,
    clock: connectionClock,
    connections,
    logger: log,
    maskError,
  });
  const yoga = createYogaServer({
    schema,
    createContext: contextFactory({
      authenticate,
      authMode: authModes[config.auth.mode],
      upstream,
      watch: (caller) => new CallerWatches(caller),
      clock,
      rateLimiter: createRateLimiter({ ...config.limits.rate, clock }),
      idempotency: shared.idempotency,
      downloads,
      logger: log,
      lifetime: lifetime.signal,
    }),
    logger: log,
    maskError,
    corsOrigins: config.server.corsOrigins,
    graphiql: config.server.graphiql,
    introspection: config.server.introspection,
    limits: config.limits.operation,
    subscriptionQuota: createSubscriptionQuota(config.limits.subscriptions.perPrincipal),
    findDocument,
    connections,
    callbacks,
    maxOperations: config.limits.subscriptions.perSocket,
    authorize,
  });

  // Elsewhere callers bring a credential, which no page has that only made its own name lead here.
  const publicHost = config.server.publicUrl === null ? null : new URL(config.server.publicUrl).host;
  const servesHost: ServesHost = ({ hostname, host }) =>
    config.auth.mode !== 'embedded' || isLoopback(hostname) || host === publicHost;

  const http = createHttpServer({
    graphql: (request, response) => yoga(request, response),
    files: createFileHandler({
      open: downloads.open,
      source: ({ caller, file }, signal) => {
        const { files } = upstream.connect(caller, { signal });
        return { stat: () => files.stat(file), read: (range) => files.read({ ...file, range }) };
      },
      clock,
      logger: log,
    }),
    metrics: metrics.render,
    maxBodyBytes: config.server.maxBodyBytes,
    servesHost,
    logger: log,
  });
  const address = await http.listen(config.server);
  // Closing goes in the opposite order: clients first, so that they are not told that what they watch has failed.
  for (const [kind, feed] of Object.entries(feeds)) lifecycle.add(`watches of ${kind}`, () => feed.close());
  const webSockets = startWebSocketServer({
    server: http.server,
    yoga,
    corsOrigins: config.server.corsOrigins,
    servesHost,
    maxMessageBytes: config.server.maxBodyBytes,
    maxOperations: config.limits.subscriptions.perSocket,
    connections,
    findDocument,
    clock: connectionClock,
    logger: log,
    maskError,
    authorize,
  });
  lifecycle.add('WebSocket server', () => webSockets[Symbol.asyncDispose]());
  if (callbacks !== null) lifecycle.add('callbacks', () => callbacks[Symbol.asyncDispose]());
  const { drainMs } = config.server;
  lifecycle.add('connections', () => http.close({ clock: connectionClock, drainMs, connections }));
  lifecycle.add('readiness', () => http.startDraining());

  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const url = `http://${host}:${address.port}`;
  if (publicUrl === '') publicUrl = url;
  return { url, close: () => lifecycle.close(), [Symbol.asyncDispose]: () => lifecycle.close() };
}

/** What outlives one request, and is the same for all replicas where they have a Redis. */
interface SharedState {
  readonly idempotency: IdempotencyRecords;
  feeds<Entity>(source: FeedIdentity<Entity>): SharedFeeds<Entity>;
}

interface SharedFeeds<Entity> {
  readonly createLog: (tenant: Tenant) => EventLog<Entity>;
  readonly coordinator?: PollCoordinator;
  readonly retentionMs?: number;
}

interface FeedIdentity<Entity> {
  readonly kind: string;
  key(entity: Entity): string;
}

function shareState(
  { redisUrl: url, polling }: Pick<Config, 'redisUrl' | 'polling'>,
  { clock, lifecycle, log }: Pick<AuthenticationDeps, 'clock' | 'lifecycle' | 'log'>,
): SharedState {
  if (url === null) {
    return {
      idempotency: createMemoryIdempotencyRecords({ clock }),
      feeds: ({ key }) => ({ createLog: () => createMemoryEventLog({ key }) }),
    };
  }
  const redis = startRedis({ url, clock, logger: log });
  lifecycle.add('Redis', () => redis[Symbol.asyncDispose]());
  const reader = createRedisStreamReader({ redis, clock, logger: log });
  lifecycle.add('reader of Redis streams', () => reader[Symbol.asyncDispose]());
  const leaseMs = leaseMsFor(polling.minMs);
  const coordinator = createRedisCoordinator({ redis, clock, logger: log, leaseMs });
  lifecycle.add('poll leases', () => coordinator[Symbol.asyncDispose]());
  return {
    idempotency: createRedisIdempotencyRecords({ redis, clock, logger: log }),
    feeds: ({ key, kind }) => ({
      coordinator,
      createLog: (tenant) =>
        createRedisEventLog({ key, keys: feedKeys(tenant, kind), redis, reader, clock, logger: log }),
      // Redis keeps it. What nobody here watches is not followed either.
      retentionMs: 0,
    }),
  };
}

interface AuthenticationDeps {
  readonly platform: AppOptions['platform'];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly log: Logger;
}

const authModes = { embedded: 'EMBEDDED', passthrough: 'PASSTHROUGH', service: 'SERVICE' } as const satisfies Record<
  AuthConfig['mode'],
  AuthMode
>;

function authentication(
  auth: AuthConfig,
  { platform, clock, metrics, lifecycle, log }: AuthenticationDeps,
): { readonly ownCredential: Credential | null; readonly authenticate: Authenticate } {
  const clientCredential = (client: ClientIdentity): Credential => {
    const credential = createClientCredential({ ...client, imsUrl: platform.imsUrl, clock, metrics: metrics.upstream });
    lifecycle.add('platform credential', () => credential[Symbol.asyncDispose]());
    return credential;
  };
  switch (auth.mode) {
    case 'embedded': {
      const credential = clientCredential({ ...auth, scopes: ['openid'] });
      return { ownCredential: credential, authenticate: embeddedAuthentication(credential, auth.defaultTenant) };
    }
    case 'passthrough':
      return {
        ownCredential: null,
        authenticate: passthroughAuthentication({ ...auth, createCredential: createPassthroughCredential }),
      };
    case 'service': {
      const credential = clientCredential(auth);
      const { jwksUrl, issuer, audience, claims } = auth.jwt;
      const { onlyOrg, defaultSandbox } = auth;
      const keys = createKeySet({ url: jwksUrl, clock, logger: log });
      return {
        ownCredential: credential,
        authenticate: serviceAuthentication({
          credential,
          keys,
          issuer,
          audience,
          claims,
          onlyOrg,
          defaultSandbox,
          clock,
        }),
      };
    }
  }
}

interface ClientIdentity {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

async function documents(path: string | null): Promise<FindDocument> {
  if (path === null) return createAutomaticDocuments();
  try {
    return createTrustedDocuments(parseTrustedDocuments(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([`TRUSTED_DOCUMENTS: ${reason}`]);
  }
}
