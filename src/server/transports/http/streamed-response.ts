import type { ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import type { OperationTransport } from '../../../metrics/operations.ts';
import type { ConnectionRegistry } from '../../connections/connection-registry.ts';
import type { SendBuffers } from '../../connections/send-buffers.ts';
import { httpOf } from '../../graphql/request-error.ts';
import { ClientLeftError } from '../../sharing/end-reason.ts';
import { eventStreamFormat, multipartFormat, type StreamFormat, streamHeaders } from '../stream-formats.ts';
import { createStreamingBody, type StreamingBody, sendBody } from '../streaming-body.ts';
import {
  type AcceptedTypes,
  eventStreamType,
  includesType,
  isMultipartSubscription,
  jsonTypeOf,
  multipartType,
} from './accept.ts';
import type { HttpExchange } from './exchange.ts';
import { headersOfErrors } from './response.ts';

/** The outcome of an operation over HTTP. There are no batches of operations. */
type Result = ExecutionResult | AsyncIterable<ExecutionResult>;

export interface StreamedResponseOptions {
  readonly connections: ConnectionRegistry;
  readonly buffers: SendBuffers;
}

export type SendStreamedResponse = (result: Result, format: StreamFormat, exchange: HttpExchange) => void;

/**
 * Creates the function that sends streamed responses: event streams and multipart subscriptions. They send pings by the
 * gateway's clock, wait for slow clients, and end when the gateway drains.
 */
export function createStreamedResponses({ connections, buffers }: StreamedResponseOptions): SendStreamedResponse {
  return (result, format, { response, session, signal, record }) => {
    const body = createStreamingBody({
      connections,
      buffers,
      transport: format.transport,
      principal: session.principal,
      requestId: record.requestId,
      ping: format.ping,
      disconnect: () => response.destroy(),
      onEnd: (reason) => {
        if (reason !== null) signal.abort(new ClientLeftError(reason));
      },
    });
    response.writeHead(statusOf(result), headersOf(result, format));
    sendBody(body, response);
    pump(result, body, format).catch(body.cut);
  };
}

async function pump(result: Result, body: StreamingBody, format: StreamFormat): Promise<void> {
  await body.write(format.opening);
  if (isAsyncIterable(result)) {
    for await (const each of result) if (!(await body.write(format.result(each)))) return;
  } else {
    await body.write(format.result(result));
  }
  body.end(format.completion);
}

/** The format in which a result is streamed; null if it is sent as one body. */
export function streamFormatOf(accepted: AcceptedTypes, result: Result): StreamFormat | null {
  // A subscription that failed at its start is streamed like a running one, unless the request itself was invalid.
  const isStream = isAsyncIterable(result);
  return formatFor(accepted, isStream || hasFailedToStart(result), isStream);
}

/** How the results of an operation will be sent, before it is executed. */
export function transportOf(accepted: AcceptedTypes, isSubscription: boolean): OperationTransport {
  if (isSubscription) return formatFor(accepted, true, true)?.transport ?? 'http';
  const known = transports.get(accepted) ?? formatFor(accepted, false, false)?.transport ?? 'http';
  transports.set(accepted, known);
  return known;
}

/** Transports of queries. Clients send few different headers, each of which is read once. */
const transports = new WeakMap<AcceptedTypes, OperationTransport>();

/**
 * @param continues whether there is, or was to be, a stream of results
 * @param isStream whether there is one
 */
function formatFor(accepted: AcceptedTypes, continues: boolean, isStream: boolean): StreamFormat | null {
  const acceptsJson = jsonTypeOf(accepted) !== null;
  // Most results are of this kind, and each of the conditions below is false for them.
  if (acceptsJson && !continues) return null;
  const acceptsSingle = acceptsJson || includesType(accepted, multipartType);
  for (const each of accepted) {
    if (isMultipartSubscription(each) && (continues || !acceptsJson)) return multipartFormat;
    if (isStream && includesType([each], eventStreamType)) return eventStreamFormat;
    if (each.essence === eventStreamType && (continues || !acceptsSingle)) return eventStreamFormat;
  }
  return null;
}

/** A subscription whose field failed. An error without a path failed the request before any field of it. */
const hasFailedToStart = (result: ExecutionResult): boolean =>
  !('data' in result) && result.errors?.every(({ path }) => path !== undefined) === true;

/**
 * Status of a streamed response. It is 200 unless the request itself is rejected, because clients read the events of no
 * other status. A request with invalid GraphQL receives its errors in an event.
 */
function statusOf(result: Result): number {
  if (isAsyncIterable(result)) return 200;
  const statuses = (result.errors ?? []).map((error) => {
    const http = httpOf(error);
    return http?.jsonStatus ?? http?.status ?? 200;
  });
  return Math.max(200, ...statuses);
}

const headersOf = (result: Result, { contentType }: StreamFormat): Record<string, string> => ({
  'content-type': contentType,
  ...streamHeaders,
  ...(isAsyncIterable(result) ? {} : headersOfErrors(result)),
});
