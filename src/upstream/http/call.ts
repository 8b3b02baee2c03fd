import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { EndController, EndSignal } from '../../runtime/end-signal.ts';
import type { RequestId } from '../../runtime/request-id.ts';
import type { CallTrace } from '../../tracing/trace.ts';
import type { Caller } from '../caller.ts';
import type { OperationCalls, Priority, Service } from '../types.ts';
import type { ResponseHeaders } from '../wire/response-headers.ts';

/** One call to a platform API, as described by the client of that API. */
export interface PlatformRequest {
  readonly service: Service;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query below the base URL. It begins with `/`, and every value in it is encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /**
   * The effect of the call on the platform. It does not follow from the method, because some reads are POSTs. A `read`
   * is repeated if it fails. A `delete` is repeated only if no byte of it was sent. An `update` and a `create` are
   * never repeated. If the response to a `create` is lost, its outcome is unknown.
   */
  readonly effect: 'read' | 'create' | 'update' | 'delete';
  /** The id that a 404 is about. A 404 is a NotFoundError with a subject, and a PlatformError without one. */
  readonly subject?: string | undefined;
  /**
   * Finds the argument that a 400 or 422 is about; for a create also a 404. The response then is an InvalidInputError.
   * If it is about no argument, it is a PlatformError.
   */
  readonly input?: FindRejectedInput | undefined;
  /** Whether the body of the response is returned. An error in it counts in either case. @default 'json' */
  readonly response?: 'json' | 'ignored' | undefined;
  /** Whether to request a compressed response. @default false */
  readonly compressed?: boolean | undefined;
  /** Whether the API takes the sandbox from a header. @default true */
  readonly sandboxed?: boolean | undefined;
  /** Deadline of the call in milliseconds, if it is shorter than usual. */
  readonly timeoutMs?: number | undefined;
}

/** A call without an effect on the platform. */
export type ReadRequest = PlatformRequest & { readonly effect: 'read' };

/** A call that changes the platform. */
export type WriteRequest = PlatformRequest & { readonly effect: Exclude<PlatformRequest['effect'], 'read'> };

/** Finds the path of the argument that the platform rejected. Null if the rejection is about no argument. */
export type FindRejectedInput = (refusal: { readonly status: number; readonly reason: string | null }) => string | null;

/** The ids of one call. All its attempts share them. */
export interface CallIdentity {
  /** Id of the request that causes the call; undefined: no request of a client causes it. */
  readonly requestId: RequestId | undefined;
  /** The header `x-request-id` of the call. */
  readonly sentId: string;
  /** Number of attempts that have begun. */
  attempts: number;
}

/** A call that is bound to its caller and its lifetime. */
export interface UpstreamRequest extends PlatformRequest {
  readonly caller: Caller;
  readonly priority: Priority;
  /** Counts the calls of the operation. Polls and downloads have no counter, because other limits bound them. */
  readonly calls?: OperationCalls | undefined;
  /** Trace of the call's attempts. A shared call is in the trace of the operation that began it. */
  readonly trace?: CallTrace | undefined;
  readonly call: CallIdentity;
  /** Aborts when an interactive caller joins this poll. The poll then gets interactive priority. */
  readonly promoted?: EndSignal | undefined;
  /** Ends this call. Its reason is thrown unchanged; it is an UpstreamTimeoutError if the deadline has passed. */
  readonly signal: EndSignal;
  /** Controller of `signal`, if the signal belongs to this call only. */
  readonly ending?: EndController | undefined;
  /** Deadline in monotonic milliseconds. Set by the layer that enforces it. */
  readonly endsAtMs?: number | undefined;
  /** Ends a body that is still being read after the call. */
  readonly lifetime: EndSignal;
  /** The headers of the credential. Set by the layer that authorizes. */
  readonly authorization?: Readonly<Record<string, string>> | undefined;
}

/** A response with a 2xx status. Any other response is thrown as a GatewayError. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The decoded body. Undefined if it was empty, or if the request ignores it. */
  readonly json: unknown;
  /** The request id of the platform's response, or the id that was sent. */
  readonly requestId: string;
  /**
   * Times of the attempt that returned this response. Several calls may share the attempt, and earlier attempts may
   * have failed.
   */
  readonly reading: ReadingTimes;
}

/**
 * Sends one request. Layers (deadline, token, …) wrap one of these functions into another. Failures are always
 * rejections and never thrown synchronously, because a layer that has to undo something would miss a synchronous error.
 * The result is a promise or a `Completion`, so that it can settle at once, and its callbacks are set once.
 */
export type UpstreamCall<Response = UpstreamResponse> = (request: UpstreamRequest) => PromiseLike<Response>;

/** One behaviour around a call. It does not depend on the type of the response. */
export type CallLayer = <Response>(next: UpstreamCall<Response>) => UpstreamCall<Response>;

/** Sends the reads of one caller. */
export interface BoundClient {
  /** Returns the platform's response. */
  call(request: ReadRequest): Promise<UpstreamResponse>;
}

/** Sends the requests of one write. Only a write that is reported has one. */
export interface WriteClient {
  /** Returns the platform's response. */
  send(request: WriteRequest): Promise<UpstreamResponse>;
}

/** A write that was carried out, or whose entity the platform does not have. */
export interface CarriedOut<Result> {
  readonly result: Result;
  /** Id of the entity; null: the platform does not have it. */
  readonly id: string | null;
  /** Proof that it was carried out: the response, or the platform's state after a lost response. */
  readonly evidence: 'response' | 'state';
}
