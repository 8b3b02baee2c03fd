import type { ExecutionResult } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { type AcceptedTypes, eventStreamType, includesType, isMultipartSubscription, jsonTypeOf } from '../accept.ts';
import { eventStreamFraming, type Framing, liveHeaders, multipartFraming } from '../framing.ts';
import { headersOfErrors } from '../graphql-response.ts';
import { createLiveBody, type LiveBody, responseBodyOf } from '../live-body.ts';
import type { LiveConnections } from '../live-connections.ts';
import { httpOf } from '../request-error.ts';
import type { SendBuffers } from '../send-buffers.ts';
import { acceptedBy, type ServerContext, sessionOf } from '../server-context.ts';

/** The outcome of an operation over HTTP. There are no batches of operations. */
type Result = ExecutionResult | AsyncIterable<ExecutionResult>;

export interface LiveResultsOptions {
  readonly connections: LiveConnections;
  readonly buffers: SendBuffers;
}

/**
 * Answers that go on: event streams, and multipart subscriptions. In place of Yoga's own, because these send pings by the
 * gateway's clock, wait for slow clients, and end when the gateway drains.
 */
export function useLiveResults({ connections, buffers }: LiveResultsOptions): Plugin<object, ServerContext> {
  return {
    onResultProcess: ({ result, serverContext, setResultProcessor }) => {
      if (Array.isArray(result) || serverContext.operation !== undefined) return;
      const { res } = serverContext;
      // An array was the only other thing that it may be.
      const framing = framingOf(acceptedBy(serverContext), result as Result);
      if (framing === null) return;
      const process = (answer: Result, { Response }: { readonly Response: typeof globalThis.Response }) => {
        const live = createLiveBody({
          connections,
          buffers,
          principal: sessionOf(serverContext).principal,
          ping: framing.ping,
          disconnect: () => res.destroy(),
        });
        pump(answer, live, framing).catch(live.cut);
        return new Response(responseBodyOf(live), { status: statusOf(answer), headers: headersOf(answer, framing) });
      };
      setResultProcessor((answer, fetchAPI) => process(answer as Result, fetchAPI), framing.contentType);
    },
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

/** In which form a result goes on; null: it does not, and Yoga answers it. */
function framingOf(accepted: AcceptedTypes, result: Result): Framing | null {
  // A subscription that failed at its start is answered like one that began, unless the request itself was wrong.
  const goesOn = isAsyncIterable(result) || couldNotBegin(result);
  const acceptsJson = jsonTypeOf(accepted) !== null;
  const acceptsSingle = acceptsJson || includesType(accepted, 'multipart/mixed');
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
 * Status of a streamed response: 200, because clients read the events of no other one, unless the request itself is
 * rejected. A request that is no valid GraphQL receives its errors in an event.
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
