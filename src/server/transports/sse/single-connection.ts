import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { print, TOKEN_HEADER_KEY, TOKEN_QUERY_KEY } from 'graphql-sse';
import { isAsyncIterable } from 'graphql-yoga';
import type { Session } from '../../../auth/authenticator.ts';
import type { OperationRequest } from '../../../context/create-context.ts';
import { ConflictError, InvalidInputError, NotFoundError, RateLimitedError } from '../../../errors.ts';
import type { RequestId } from '../../../runtime/request-id.ts';
import type { ConnectionRegistry } from '../../connections/connection-registry.ts';
import type { SendBuffers } from '../../connections/send-buffers.ts';
import { publicResult } from '../../graphql/error-mask.ts';
import {
  type OperationDeps,
  type OperationParams,
  openOperation,
  resultsUntilFailure,
  runOperation,
} from '../../graphql/operation.ts';
import { requestError } from '../../graphql/request-error.ts';
import { ClientLeftError } from '../../sharing/end-reason.ts';
import { eventStreamType, includesType } from '../http/accept.ts';
import { type HttpExchange, send } from '../http/exchange.ts';
import { parametersOf, readRequestBody } from '../http/request.ts';
import { eventStreamFormat, streamHeaders } from '../stream-formats.ts';
import { createStreamingBody, type StreamingBody, sendBody } from '../streaming-body.ts';

export interface EventStreamOptions extends OperationDeps {
  readonly connections: ConnectionRegistry;
  readonly buffers: SendBuffers;
  /** Operations that can run at the same time on one event stream. */
  readonly maxOperations: number;
  readonly maxBodyBytes: number;
  /**
   * Called for each event stream that a caller reserves.
   * @throws {RateLimitedError} the caller has opened too many connections recently
   */
  readonly countConnection: (session: Session) => void;
}

/** Serves the requests of `eventStreamPath`. */
export type ServeEventStreams = (exchange: HttpExchange) => Promise<void>;

/** An event stream that a client has reserved, and perhaps opened. */
interface EventStream {
  readonly principal: string;
  readonly body: StreamingBody;
  readonly operations: Map<string, AbortController>;
  /** The response of the event stream; null before a client has opened it. */
  response: ServerResponse | null;
}

/**
 * GraphQL over server-sent events in "single connection mode", for browsers, which have few connections: a client
 * reserves an event stream (PUT), opens it (GET), and sends operations (POST) whose results come over it, until it
 * completes them (DELETE). Each request is authenticated by itself, and a stream exists only for the caller who
 * reserved it, so that the token of a stream is no credential.
 */
export function createEventStreams(options: EventStreamOptions): ServeEventStreams {
  const { connections, buffers, maxOperations, maxBodyBytes, countConnection, maskError } = options;
  const streams = new Map<string, EventStream>();

  /** A stream that is never opened is ended by its pings, because no client reads them. */
  const reserve = (principal: string, requestId: RequestId): string => {
    const token = randomUUID();
    const operations = new Map<string, AbortController>();
    const body = createStreamingBody({
      connections,
      buffers,
      transport: 'sse_single',
      principal,
      requestId,
      ping: eventStreamFormat.ping,
      disconnect: () => stream.response?.destroy(),
      onEnd: (reason) => {
        streams.delete(token);
        for (const controller of operations.values()) controller.abort(new ClientLeftError(reason ?? 'disconnected'));
      },
    });
    const stream: EventStream = { principal, body, operations, response: null };
    streams.set(token, stream);
    return token;
  };

  const find = ({ request, session }: HttpExchange): EventStream => {
    const named = request.headers[TOKEN_HEADER_KEY];
    const token = typeof named === 'string' ? named : (parametersOf(request.url ?? '').get(TOKEN_QUERY_KEY) ?? '');
    const stream = streams.get(token);
    if (stream?.principal === session.principal) return stream;
    throw new NotFoundError(token, {
      message: 'The event stream does not exist. PUT creates one, and all other requests send its token.',
    });
  };

  /** Starts an operation, which outlives its request. */
  const start = async (exchange: HttpExchange): Promise<void> => {
    const { request, session, host, trace, record, signal: leaving } = exchange;
    const params = await readRequestBody(request, maxBodyBytes, record);
    // The stream may end while the request is read, and nothing would end an operation that starts after it.
    const { operations, body } = find(exchange);
    const id = operationIdOf(params);
    // A client that has left does not know of the operation and would never complete it.
    leaving.throwIfAborted();
    if (operations.has(id)) throw new ConflictError({ message: 'The operation id is in use.' });
    if (operations.size >= maxOperations) {
      throw new RateLimitedError({ message: `At most ${maxOperations} operations can run on one stream.` });
    }
    const controller = new AbortController();
    const { signal } = controller;
    operations.set(id, controller);
    sendResults(resultsOf(params, { session, host, signal, trace, record }), id, body, signal)
      .catch(body.cut)
      .finally(() => {
        if (operations.get(id) === controller) operations.delete(id);
      });
  };

  /** The results of an operation. The last one can contain the reason for its end. */
  async function* resultsOf(params: OperationParams, request: OperationRequest): AsyncGenerator<ExecutionResult, void> {
    const args = await openOperation(options, params, request);
    if (!('kind' in args)) {
      yield { errors: args };
      return;
    }
    const result = await runOperation(options, args);
    if (isAsyncIterable(result)) yield* resultsUntilFailure(result, maskError, request.record.log);
    else yield result;
  }

  const sendResults = async (
    results: AsyncIterable<ExecutionResult>,
    id: string,
    body: StreamingBody,
    signal: AbortSignal,
  ): Promise<void> => {
    for await (const result of results) {
      // A completed operation sends no more results.
      if (signal.aborted) return;
      if (!(await body.write(print({ event: 'next', data: { id, payload: publicResult(result) } })))) return;
    }
    if (!signal.aborted) await body.write(print({ event: 'complete', data: { id } }));
  };

  return async (exchange) => {
    const { request, response, accepted, session } = exchange;
    switch (request.method) {
      case 'PUT': {
        countConnection(session);
        const headers = { 'content-type': 'text/plain; charset=utf-8' };
        send(response, { status: 201, headers, body: reserve(session.principal, exchange.record.requestId) });
        return;
      }
      case 'GET': {
        if (!includesType(accepted, eventStreamType)) {
          throw requestError('NOT_ACCEPTABLE', `The header Accept must name ${eventStreamType}.`);
        }
        const stream = find(exchange);
        if (stream.response !== null) throw new ConflictError({ message: 'The event stream is open already.' });
        stream.response = response;
        // Earlier results can have filled the body, which is read only after the response has begun.
        void stream.body.write(eventStreamFormat.opening);
        response.writeHead(200, { 'content-type': eventStreamFormat.contentType, ...streamHeaders });
        sendBody(stream.body, response);
        return;
      }
      case 'POST':
        await start(exchange);
        send(response, { status: 202, headers: {}, body: '' });
        return;
      case 'DELETE': {
        const { operations } = find(exchange);
        const id = parametersOf(request.url ?? '').get('operationId') ?? '';
        operations.get(id)?.abort(new ClientLeftError('client_completed'));
        operations.delete(id);
        send(response, { status: 200, headers: {}, body: '' });
        return;
      }
      default:
        throw requestError('METHOD_NOT_ALLOWED', `The method ${request.method} is not supported here.`, {
          http: { headers: { allow: 'GET, POST, PUT, DELETE' } },
        });
    }
  };
}

/** Maximum length of an operation id, in characters. */
const maxIdLength = 200;

/** @throws {InvalidInputError} the request has no usable operation id */
function operationIdOf({ extensions }: OperationParams): string {
  const id = extensions?.['operationId'];
  if (typeof id === 'string' && id !== '' && id.length <= maxIdLength) return id;
  const message = `must be a string of 1 to ${maxIdLength} characters`;
  throw new InvalidInputError([{ path: 'extensions.operationId', message }]);
}
