import type { ExecutionResult } from 'graphql';
import { print } from 'graphql-sse';
import { publicResult } from './graphql-error.ts';
import { textOf } from './shared-result.ts';

/** How the results of one operation are written into one answer that goes on. */
export interface Framing {
  readonly contentType: string;
  readonly opening: string;
  readonly ping: string;
  result(result: ExecutionResult): string;
  /** Reports that the operation has completed, and that the connection was not lost. */
  readonly completion: string;
}

/** A comment, which clients of event streams skip. */
export const eventStreamPing = ':\n\n';

/** GraphQL over server-sent events, each operation in an event stream of its own ("distinct connections mode"). */
export const eventStreamFraming: Framing = {
  contentType: 'text/event-stream; charset=utf-8',
  // Some browsers report the start of a response only after the first bytes of its body.
  opening: eventStreamPing,
  ping: eventStreamPing,
  result: (result) => `event: next\ndata: ${textOf(publicResult(result))}\n\n`,
  completion: print({ event: 'complete', data: null }),
};

/** JSON holds no line break, so that no part can hold the boundary. */
const part = (json: string): string => `\r\ncontent-type: application/json\r\n\r\n${json}\r\n--graphql`;

/**
 * Multipart subscriptions over HTTP, version 1.0, as Apollo's clients and routers speak it. A boundary follows each part
 * at once, so that the part can be read without the next one.
 */
export const multipartFraming: Framing = {
  contentType: 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
  opening: '\r\n--graphql',
  ping: part('{}'),
  result: (result) => {
    const payload = publicResult(result);
    // Without data, it is the subscription itself that has failed, and not the execution of one of its events.
    return part(
      'data' in payload ? `{"payload":${textOf(payload)}}` : JSON.stringify({ payload: null, errors: payload.errors }),
    );
  },
  completion: '--\r\n',
};

/**
 * Headers of every streamed response: caches do not keep it, proxies do not buffer it, and proxies that compress leave it
 * as it is, because they would hold events back until a block is full.
 */
export const liveHeaders = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' } as const;
