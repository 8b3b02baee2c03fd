import type { ExecutionResult } from 'graphql';
import { print } from 'graphql-sse';
import type { OperationTransport } from '../../metrics/operations.ts';
import { publicResult } from '../graphql/error-mask.ts';
import { textOf } from '../sharing/serialized-result.ts';

/** Format of the results of one operation in one streamed response. */
export interface StreamFormat {
  readonly transport: OperationTransport;
  readonly contentType: string;
  readonly opening: string;
  readonly ping: string;
  result(result: ExecutionResult): string;
  /** Reports that the operation has completed, and that the connection was not lost. */
  readonly completion: string;
}

/**
 * A comment, which clients of event streams skip. No empty line follows, because some clients take a comment that is
 * followed by one as an event without a name, and Spring's client then ends the subscription.
 */
const eventStreamPing = ':\n';

/** GraphQL over server-sent events, with one event stream per operation ("distinct connections mode"). */
export const eventStreamFormat: StreamFormat = {
  transport: 'sse',
  contentType: 'text/event-stream; charset=utf-8',
  // Some browsers report the start of a response only after the first bytes of its body.
  opening: eventStreamPing,
  ping: eventStreamPing,
  result: (result) => `event: next\ndata: ${textOf(publicResult(result))}\n\n`,
  completion: print({ event: 'complete', data: null }),
};

/** JSON contains no line break, so that no part can contain the boundary. */
const part = (json: string): string => `\r\ncontent-type: application/json\r\n\r\n${json}\r\n--graphql`;

/**
 * Multipart subscriptions over HTTP, version 1.0, as Apollo's clients and routers implement it. A boundary follows
 * each part at once, so that the part can be read before the next one arrives.
 */
export const multipartFormat: StreamFormat = {
  transport: 'multipart',
  // Without quotes, because several clients compare the parameters as text.
  contentType: 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0',
  opening: '\r\n--graphql',
  ping: part('{}'),
  result: (result) => {
    const payload = publicResult(result);
    // Without data, the subscription itself has failed, and not the execution of one of its events.
    return part(
      'data' in payload ? `{"payload":${textOf(payload)}}` : JSON.stringify({ payload: null, errors: payload.errors }),
    );
  },
  completion: '--\r\n',
};

/**
 * Headers of every streamed response. Caches must not store it, and proxies must neither buffer nor compress it,
 * because compression would delay events until a block is full.
 */
export const streamHeaders = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' } as const;
