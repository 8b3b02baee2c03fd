import { randomBytes } from 'node:crypto';
import { createAuditLog } from './audit/audit-log.ts';
import { type AuditDestination, openAuditDestination } from './audit/destination.ts';
import type { RequestHeaders } from './auth/caller-headers.ts';
import { createAuthenticator } from './auth/create-authenticator.ts';
import type { Config } from './config/config.ts';
import { contextFactory } from './context/create-context.ts';
import { createExportRequests } from './context/created-jobs/export-requests.ts';
import { createMemoryJobTexts } from './context/created-jobs/memory-store.ts';
import { createRequesters } from './context/created-jobs/requesters.ts';
import { createDownloadLinks } from './context/download-links.ts';
import { createFileSlots } from './context/file-contents.ts';
import { createIdempotencyRecords } from './context/idempotency/idempotency.ts';
import { createMemoryIdempotencyStore } from './context/idempotency/memory-store.ts';
import { createRateLimiter } from './context/rate-limiter.ts';
import { RequestMemory } from './context/request-memory.ts';
import { createSubscriptionQuota } from './context/subscription-quota.ts';
import { ShuttingDownError } from './errors.ts';
import { createMetrics } from './metrics/index.ts';
import { createAccessLog } from './observation/access-log.ts';
import { createOperationRecords } from './observation/operation-record.ts';
import { unshared } from './polling/feed-registry.ts';
import { createWatches } from './polling/watches.ts';
import type { RedisServices, RedisServicesOptions } from './redis-services.ts';
import { createRunStatistics } from './runs/run-statistics.ts';
import { createMemoryRunStore } from './runs/run-store.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import { listenAs } from './runtime/explain-error.ts';
import { type IsAllowedHost, urlForCaller } from './runtime/host-header.ts';
import { Lifecycle } from './runtime/lifecycle.ts';
import { createLogger, type Logger } from './runtime/logger.ts';
import { isLoopback } from './runtime/loopback.ts';
import type { RequestLog } from './runtime/request-log.ts';
import { untilAborted } from './runtime/until-aborted.ts';
import { schema } from './schema/index.ts';
import { createConnectionRegistry } from './server/connections/connection-registry.ts';
import { createSendBuffers } from './server/connections/send-buffers.ts';
import { createConsole, type ServeConsole } from './server/console/console.ts';
import { openConsoleFiles } from './server/console/files.ts';
import { createFileHandler } from './server/downloads/downloads.ts';
import { checkDocuments } from './server/graphql/document-check.ts';
import { openDocuments } from './server/graphql/documents.ts';
import { createErrorMask } from './server/graphql/error-mask.ts';
import { renderGraphiQL } from './server/graphql/graphiql.ts';
import { createOperationLabels } from './server/graphql/operation-label.ts';
import { createPipeline } from './server/graphql/pipeline.ts';
import { createPreparedDocuments } from './server/graphql/prepared-documents.ts';
import { createCors } from './server/http/cors.ts';
import { isFromForeignPage } from './server/http/origin.ts';
import { dependencyStates } from './server/http/readiness.ts';
import { createHttpServer } from './server/http/server.ts';
import { createSharedSubscriptions } from './server/sharing/shared-subscriptions.ts';
import { createCallbackOperation } from './server/transports/callbacks/operation.ts';
import { createCallbacks } from './server/transports/callbacks/registry.ts';
import { createGraphqlHandler } from './server/transports/http/route.ts';
import { createStreamedResponses } from './server/transports/http/streamed-response.ts';
import { createEventStreams } from './server/transports/sse/single-connection.ts';
import { startWebSocketServer } from './server/transports/websocket/server.ts';
import { createTracing } from './tracing/trace.ts';
import {
  createClientCredential,
  createCredentialReport,
  createOperationCalls,
  createPassthroughCredential,
  createUpstream,
} from './upstream/index.ts';

export interface AppOptions {
  readonly config: Config;
  /** Version of the gateway, for the metrics. */
  readonly version: string;
  /** Base URLs of the platform, or of the emulator in this process. */
  readonly platform: { readonly baseUrl: string; readonly imsUrl: string };
  /**
   * Folder of the built console, with a trailing slash, for a configuration that serves it.
   * @default the console is not served
   */
  readonly consoleFolder?: URL;
  /** @default the clock of the machine */
  readonly clock?: Clock;
  /**
   * Clock for the connections to clients: pings, idle clients, and the drain. It is separate, because a test that moves
   * `clock` by minutes has clients that respond in real time.
   * @default the clock of the machine, even if `clock` is set
   */
  readonly connectionClock?: Clock;
  /** @default JSON lines on standard error */
  readonly logger?: Logger;
  /** Receives the audit log. @default the file of the configuration, else standard error */
  readonly auditDestination?: AuditDestination;
}

/** A listening gateway. Closing it ends everything that it started. */
export interface App extends AsyncDisposable {
  /** `http://HOST:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Builds the gateway from its parts and starts to listen.
 * @throws {ConfigurationError} the file of trusted documents cannot be read, or has another format; the file of the audit
 *   log cannot be opened
 * @throws the error of `listen`, with its `code`; a `ListenError` for the admin port; all started parts were closed again
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
 * Rate at which one caller may open sockets and event streams. The burst permits all its subscriptions at once, as
 * after a deployment. The sustained rate is sufficient for clients that reconnect.
 */
const connectionRate = { perSecond: 500, burst: 10_000 };

/**
 * Maximum time that the start waits for the first token and the keys of the token issuer, in milliseconds, so that
 * `/readyz` is correct from the start. Slower services do not delay the start further.
 */
const firstTokenMs = 500;

/**
 * Maximum number of concurrent downloads. Each needs one connection to the platform at a time, and at most one MiB of
 * memory.
 */
const maxDownloads = 128;

/**
 * Maximum number of concurrent conversions to CSV or NDJSON. Each needs at most 128 MiB of memory, and usually a tenth of
 * it.
 */
const maxConversions = 4;

/**
 * Maximum time for the results of waiting calls that end when the gateway stops, in milliseconds, and maximum share of the
 * drain.
 */
const waitResultsMs = 500;
const waitResultsShare = 0.1;

async function start(
  {
    config,
    version,
    platform,
    consoleFolder,
    clock = systemClock,
    connectionClock = systemClock,
    logger,
    auditDestination,
  }: AppOptions,
  lifecycle: Lifecycle,
): Promise<App> {
  const log = logger ?? createLogger({ level: config.logLevel });
  const metrics = createMetrics({ version });
  const tracing = createTracing();
  if (tracing !== null) log.info('an OpenTelemetry SDK is loaded, and requests are traced');
  const { find: findDocument, trusted } = await openDocuments(config.trustedDocuments);
  const servesConsole = config.server.console && consoleFolder !== undefined;
  const page = servesConsole ? await startConsole(config, consoleFolder, log) : null;
  const audit = createAuditLog({
    destination: auditDestination ?? openAuditDestination(config.auditLog),
    clock,
    logger: log,
    metrics: metrics.audit,
  });
  // Closed last, because writes that are interrupted by the end are recorded too.
  lifecycle.add('audit log', () => audit[Symbol.dispose]());

  const lifetime = new AbortController();
  const credentialFailed = createCredentialReport({ clock, logger: log, metrics: metrics.credentials });
  const upstream = createUpstream({
    baseUrl: platform.baseUrl,
    clock,
    metrics: metrics.platform,
    credentialFailed,
    logger: log,
    callTimeoutMs: config.upstream.timeoutMs,
    callsPerSecond: config.upstream.callsPerSecond,
    compression: config.platform.kind === 'remote',
    downloadConnections: maxDownloads,
  });
  lifecycle.add('upstream connections', () => upstream[Symbol.asyncDispose]());
  lifecycle.add('calls upstream', () => lifetime.abort(new ShuttingDownError()));

  let hasToken: (() => boolean) | null = null;
  let firstToken: Promise<void> = Promise.resolve();
  const { mode, ownCredential, authenticate, hasKeys, keysRead } = await createAuthenticator({
    auth: config.auth,
    createOwnCredential: (client) => {
      const { imsUrl } = platform;
      const failed = credentialFailed;
      const credential = createClientCredential({
        ...client,
        imsUrl,
        clock,
        metrics: metrics.platform,
        failed,
        tracing,
      });
      hasToken = () => credential.isReady;
      metrics.credentials.watchToken(() => credential.remainingMs);
      // The token is requested at start, so that an operator notices a wrong secret before the first caller does.
      if (config.auth.mode === 'service') firstToken = credential.start();
      lifecycle.add('platform credential', () => credential[Symbol.asyncDispose]());
      return credential;
    },
    createCallerCredential: createPassthroughCredential,
    isAccepted: upstream.isAccepted,
    clock,
    logger: log,
    metrics: metrics.credentials,
  });

  const shared = { clock, logger: log, pollMinMs: config.polling.minMs, lifetime: lifetime.signal, lifecycle };
  const redis = config.redisUrl === null ? null : await startReplica({ url: config.redisUrl, ...shared });
  if (redis !== null) metrics.watchRedis(redis.state);
  const runs = createRunStatistics({ store: redis?.runs ?? createMemoryRunStore({ clock }), clock, logger: log });
  const watches = createWatches({
    upstream,
    ownRights: ownCredential === null,
    sharing: redis?.sharing ?? unshared,
    holdStore: redis?.holds ?? null,
    polling: config.polling,
    clock,
    logger: log,
    metrics: metrics.polls,
    runs,
    tracing,
  });
  for (const feeds of watches.feeds) metrics.polls.watch(feeds.kind, () => feeds.stats());

  const downloads = createDownloadLinks({
    clock,
    secret: config.downloads.secret ?? randomBytes(32),
    ttlMs: config.downloads.linkTtlMs,
    ownCredential,
    createCallerCredential: createPassthroughCredential,
  });
  /** Set when the gateway listens, which is before the first caller. */
  let url = '';

  const connections = createConnectionRegistry({
    clock: connectionClock,
    pingIntervalMs: config.server.pingIntervalMs,
  });
  lifecycle.add('live connections', () => connections[Symbol.dispose]());
  const buffers = createSendBuffers({ clock: connectionClock, logger: log });
  lifecycle.add('send buffers', () => buffers[Symbol.dispose]());
  metrics.watchConnections(() => ({ open: connections.count(), waitingBytes: buffers.waitingBytes }));
  const limited = { clock, isAccepted: upstream.isAccepted };
  const connectionLimiter = createRateLimiter({ ...connectionRate, ...limited });
  /** Called for each WebSocket. */
  const authorize = async (headers: RequestHeaders, log: RequestLog) => {
    const session = await authenticate(headers, undefined, log);
    connectionLimiter.take(session);
    return session;
  };
  const rateLimiter = createRateLimiter({ ...config.limits.rate, ...limited });
  const accessLog = createAccessLog({ logger: log, rate: config.accessLog });
  const requestMemory = new RequestMemory(limited);
  /** Separate, so that a caller without room for a request receives an error, and keeps its socket. */
  const messageMemory = new RequestMemory(limited);
  const records = createOperationRecords({
    clock,
    holdMemory: (caller) => requestMemory.hold(caller),
    observe: (record, end) => {
      const { label: operation = 'none', type = 'none' } = record.operation ?? {};
      const { outcome, codes, durationMs } = end;
      const { transport } = record;
      metrics.operations.ended({ operation, type, transport, outcome, codes, seconds: durationMs / 1_000 });
      accessLog?.(record, end);
    },
  });
  const maskError = createErrorMask({ suggestions: config.server.introspection });
  const callbacks = createCallbacks({
    config: config.callbacks,
    clock: connectionClock,
    connections,
    metrics: metrics.callbacks,
    maskError,
  });
  const subscriptionQuota = createSubscriptionQuota(config.limits.subscriptions, metrics.subscriptions);
  const createContext = contextFactory({
    runs,
    authMode: mode,
    upstream,
    countCalls: () => createOperationCalls(config.limits.operation.maxUpstreamCalls),
    watch: watches.of,
    subscriptionQuota,
    clock,
    idempotency: createIdempotencyRecords({
      store: redis?.idempotency ?? createMemoryIdempotencyStore({ clock }),
      clock,
      metrics: metrics.writes,
    }),
    audit,
    exportRequests: createExportRequests({
      store: redis?.exportRequests ?? createMemoryJobTexts(),
      logger: log,
    }),
    requesters: createRequesters({ store: redis?.requesters ?? createMemoryJobTexts(), logger: log }),
    downloads,
    fileSlots: createFileSlots(clock),
    publicUrl: (host) => urlForCaller(host, { configured: config.server.publicUrl, listening: url }),
    logger: log,
    lifetime: lifetime.signal,
  });
  const pipeline = createPipeline({
    schema,
    logger: log,
    maskError,
    introspection: config.server.introspection,
    limits: config.limits.operation,
    subscribe: createSharedSubscriptions({ maskError, quota: subscriptionQuota }),
  });

  // The other modes need no check of the host, because callers send a credential there, which a page that uses DNS
  // rebinding does not have.
  const publicHost = config.server.publicUrl === null ? null : new URL(config.server.publicUrl).host;
  const isAllowedHost: IsAllowedHost = ({ hostname, host }) =>
    config.auth.mode !== 'embedded' || isLoopback(hostname) || host === publicHost;

  const cors = createCors(config.server.corsOrigins);
  const labelOf = createOperationLabels(schema, { trusted: trusted !== null });
  const documents = createPreparedDocuments({ ...pipeline, labelOf });
  const operations = { pipeline, documents, createContext, findDocument, maskError, records };
  const { maxBodyBytes } = config.server;
  const http = createHttpServer({
    graphql: createGraphqlHandler({
      ...operations,
      authenticate,
      countOperation: rateLimiter.take,
      maxBodyBytes,
      cors,
      renderPage: config.server.graphiql ? renderGraphiQL : null,
      eventStreams: createEventStreams({
        ...operations,
        connections,
        buffers,
        maxBodyBytes,
        maxOperations: config.limits.subscriptions.perSocket,
        countConnection: connectionLimiter.take,
      }),
      callbacks: createCallbackOperation({ ...operations, callbacks }),
      sendStream: createStreamedResponses({ connections, buffers }),
    }),
    files: createFileHandler({
      open: downloads.open,
      source: ({ caller, file }, request) => {
        const filesUntil = (signal: AbortSignal) =>
          upstream.connect(caller, { ...request, signal, priority: 'poll' }).files;
        return {
          stat: (signal) => filesUntil(signal).stat(file),
          read: (range, signal) => filesUntil(signal).read({ ...file, range }),
        };
      },
      limits: { total: maxDownloads },
      maxConversions,
      cors,
      clock,
      connectionClock,
      metrics: metrics.downloads,
    }),
    console: page,
    metrics: metrics.render,
    hasAdminPort: config.admin !== null,
    dependencies: () =>
      dependencyStates({ hasToken, hasKeys, redis: redis?.state ?? null, isAuditWritable: () => audit.flush() }),
    isAllowedHost,
    isAllowedPage: (request) =>
      config.auth.mode !== 'embedded' || !isFromForeignPage(request, config.server.corsOrigins),
    cors,
    keepAliveTimeoutMs: config.server.keepAliveTimeoutMs,
    buffers,
    clock: connectionClock,
    logger: log,
    tracing,
  });
  if (config.admin !== null) {
    const listening = http.listenForOperators(config.admin);
    const admin = urlOf(await listenAs({ port: 'ADMIN_PORT', host: 'ADMIN_HOST' }, listening));
    // Closed after the clients have left, so that readiness and metrics can be read during the drain.
    lifecycle.add('admin port', () => http.closeForOperators());
    log.info({ url: admin }, 'the admin port is listening');
  }
  url = urlOf(await http.listen(config.server));
  // Resources are closed in reverse order. Clients come first, so that they do not receive a failure of their
  // subscriptions.
  for (const feeds of watches.feeds) lifecycle.add(`watches of ${feeds.kind}`, () => feeds.close());
  const webSockets = startWebSocketServer({
    ...operations,
    server: http.server,
    corsOrigins: config.server.corsOrigins,
    isAllowedHost,
    maxMessageBytes: maxBodyBytes,
    holdMemory: (caller) => messageMemory.hold(caller),
    maxOperations: config.limits.subscriptions.perSocket,
    connections,
    buffers,
    clock: connectionClock,
    logger: log,
    tracing,
    authenticate,
    countOperation: rateLimiter.take,
    authorize,
  });
  lifecycle.add('WebSocket server', () => webSockets[Symbol.asyncDispose]());
  if (callbacks !== null) lifecycle.add('callbacks', () => callbacks[Symbol.asyncDispose]());
  const { drainMs } = config.server;
  lifecycle.add('connections', () => http.close({ clock: connectionClock, drainMs, connections }));
  lifecycle.add('waiting calls', async () => {
    const ended = watches.feeds.reduce((count, feeds) => count + feeds.endWaits(), 0);
    // Sockets are closed next. Until then, other fields of these calls can be read, and their results sent.
    if (ended > 0) await connectionClock.sleep(Math.min(waitResultsMs, drainMs * waitResultsShare));
  });
  lifecycle.add('readiness', () => http.startDraining());

  using deadline = connectionClock.deadline(firstTokenMs);
  await untilAborted(Promise.all([firstToken, keysRead]), deadline.signal).catch(() => {});
  if (trusted !== null) {
    const check = new AbortController();
    lifecycle.add('check of the trusted documents', () => check.abort());
    void checkDocuments(trusted, { schema, logger: log, clock: connectionClock, signal: check.signal });
  }
  return { url, close: () => lifecycle.close(), [Symbol.asyncDispose]: () => lifecycle.close() };
}

const urlOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Opens the files of the console. Sources that were not built have none, which is no reason not to start. */
async function startConsole({ auth, server }: Config, folder: URL, logger: Logger): Promise<ServeConsole | null> {
  const files = await openConsoleFiles(folder);
  if (files === null) {
    logger.warn('the console is not served, because it is not built: `npm run build` builds it');
    return null;
  }
  const isPassthrough = auth.mode === 'passthrough';
  return createConsole(files, {
    authMode: auth.mode,
    graphiql: server.graphiql,
    required: [
      ...(isPassthrough && auth.defaultApiKey === null ? (['x-api-key'] as const) : []),
      ...(isPassthrough && auth.defaultOrg === null ? (['x-gw-ims-org-id'] as const) : []),
    ],
  });
}

/** Loads the Redis client only if Redis is configured, because it makes up a quarter of all modules. */
async function startReplica(options: RedisServicesOptions): Promise<RedisServices> {
  const { startRedisServices } = await import('./redis-services.ts');
  return startRedisServices(options);
}
