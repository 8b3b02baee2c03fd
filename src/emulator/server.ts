import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { errorBody, GatewayRejection, PlatformError, requestErrors, type Service } from './errors.ts';
import { answerFaultAdmin, isFaultAdminPath } from './faults/admin.ts';
import { alterJobs, checkVanished } from './faults/alter-jobs.ts';
import { exchangeWithFaults } from './faults/exchange.ts';
import type { Fault } from './faults/fault-script.ts';
import { checkAccess } from './http/access.ts';
import { pathOf } from './http/guard.ts';
import type { Call, Platform, Reply } from './http/operation.ts';
import { contentTypeOf, hasBody, readBody } from './http/request-body.ts';
import { newRequestId } from './http/request-id.ts';
import { createRouter, type RouteMatch } from './http/router.ts';
import { sendReply } from './http/send-reply.ts';
import { credential, type RecordedRequest } from './options.ts';
import { routes } from './routes.ts';

/** Origin for resolving request targets, which are paths. */
const placeholderOrigin = 'http://emulator';

const match = createRouter(routes);

/** Answers the requests of a platform. `onAnswer` is called once for each one that was answered. */
export function createRequestListener(
  platform: Platform,
  onAnswer: (request: RecordedRequest) => void,
): RequestListener {
  return (request, response) => {
    void handle(request, response, platform, onAnswer);
  };
}

/** Answers one request; it never throws. */
async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  platform: Platform,
  onAnswer: (request: RecordedRequest) => void,
): Promise<void> {
  const requestId = newRequestId();
  const method = request.method ?? '';
  const path = pathOf(request.url ?? '/');
  const service = () => serviceOf(match('', path));
  const send = async (reply: Reply) => {
    try {
      await sendReply(response, reply, commonHeaders(request, requestId), acceptsGzip(request));
    } catch (error) {
      platform.logger.debug({ err: error, path }, 'an answer could not be sent to its end');
      response.destroy();
    }
  };
  const fail = (error: unknown) => errorReply(error, request, platform, requestId, service());
  // Requests outside the platform's API are neither recorded nor hit by a fault.
  if (path === '/' && (method === 'GET' || method === 'HEAD')) return welcome(response);
  if (isFaultAdminPath(path)) return await send(await faultAdmin(request, platform).catch(fail));

  const faults = platform.faults.next(() => ({ service: service(), method, path }));
  const reply = () => answer(request, platform, requestId, faults).catch(fail);
  const record = (status: number) => onAnswer({ method, path: request.url ?? '', status });
  if (faults.length > 0) {
    return await exchangeWithFaults(
      {
        faults,
        response,
        method,
        service: service(),
        sandbox: headerReader(request)('x-sandbox-name'),
        requestId,
        acceptsGzip: acceptsGzip(request),
        answer: reply,
        commonHeaders: () => commonHeaders(request, requestId),
        onAnswer: record,
      },
      platform,
    );
  }
  const whole = await reply();
  // Before the answer leaves, so that whoever has the answer finds it recorded.
  record(whole.status);
  await send(whole);
}

/** The response to a reader who opens the address of the emulator. */
function welcome(response: ServerResponse): void {
  response
    .writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
    .end('This is the platform emulator of aep-export-gateway. Its documentation is in src/emulator/README.md.\n');
}

function faultAdmin(request: IncomingMessage, { faults }: Platform): Promise<Reply> {
  const { remoteAddress } = request.socket;
  return answerFaultAdmin(
    { method: request.method ?? '', remoteAddress, body: () => readBody(request, 'ups') },
    faults,
  );
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

  const access = found.kind === 'unknown' ? 'sandbox' : found.route.access;
  const sandbox = await checkAccess(header, access, service, platform);
  if (found.kind !== 'wrong-method') checkContentType(request, service, url.pathname);
  if (found.kind === 'unknown') throw requestErrors.noSuchRoute(service, url.pathname);
  if (found.kind === 'wrong-method') throw requestErrors.methodNotAllowed(service, method, found.allowed);

  checkVanished(faults, url.pathname);
  const call: Call = {
    method,
    parameters: found.parameters,
    query: url.searchParams,
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

/** @throws {PlatformError} when a body comes with a content type that the service does not read */
function checkContentType(request: IncomingMessage, service: Service, path: string): void {
  if (service === 'ims' || !['POST', 'PUT', 'PATCH'].includes(request.method ?? '')) return;
  const contentType = contentTypeOf(request);
  const isPatch = request.method === 'PATCH' && path.startsWith('/data/foundation/catalog/dataSets/');
  if (contentType === 'application/json' || (isPatch && contentType === 'application/json-patch+json')) return;
  throw requestErrors.contentType(service);
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
    // A caller that has gone, or a server that stops, breaks off requests: nothing is wrong then.
    const level = request.socket.destroyed ? 'debug' : 'error';
    platform.logger[level]({ err: error, method: request.method, path: request.url, requestId }, 'a request failed');
  }
  const known = isExpected ? error : requestErrors.internal();
  const headers = known instanceof PlatformError ? known.headers : {};
  if (platform.quirks.emptyErrorBodies && known instanceof PlatformError && service !== 'ims') {
    return { kind: 'empty', status: known.status, headers: { ...headers, 'content-length': '0' } };
  }
  const body = errorBody(known, {
    // What goes wrong inside is reported in the shape of the profile service, whatever was called.
    service: isExpected ? service : 'ups',
    requestId,
    organization: credential.organization,
    sandbox: headerReader(request)('x-sandbox-name'),
    now: platform.clock.now(),
  });
  return request.method === 'HEAD'
    ? { kind: 'empty', status: known.status, headers }
    : { kind: 'json', status: known.status, body, headers };
}

function commonHeaders(request: IncomingMessage, requestId: string): Record<string, string> {
  return {
    'x-request-id': headerReader(request)('x-request-id') ?? requestId,
    // A body that was not read would be taken for the next request.
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
