import type { ExecutionResult } from 'graphql';
import { isAsyncIterable } from 'graphql-yoga';
import { httpOf } from '../graphql/request-error.ts';
import {
  type AcceptedTypes,
  eventStreamType,
  includesType,
  isMultipartSubscription,
  jsonTypeOf,
  multipartType,
} from '../http/accept.ts';
import type { HttpExchange } from '../http/exchange.ts';
import { headersOfErrors } from '../http/graphql-response.ts';
import type { LiveConnections } from './connection-registry.ts';
import type { SendBuffers } from './send-buffers.ts';
import { eventStreamFraming, type Framing, liveHeaders, multipartFraming } from './stream-formats.ts';
import { createLiveBody, type LiveBody, sendBody } from './streaming-body.ts';

/** The outcome of an operation over HTTP. There are no batches of operations. */
type Result = ExecutionResult | AsyncIterable<ExecutionResult>;

export interface LiveResponseOptions {
  readonly connections: LiveConnections;
  readonly buffers: SendBuffers;
}

export type SendLiveResults = (result: Result, framing: Framing, exchange: HttpExchange) => void;

/**
 * Creates the function that sends streamed responses: event streams and multipart subscriptions. They send pings by the
 * gateway's clock, wait for slow clients, and end when the gateway drains.
 */
export function createLiveResponses({ connections, buffers }: LiveResponseOptions): SendLiveResults {
  return (result, framing, { response, session }) => {
    const live = createLiveBody({
      connections,
      buffers,
      principal: session.principal,
      ping: framing.ping,
      disconnect: () => response.destroy(),
    });
    response.writeHead(statusOf(result), headersOf(result, framing));
    sendBody(live, response);
    pump(result, live, framing).catch(live.cut);
  };
}

async function pump(result: Result, live: LiveBody, framing: Framing): Promise<void> {
  await live.write(framing.opening);
  if (isAsyncIterable(result)) {
    for await (const each of result) if (!(await live.write(framing.result(each)))) return;
  } else {
    await live.write(framing.result(result));
  }
  live.end(framing.completion);
}

/** The format in which a result is streamed; null if it is sent as one body. */
export function framingOf(accepted: AcceptedTypes, result: Result): Framing | null {
  // A subscription that failed at its start is streamed like a running one, unless the request itself was invalid.
  const goesOn = isAsyncIterable(result) || couldNotBegin(result);
  const acceptsJson = jsonTypeOf(accepted) !== null;
  const acceptsSingle = acceptsJson || includesType(accepted, multipartType);
  for (const each of accepted) {
    if (isMultipartSubscription(each) && (goesOn || !acceptsJson)) return multipartFraming;
    if (isAsyncIterable(result) && includesType([each], eventStreamType)) return eventStreamFraming;
    if (each.essence === eventStreamType && (goesOn || !acceptsSingle)) return eventStreamFraming;
  }
  return null;
}

/** A subscription whose field failed. An error without a path failed the request before any field of it. */
const couldNotBegin = (result: ExecutionResult): boolean =>
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

const headersOf = (result: Result, { contentType }: Framing): Record<string, string> => ({
  'content-type': contentType,
  ...liveHeaders,
  ...(isAsyncIterable(result) ? {} : headersOfErrors(result)),
});
