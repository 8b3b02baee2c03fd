import type { IncomingHttpHeaders } from 'node:http';
import type { ReadingTimes } from '../domain/reading-times.ts';
import type { EndController, EndSignal } from '../runtime/end-signal.ts';
import type { Service } from './metrics.ts';
import type { OperationCalls } from './operation-calls.ts';
import type { Caller } from './platform-api.ts';

/** One call to a platform API, as a client of that API words it. */
export interface PlatformRequest {
  readonly service: Service;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query below the base URL, beginning with `/`, with every value in it encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /**
   * The effect of the call on the platform. It does not follow from the method, because some reads are POSTs. A `read` is
   * sent again when it fails; a `delete` only when it certainly was not sent; an `update` and a `create` never. When the
   * response to a `create` is lost, its outcome is unknown.
   */
  readonly effect: 'read' | 'create' | 'update' | 'delete';
  /** The id that an answer of 404 is about, which then is a NotFoundError. Without it, a PlatformError. */
  readonly subject?: string | undefined;
  /**
   * Finds the argument that a response of 400 or 422 is about, and of a create also 404: it then is an
   * InvalidInputError. Without one, it is a PlatformError.
   */
  readonly input?: RefusedInput | undefined;
  /** Whether the answer's body matters. An error in it counts in either case. @default 'json' */
  readonly answer?: 'json' | 'ignored' | undefined;
  /** Whether to ask for a compressed answer. @default false */
  readonly compressed?: boolean | undefined;
  /** Whether the API takes the sandbox from a header. @default true */
  readonly sandboxed?: boolean | undefined;
  /** How long the call may take, in milliseconds, where that is less than usual. */
  readonly timeoutMs?: number | undefined;
}

/** Finds the path of the argument that the platform refused; null if the refusal is about no argument. */
export type RefusedInput = (refusal: { readonly status: number; readonly reason: string | null }) => string | null;

/** `interactive` calls wait for a person and go first; `poll` calls come from the watcher. */
export type Priority = 'interactive' | 'poll';

/** A call bound to who makes it and for how long. */
export interface UpstreamRequest extends PlatformRequest {
  readonly caller: Caller;
  readonly priority: Priority;
  /** Counts what the operation sends. Polls and downloads have none, because other limits bound them. */
  readonly calls?: OperationCalls | undefined;
  /** Aborts when somebody for whom an interactive call would be made has come to wait for this poll. */
  readonly hastened?: EndSignal | undefined;
  /** Ends this call. Its reason is thrown as it is; it is an UpstreamTimeoutError when the deadline has passed. */
  readonly signal: EndSignal;
  /** Ends `signal`, where that is this call's own. */
  readonly ending?: EndController | undefined;
  /** When the deadline passes, in monotonic milliseconds. Set by the layer that keeps it. */
  readonly endsAtMs?: number | undefined;
  /** Ends what outlives the call: a body that is still being read. */
  readonly lifetime: EndSignal;
  /** The headers of the credential. Set by the layer that authorizes. */
  readonly authorization?: Readonly<Record<string, string>> | undefined;
}

/** An answer with a 2xx status. Every other one is thrown as the GatewayError that it means. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The decoded body; undefined when it was empty or does not matter. */
  readonly json: unknown;
  /** The request id of the platform's response, else the one that was sent. */
  readonly requestId: string;
  /** Of the attempt that was answered: several calls may share it, and earlier ones may have failed. */
  readonly reading: ReadingTimes;
}

/**
 * Sends one request. Behaviour around it (deadline, token, and whatever comes later) wraps one of these into another. It
 * never throws at once: a layer that has to undo something would not notice.
 */
export type UpstreamCall<Answer = UpstreamAnswer> = (request: UpstreamRequest) => Promise<Answer>;

/** One behaviour around a call, indifferent to what the answer is. */
export type CallLayer = <Answer>(next: UpstreamCall<Answer>) => UpstreamCall<Answer>;

/** The platform's answer to a request of a bound client. */
export type BoundCall = (request: PlatformRequest) => Promise<UpstreamAnswer>;
