import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { print, TOKEN_HEADER_KEY, TOKEN_QUERY_KEY } from 'graphql-sse';
import { isAsyncIterable, type Plugin, processRegularResult } from 'graphql-yoga';
import { z } from 'zod';
import type { RequestHeaders } from '../../context/request-headers.ts';
import { ConflictError, InvalidInputError, NotFoundError, RateLimitedError } from '../../errors.ts';
import { includesType, parseAccept } from '../accept.ts';
import { eventStreamFraming, liveHeaders } from '../framing.ts';
import { publicResult } from '../graphql-error.ts';
import { createLiveBody, type LiveBody, responseBodyOf } from '../live-body.ts';
import type { LiveConnections } from '../live-connections.ts';
import { type Operation, type OperationDeps, openOperation, runOperation } from '../operation.ts';
import type { ServerContext, Yoga } from '../yoga.ts';

export interface SingleConnectionOptions extends Omit<OperationDeps, 'yoga'> {
  readonly connections: LiveConnections;
  /** Operations that may be under way on one event stream. */
  readonly maxOperations: number;
  /**
   * Called for every request that does not bring an operation.
   * @throws {GatewayError} whoever makes it is not let in
   */
  readonly authorize: (headers: RequestHeaders) => Promise<{ readonly principal: string }>;
}

export const eventStreamPath = '/graphql/stream';

/** An event stream that somebody has reserved, and perhaps opened. */
interface EventStream {
  readonly principal: string;
  readonly body: LiveBody;
  readonly operations: Map<string, AbortController>;
  /** The answer that it is written into; null before anybody has opened it. */
  response: ServerResponse | null;
}

/**
 * GraphQL over server-sent events in "single connection mode", for browsers, which have few connections: a client
 * reserves an event stream (PUT), opens it (GET), and sends operations (POST) whose results come over it, until it
 * completes them (DELETE). Whoever has not reserved a stream cannot find out that it exists, and each request is let in
 * by itself, so that the token of a stream is no credential.
 */
export function useSingleConnection(options: SingleConnectionOptions): Plugin<object, ServerContext> {
  const { connections, maxOperations, authorize, maskError, findDocument } = options;
  const streams = new Map<string, EventStream>();
  let yoga: Pick<Yoga, 'getEnveloped'>;

  /** One that nobody opens is cut off by its pings, which nobody takes. */
  const reserve = (principal: string): string => {
    const token = randomUUID();
    const operations = new Map<string, AbortController>();
    const body = createLiveBody({
      connections,
      ping: eventStreamFraming.ping,
      disconnect: () => stream.response?.destroy(),
      onEnd: () => {
        streams.delete(token);
        for (const controller of operations.values()) controller.abort();
      },
    });
    const stream: EventStream = { principal, body, operations, response: null };
    streams.set(token, stream);
    return token;
  };

  const find = (request: Request, principal: string): EventStream => {
    const token = request.headers.get(TOKEN_HEADER_KEY) ?? new URL(request.url).searchParams.get(TOKEN_QUERY_KEY) ?? '';
    const stream = streams.get(token);
    if (stream?.principal === principal) return stream;
    throw new NotFoundError(token, { message: 'There is no such event stream.' });
  };

  /** The operation goes on after the request that brought it. */
  const start = async (request: Request): Promise<void> => {
    const params = await readParams(request);
    const controller = new AbortController();
    const deps = { yoga, findDocument, maskError };
    const headers: RequestHeaders = (name) => request.headers.get(name);
    const operation = await openOperation(deps, params, { headers, signal: controller.signal });
    // Who has left before the answer believes that nothing was started, and will not complete it.
    request.signal.throwIfAborted();
    const { operations, body } = find(request, operation.principal);
    const id = params.extensions.operationId;
    if (operations.has(id)) throw new ConflictError({ message: 'An operation with this id is under way.' });
    if (operations.size >= maxOperations) {
      throw new RateLimitedError({ message: `At most ${maxOperations} operations may be under way on one stream.` });
    }
    operations.set(id, controller);
    send(operation, id, body, controller.signal)
      .catch(body.cut)
      .finally(() => {
        if (operations.get(id) === controller) operations.delete(id);
      });
  };

  /** The results of an operation, the last of which may say why it ended. */
  async function* resultsOf(operation: Operation): AsyncGenerator<ExecutionResult, void> {
    const args = operation.prepare();
    if (!('document' in args)) {
      yield { errors: args };
      return;
    }
    const result = await runOperation(args, maskError);
    if (!isAsyncIterable(result)) {
      yield result;
      return;
    }
    try {
      yield* result;
    } catch (error) {
      yield { errors: [maskError(error)] };
    }
  }

  const send = async (operation: Operation, id: string, body: LiveBody, signal: AbortSignal): Promise<void> => {
    for await (const result of resultsOf(operation)) {
      // What its client has completed is told no more.
      if (signal.aborted) return;
      if (!(await body.write(print({ event: 'next', data: { id, payload: publicResult(result) } })))) return;
    }
    if (!signal.aborted) await body.write(print({ event: 'complete', data: { id } }));
  };

  const answer = async (request: Request, response: ServerResponse): Promise<Answer> => {
    const headers: RequestHeaders = (name) => request.headers.get(name);
    switch (request.method) {
      case 'PUT': {
        const { principal } = await authorize(headers);
        return { status: 201, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: reserve(principal) };
      }
      case 'GET': {
        const { principal } = await authorize(headers);
        if (!includesType(parseAccept(headers('accept')), 'text/event-stream')) return { status: 406 };
        const stream = find(request, principal);
        if (stream.response !== null) throw new ConflictError({ message: 'The event stream is open already.' });
        stream.response = response;
        // What was sent before may fill it, and nobody takes that before the answer has begun.
        void stream.body.write(eventStreamFraming.opening);
        return {
          status: 200,
          headers: { 'content-type': eventStreamFraming.contentType, ...liveHeaders },
          body: responseBodyOf(stream.body),
        };
      }
      case 'POST':
        if (request.headers.get('content-type')?.startsWith('application/json') !== true) return { status: 415 };
        await start(request);
        return { status: 202 };
      case 'DELETE': {
        const { principal } = await authorize(headers);
        const { operations } = find(request, principal);
        const id = new URL(request.url).searchParams.get('operationId') ?? '';
        operations.get(id)?.abort();
        operations.delete(id);
        return { status: 200 };
      }
      default:
        return { status: 405, headers: { allow: 'GET, POST, PUT, DELETE' } };
    }
  };

  return {
    onYogaInit: (init) => {
      yoga = init.yoga;
    },
    onRequest: async ({ request, url, serverContext, fetchAPI, endResponse }) => {
      if (url.pathname !== eventStreamPath || serverContext.operation !== undefined) return;
      try {
        const { body = null, ...init } = await answer(request, serverContext.res);
        endResponse(new fetchAPI.Response(body, init));
      } catch (error) {
        endResponse(processRegularResult({ errors: [maskError(error)] }, fetchAPI, 'application/json'));
      }
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | ReadableStream;
}

const operationRequest = z.object({
  query: z.string().nullish(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  extensions: z.looseObject({ operationId: z.string().min(1).max(200) }),
});

/** @throws {InvalidInputError} */
async function readParams(request: Request): Promise<z.output<typeof operationRequest>> {
  let value: unknown;
  try {
    value = JSON.parse(await request.text());
  } catch {
    throw new InvalidInputError([{ path: '', message: 'the body is not JSON' }]);
  }
  const { data, error } = operationRequest.safeParse(value);
  if (data !== undefined) return data;
  throw new InvalidInputError(error.issues.map(({ path, message }) => ({ path: path.join('.'), message })));
}
