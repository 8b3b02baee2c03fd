import type { ExecutionResult } from 'graphql';
import { type GraphQLHTTPExtensions, isAsyncIterable, type Plugin } from 'graphql-yoga';
import { type AcceptedTypes, includesType, parseAccept } from '../accept.ts';
import { eventStreamFraming, type Framing, liveHeaders, multipartFraming } from '../framing.ts';
import { createLiveBody, type LiveBody, responseBodyOf } from '../live-body.ts';
import type { LiveConnections } from '../live-connections.ts';
import type { ServerContext } from '../yoga.ts';

/** What an operation over HTTP has come to, where operations do not come in batches. */
type Result = ExecutionResult | AsyncIterable<ExecutionResult>;

/**
 * Answers that go on: event streams, and multipart subscriptions. In place of Yoga's own, because these send pings by the
 * gateway's clock, wait for slow clients, and end when the gateway drains.
 */
export function useLiveResults(connections: LiveConnections): Plugin<object, ServerContext> {
  return {
    onResultProcess: ({ request, result, serverContext, setResultProcessor }) => {
      if (Array.isArray(result) || serverContext.operation !== undefined) return;
      const { res } = serverContext;
      // An array was the only other thing that it may be.
      const framing = framingOf(parseAccept(request.headers.get('accept')), result as Result);
      if (framing === null) return;
      const process = (answer: Result, { Response }: { readonly Response: typeof globalThis.Response }) => {
        const live = createLiveBody({ connections, ping: framing.ping, disconnect: () => res.destroy() });
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
  // What failed before it could begin is told as if it had begun, unless it is the request that was wrong.
  const goesOn = isAsyncIterable(result) || couldNotBegin(result);
  const acceptsJson = jsonTypes.some((type) => includesType(accepted, type));
  const acceptsSingle = acceptsJson || includesType(accepted, 'multipart/mixed');
  for (const each of accepted) {
    if (isMultipartSubscription(each) && (goesOn || !acceptsJson)) return multipartFraming;
    if (isAsyncIterable(result) && includesType([each], eventStreamType)) return eventStreamFraming;
    if (each.essence === eventStreamType && (goesOn || !acceptsSingle)) return eventStreamFraming;
  }
  return null;
}

const eventStreamType = 'text/event-stream';
const jsonTypes = ['application/json', 'application/graphql-response+json'];

const isMultipartSubscription = ({ essence, params }: AcceptedTypes[number]): boolean =>
  essence === 'multipart/mixed' && params.get('subscriptionspec') === '1.0';

/** A subscription whose field failed. An error without a path failed the request before any field of it. */
const couldNotBegin = (result: ExecutionResult): boolean =>
  !('data' in result) && result.errors?.every(({ path }) => path !== undefined) === true;

/**
 * The status of an answer that goes on: 200, because clients read the events of no other one, but where the request was
 * refused. Requests that are no valid GraphQL are told so in an event.
 */
function statusOf(result: Result): number {
  return Math.max(200, ...httpOf(result).map(({ spec, status }) => (spec === true ? 200 : (status ?? 200))));
}

function headersOf(result: Result, { contentType }: Framing): Record<string, string> {
  const ofErrors = httpOf(result).map(({ headers }) => headers ?? {});
  return Object.assign({ 'content-type': contentType, ...liveHeaders }, ...ofErrors);
}

/** What the errors of a request say of its HTTP answer, as Yoga reads it too. */
function httpOf(result: Result): readonly GraphQLHTTPExtensions[] {
  if (isAsyncIterable(result)) return [];
  return result.errors?.flatMap(({ extensions }) => extensions.http ?? []) ?? [];
}
