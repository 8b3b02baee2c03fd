import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { Authenticate, Session } from '../../../auth/authenticator.ts';
import type { RequestHeaders } from '../../../auth/caller-headers.ts';
import type { OperationRecord, OperationRecords } from '../../../observation/operation-record.ts';
import { EndController } from '../../../runtime/end-signal.ts';
import type { RequestLog } from '../../../runtime/request-log.ts';
import type { TracePosition } from '../../../tracing/trace.ts';
import { endRecord } from '../../graphql/end-record.ts';
import {
  type OperationDeps,
  type OperationParams,
  openOperation,
  resultsUntilFailure,
  runOperation,
} from '../../graphql/operation.ts';
import type { ReadyOperation } from '../../graphql/pipeline-types.ts';
import { requestError } from '../../graphql/request-error.ts';
import type { Cors } from '../../http/cors.ts';
import { CountedResponse } from '../../http/counted-response.ts';
import { eventStreamPath, graphqlPath, pathOf } from '../../http/paths.ts';
import { type CallbackOperation, requestsCallbacks } from '../callbacks/operation.ts';
import type { ServeEventStreams } from '../sse/single-connection.ts';
import {
  type AcceptedTypes,
  acceptsStream,
  eventStreamType,
  includesType,
  jsonType,
  jsonTypeOf,
  multipartType,
  parseAccept,
} from './accept.ts';
import { type HttpExchange, send } from './exchange.ts';
import { readQueryString, readRequestBody } from './request.ts';
import { jsonResponse, multipartResponse, type SingleResponse } from './response.ts';
import { type SendStreamedResponse, streamFormatOf, transportOf } from './streamed-response.ts';

export interface GraphqlHttpOptions extends OperationDeps {
  readonly records: OperationRecords;
  /** Called for each request, before any other part of it is read. */
  readonly authenticate: Authenticate;
  /**
   * Called for each request with an operation, before its body is read.
   * @throws {RateLimitedError} the caller has sent too many operations recently
   */
  readonly countOperation: (session: Session) => void;
  readonly maxBodyBytes: number;
  readonly cors: Pick<Cors, 'preflight'>;
  /** Renders the page of GraphiQL, for browsers that open the path; null if GraphiQL is off. */
  readonly renderPage: (() => Promise<string>) | null;
  readonly eventStreams: ServeEventStreams;
  readonly callbacks: CallbackOperation;
  readonly sendStream: SendStreamedResponse;
}

/**
 * Headers of GraphiQL. No other page can show it in a frame, because the URL contains the operation that its button
 * sends. Its own scripts and styles are part of the page.
 */
const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Methods that the paths serve. */
const methods = ['GET', 'POST'];
const eventStreamMethods = ['GET', 'POST', 'PUT', 'DELETE'];
/** Headers that a browser may send if its preflight names none. */
const requestHeaders = ['authorization', 'content-type', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'];

/**
 * GraphQL over HTTP: https://graphql.github.io/graphql-over-http. The caller is authenticated from the headers of the
 * request before its body and its document are read. The operation passes through the pipeline of all transports. Its
 * result is written to Node's response directly, because the Fetch objects of Yoga's own HTTP server would take half of
 * the time of a small request.
 */
export function createGraphqlHandler(
  options: GraphqlHttpOptions,
): (request: IncomingMessage, response: ServerResponse, log: RequestLog, trace: TracePosition | null) => Promise<void> {
  const { records, authenticate, countOperation, maxBodyBytes, cors, renderPage } = options;
  const { eventStreams, callbacks, sendStream, maskError } = options;

  const serve = async (exchange: HttpExchange): Promise<void> => {
    const { request, response, accepted, session, host, signal, trace, record } = exchange;
    const read = readParams(request, maxBodyBytes, record);
    const params = read instanceof Promise ? await read : read;
    if (request.method === 'POST' && requestsCallbacks(params, accepted)) {
      record.transport = 'callback';
      send(response, singleResponse(await callbacks(params, exchange), accepted));
      return;
    }
    const opened = openOperation(options, params, { session, host, signal, trace, record });
    const args = opened instanceof Promise ? await opened : opened;
    const outcome = 'kind' in args ? await execute(args, exchange) : { errors: args };
    const result = isAsyncIterable(outcome) ? resultsUntilFailure(outcome, maskError, record.log) : outcome;
    const format = streamFormatOf(accepted, result);
    if (format !== null) sendStream(result, format, exchange);
    else if (!isAsyncIterable(result)) send(response, singleResponse(result, accepted));
    // `execute` has rejected a subscription whose results the client cannot read.
    else throw new Error('A stream of results has no format.');
  };

  /** @throws {GraphQLError} `METHOD_NOT_ALLOWED`, `NOT_ACCEPTABLE` */
  const execute = (
    args: ReadyOperation,
    { request, accepted, record }: HttpExchange,
  ): ReturnType<typeof runOperation> => {
    if (args.kind === 'mutation' && request.method === 'GET') {
      throw requestError('METHOD_NOT_ALLOWED', 'A mutation must be sent as POST.', {
        http: { headers: { allow: 'POST' } },
      });
    }
    if (args.kind === 'subscription') {
      // Rejected before the subscription begins, because no response could deliver it.
      if (!acceptsStream(accepted)) {
        throw notAcceptable('A subscription needs the header Accept: text/event-stream, or a WebSocket.');
      }
      record.transport = transportOf(accepted, true);
    }
    return runOperation(options, args);
  };

  return async (request, response, log, trace) => {
    const path = pathOf(request);
    if (cors.preflight(request, response, preflightOf(path))) return;
    if (renderPage !== null && path === graphqlPath && wantsPage(request)) {
      send(response, { status: 200, headers: pageHeaders, body: await renderPage() });
      return;
    }
    const accepted = parseAccept(request.headers.accept ?? null);
    const record = records.begin(log, path === eventStreamPath ? 'sse_single' : transportOf(accepted, false));
    const carriesOperation = path === graphqlPath || request.method === 'POST';
    if (!carriesOperation) record.discard();
    const signal = new EndController();
    response.once('close', () => {
      if (response.writableFinished) return;
      signal.abort();
      record.end('left');
    });
    try {
      const found = authenticate(headersOf(request), request.socket, log);
      const session = found instanceof Promise ? await found : found;
      record.session = session;
      if (carriesOperation) countOperation(session);
      if (path === graphqlPath && !isReadable(accepted)) {
        throw notAcceptable('The header Accept must name application/json or another type of GraphQL over HTTP.');
      }
      if (response instanceof CountedResponse) response.belongsTo(session.principal, log.requestId);
      const host = request.headers.host ?? null;
      const exchange = { request, response, session, host, accepted, signal, trace, record };
      if (path === eventStreamPath) await eventStreams(exchange);
      else await serve(exchange);
    } catch (error) {
      const type = path === eventStreamPath ? jsonType : (jsonTypeOf(accepted) ?? jsonType);
      const result = { errors: [maskError(error, log)] };
      endRecord(record, result);
      send(response, jsonResponse(result, type));
    }
  };
}

/** @throws {GraphQLError} `METHOD_NOT_ALLOWED`, and the errors of the two readers */
function readParams(
  request: IncomingMessage,
  maxBodyBytes: number,
  record: OperationRecord,
): OperationParams | Promise<OperationParams> {
  switch (request.method) {
    case 'GET':
      record.grow(request.url?.length ?? 0);
      return readQueryString(request.url ?? '');
    case 'POST':
      return readRequestBody(request, maxBodyBytes, record);
    default:
      throw requestError('METHOD_NOT_ALLOWED', `The method ${request.method} is not supported here.`, {
        http: { headers: { allow: 'GET, POST' } },
      });
  }
}

/** A client that reads only `multipart/mixed` receives a result in one part. */
function singleResponse(result: ExecutionResult, accepted: AcceptedTypes): SingleResponse {
  const type = jsonTypeOf(accepted);
  return type === null && 'data' in result ? multipartResponse(result) : jsonResponse(result, type ?? jsonType);
}

const preflightOf = (path: string) => ({
  methods: path === eventStreamPath ? eventStreamMethods : methods,
  headers: requestHeaders,
});

/** A browser that opens the address of the gateway. */
const wantsPage = ({ method, headers, url }: IncomingMessage): boolean =>
  method === 'GET' &&
  headers.accept?.includes('text/html') === true &&
  pathOf({ url } as IncomingMessage) === graphqlPath;

/** Whether the client reads at least one media type of results. */
const isReadable = (accepted: AcceptedTypes): boolean =>
  jsonTypeOf(accepted) !== null || [eventStreamType, multipartType].some((type) => includesType(accepted, type));

/**
 * Node joins the values of a header that occurs several times, or keeps the first one. `set-cookie` alone is a list.
 */
const headersOf =
  ({ headers }: IncomingMessage): RequestHeaders =>
  (name) => {
    const value = headers[name];
    return typeof value === 'string' ? value : null;
  };

const notAcceptable = (message: string) =>
  requestError('NOT_ACCEPTABLE', message, { http: { headers: { accept: `${jsonType}, ${eventStreamType}` } } });
