import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { AdminDoor } from './admin/door.ts';
import type { AdminRequest } from './admin/endpoint.ts';
import { errorBody, GatewayRejection, PlatformError, requestErrors, type Service } from './errors.ts';
import { alterJobs, checkVanished } from './faults/alter-jobs.ts';
import { exchangeWithFaults } from './faults/exchange.ts';
import { isWrite } from './faults/fault-plan.ts';
import type { Fault } from './faults/fault-script.ts';
import type { Faults } from './faults/faults.ts';
import { checkAccess } from './http/access.ts';
import { isAdminPath } from './http/admin-access.ts';
import { pathOf } from './http/guard.ts';
import type { Call, Platform, Reply } from './http/operation.ts';
import { contentTypeOf, hasBody, readBody } from './http/request-body.ts';
import { newRequestId } from './http/request-id.ts';
import type { RequestLog } from './http/request-log.ts';
import { createRouter, type RouteMatch } from './http/router.ts';
import { sendReply } from './http/send-reply.ts';
import { type LivePlatform, NoPlatformError } from './live-platform.ts';
import { credential } from './options.ts';
import { routes } from './routes.ts';
import { answerReader, isReaderRequest } from './start-page.ts';

/** Placeholder origin for parsing request targets, which are paths. */
const placeholderOrigin = 'http://emulator';

const match = createRouter(routes);

/** Parts of the emulator that handle requests. */
export interface Listening {
  readonly live: LivePlatform;
  readonly admin: AdminDoor;
  readonly log: RequestLog;
  /** Faults of responses of the platform's API. */
  readonly faults: Faults;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Routes requests to the platform's API, the start page and the admin endpoints. */
export function createRequestListener(listening: Listening): RequestListener {
  return (request, response) => {
    handle(request, response, listening).catch((error: unknown) => {
      listening.logger.error({ err: error, path: request.url }, 'a request was not answered');
      response.destroy();
    });
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, listening: Listening): Promise<void> {
  const { live, admin, clock, logger } = listening;
  const method = request.method ?? '';
  const path = pathOf(request.url ?? '/');
  // Requests outside the platform's API are neither recorded nor affected by faults.
  if (isReaderRequest(method, path)) return await answerReader(request, response, admin.endpoints);
  if (isAdminPath(path)) {
    const reply = await admin.answer(adminRequest(request, path)).catch((error: unknown) => {
      logger[levelOf(request)]({ err: error, path }, 'an admin request failed');
      const message = error instanceof Error ? error.message : String(error);
      return { kind: 'json', status: 500, body: { status: 500, message } } as const;
    });
    if (response.destroyed) return;
    return await sendReply(response, reply, commonHeaders(request, newRequestId()), false);
  }
  try {
    const writes = isWrite({ service: serviceOf(match('', path)), method, path });
    await live.use(writes, (platform, ending) => answerPlatform(request, response, platform, { ...listening, ending }));
  } catch (error) {
    if (!(error instanceof NoPlatformError)) throw error;
    const body = errorBody(requestErrors.internal('ups'), {
      service: 'ups',
      requestId: newRequestId(),
      organization: credential.organization,
      sandbox: null,
      now: clock.now(),
    });
    const reply: Reply = { kind: 'json', status: 503, body, headers: { 'retry-after': '1' } };
    await sendReply(response, reply, { connection: 'close' }, false);
  }
}

/** Answers one request of the platform's API; it never throws. */
async function answerPlatform(
  request: IncomingMessage,
  response: ServerResponse,
  platform: Platform,
  { log, faults: script, ending }: Pick<Listening, 'log' | 'faults'> & { readonly ending: AbortSignal },
): Promise<void> {
  const requestId = newRequestId();
  const method = request.method ?? '';
  const path = pathOf(request.url ?? '/');
  const header = headerReader(request);
  const service = () => serviceOf(match('', path));
  // A reset aborts request bodies that have not arrived and responses that are not fully sent, because they could delay
  // it indefinitely.
  const onEnding = () => {
    if (!request.complete || (response.headersSent && !response.writableEnded)) response.destroy();
  };
  ending.addEventListener('abort', onEnding);
  response.once('close', () => ending.removeEventListener('abort', onEnding));

  const faults = script.next(() => ({ service: service(), method, path }));
  const reply = () =>
    answer(request, platform, requestId, faults).catch((error: unknown) =>
      errorReply(error, request, platform, requestId, service()),
    );
  const record = (status: number) =>
    log.add({
      time: platform.clock.now(),
      method,
      path: request.url ?? '',
      status,
      requestId: header('x-request-id') ?? requestId,
      sandbox: header('x-sandbox-name'),
    });
  if (faults.length > 0) {
    return await exchangeWithFaults(
      {
        faults,
        response,
        method,
        service: service(),
        sandbox: header('x-sandbox-name'),
        requestId,
        acceptsGzip: acceptsGzip(request),
        ending,
        answer: reply,
        commonHeaders: () => commonHeaders(request, requestId),
        onAnswer: record,
      },
      platform,
    );
  }
  const whole = await reply();
  // Recorded before the response is sent, so that a caller who has the response finds it in the log.
  record(whole.status);
  try {
    await sendReply(response, whole, commonHeaders(request, requestId), acceptsGzip(request));
  } catch (error) {
    platform.logger.debug({ err: error, path }, 'a response could not be sent completely');
    response.destroy();
  }
}

function adminRequest(request: IncomingMessage, path: string): AdminRequest {
  return {
    method: request.method ?? '',
    path,
    query: new URLSearchParams((request.url ?? '').slice(path.length + 1)),
    remoteAddress: request.socket.remoteAddress,
    authorization: request.headers.authorization,
    body: () => readBody(request, 'ups'),
  };
}

async function answer(
  request: IncomingMessage,
  platform: Platform,
  requestId: string,
  faults: readonly Fault[],
): Promise<Reply> {
  const method = request.method ?? '';
  const url = parseTarget(request.url ?? '/');
  const header = headerReader(request);
  const found = match(method, url.pathname);
  const service = serviceOf(found);

  const access = found.kind === 'unknown' ? (service === 'ims' ? 'open' : 'sandbox') : found.route.access;
  const sandbox = await checkAccess(header, access, service, platform);
  if (found.kind !== 'wrong-method') checkContentType(request, service, url.pathname);
  if (found.kind === 'unknown') throw requestErrors.noSuchRoute(service, url.pathname);
  if (found.kind === 'wrong-method') throw requestErrors.methodNotAllowed(service, method, found.allowed);

  checkVanished(faults, url.pathname);
  const call: Call = {
    method,
    parameters: found.parameters,
    query: presentParameters(url.searchParams),
    header,
    body: hasBody(request) ? await readBody(request, service) : undefined,
    contentType: contentTypeOf(request),
    sandbox,
    origin: `http://${header('host') ?? 'localhost'}`,
    path: url.pathname,
    requestId,
  };
  return alterJobs(faults, url.pathname, await found.route.operation(call, platform));
}

/** @throws {PlatformError} 400 when the target of the request is not a path */
function parseTarget(target: string): URL {
  if (!target.startsWith('/') || !URL.canParse(`${placeholderOrigin}${target}`))
    throw requestErrors.malformedPath('ups');
  return new URL(`${placeholderOrigin}${target}`);
}

function serviceOf(found: RouteMatch): Service {
  return found.kind === 'unknown' ? found.service : found.route.service;
}

/**
 * Checks the content type for Catalog only. The other services document no check and read every body as JSON.
 * @throws {PlatformError} 400 when Catalog does not accept the content type
 */
function checkContentType(request: IncomingMessage, service: Service, path: string): void {
  if (service !== 'catalog' || !['POST', 'PUT', 'PATCH'].includes(request.method ?? '')) return;
  const contentType = contentTypeOf(request);
  const isJsonPatch = request.method === 'PATCH' && !path.startsWith('/data/foundation/catalog/v2/');
  if (contentType === 'application/json' || (isJsonPatch && contentType === 'application/json-patch+json')) return;
  throw requestErrors.contentType();
}

/** Removes blank parameters. They count as absent in every service. */
function presentParameters(parameters: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...parameters].filter(([, value]) => value.trim() !== ''));
}

function errorReply(
  error: unknown,
  request: IncomingMessage,
  platform: Platform,
  requestId: string,
  service: Service,
): Reply {
  const isExpected = error instanceof PlatformError || error instanceof GatewayRejection;
  if (!isExpected) {
    platform.logger[levelOf(request)](
      { err: error, method: request.method, path: request.url, requestId },
      'a request failed',
    );
  }
  const known = isExpected ? error : requestErrors.internal(service);
  const headers = known instanceof PlatformError ? known.headers : {};
  if (platform.quirks.emptyErrorBodies && known instanceof PlatformError && service !== 'ims') {
    return { kind: 'empty', status: known.status, headers: { ...headers, 'content-length': '0' } };
  }
  const body = errorBody(known, {
    service,
    requestId,
    organization: credential.organization,
    sandbox: headerReader(request)('x-sandbox-name'),
    now: platform.clock.now(),
  });
  return request.method === 'HEAD'
    ? { kind: 'empty', status: known.status, headers }
    : { kind: 'json', status: known.status, body, headers };
}

/**
 * Log level of a failed request. A request that is broken off by a disconnected caller or a stopping server is not an
 * error.
 */
const levelOf = ({ socket }: IncomingMessage): 'debug' | 'error' => (socket.destroyed ? 'debug' : 'error');

function commonHeaders(request: IncomingMessage, requestId: string): Record<string, string> {
  return {
    'x-request-id': headerReader(request)('x-request-id') ?? requestId,
    // An unread body would be parsed as the next request.
    ...(hasBody(request) && !request.readableEnded && { connection: 'close' }),
  };
}

function headerReader(request: IncomingMessage): (name: string) => string | null {
  return (name) => {
    const value = request.headers[name];
    return (Array.isArray(value) ? value.join(', ') : value) ?? null;
  };
}

/** Only Catalog documents compression. */
function acceptsGzip(request: IncomingMessage): boolean {
  return (
    (request.url ?? '').startsWith('/data/foundation/catalog') &&
    /\bgzip\b/.test(headerReader(request)('accept-encoding') ?? '')
  );
}
