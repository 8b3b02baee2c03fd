import type { ExecutionResult, GraphQLError } from 'graphql';
import { MessageType, type SubscribePayload } from 'graphql-ws';
import { isAsyncIterable } from 'graphql-yoga';
import type { Authenticate, Session } from '../../../auth/authenticator.ts';
import type { RequestHeaders } from '../../../auth/caller-headers.ts';
import type { OperationRecord } from '../../../observation/operation-record.ts';
import type { RequestLog } from '../../../runtime/request-log.ts';
import type { TracePosition } from '../../../tracing/trace.ts';
import { endRecord } from '../../graphql/end-record.ts';
import { publicErrors, publicResult } from '../../graphql/error-mask.ts';
import { isRejection, type OperationDeps, openOperation, runOperation } from '../../graphql/operation.ts';
import { ClientLeftError, endReasonOfAbort, type SubscriptionEnd } from '../../sharing/end-reason.ts';
import { PushSubscription, type ResultReceiver } from '../../sharing/push-subscription.ts';
import { textOf } from '../../sharing/serialized-result.ts';

/** The part of a socket that an operation uses. */
export interface OperationSocket {
  /** Whether a message that is sent may arrive. */
  readonly open: boolean;
  /** The reason for the end of its operations. Read it only when the socket is not open. */
  readonly end: SubscriptionEnd;
  /** Position of its operations in their trace; null: they are not traced. */
  readonly trace: TracePosition | null;
  /** @returns a promise that resolves when there is room for the next message; undefined if there is room */
  send(message: string): Promise<void> | undefined;
  /** Called once, when the operation is over. */
  ended(operation: SocketOperation): void;
  /** Called after the operation has sent these errors as its last message. */
  failed(errors: readonly GraphQLError[]): void;
}

export interface SocketOperationDeps extends OperationDeps {
  /** Called for each operation, because the caller's token can have expired since the socket was opened. */
  readonly authenticate: Authenticate;
  /**
   * Called for each operation.
   * @throws {RateLimitedError} the caller has sent too many operations recently
   */
  readonly countOperation: (session: Session) => void;
}

/** An operation that runs on a socket, in the messages of `graphql-transport-ws`. */
export class SocketOperation implements ResultReceiver {
  readonly id: string;
  readonly #socket: OperationSocket;
  readonly #deps: SocketOperationDeps;
  /** Null after the subscription has started, because it is then stopped instead. */
  #request: AbortController | null = new AbortController();
  #subscription: PushSubscription | null = null;
  #over = false;
  readonly #log: RequestLog;
  /** Null after the operation has ended or, if it is a subscription, has started. */
  #record: OperationRecord | null;

  constructor(id: string, socket: OperationSocket, deps: SocketOperationDeps, record: OperationRecord) {
    this.id = id;
    this.#log = record.log;
    this.#record = record;
    this.#socket = socket;
    this.#deps = deps;
  }

  /**
   * Resolves when the operation has ended, or its results have started.
   * @param length of its message, in characters
   */
  async run(payload: SubscribePayload, headers: RequestHeaders, length: number): Promise<void> {
    if (this.#over) return;
    try {
      const result = await this.#start(payload, headers, length);
      if (result === null) return;
      if (isAsyncIterable(result)) for await (const each of result) await this.next(each);
      else await this.next(result);
      this.complete();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the operation without a message, because its client has completed it or has left. */
  cancel(reason: SubscriptionEnd): void {
    const record = this.#record;
    if (!this.#finish()) return;
    record?.end('left');
    this.#request?.abort(new ClientLeftError(reason));
    this.#subscription?.stop(reason);
  }

  next(result: ExecutionResult): Promise<void> | undefined {
    // A snapshot is long, and a socket takes time to close.
    if (!this.#socket.open) this.cancel(this.#socket.end);
    if (this.#over) return undefined;
    const { id } = this;
    return this.#socket.send(
      `{"id":${JSON.stringify(id)},"type":"${MessageType.Next}","payload":${textOf(publicResult(result))}}`,
    );
  }

  complete(): void {
    if (this.#finish()) void this.#socket.send(JSON.stringify({ id: this.id, type: MessageType.Complete }));
  }

  fail(...errors: readonly unknown[]): void {
    const record = this.#record;
    if (!this.#finish()) return;
    const masked = errors.map((error) => this.#deps.maskError(error, this.#log));
    if (record !== null) endRecord(record, { errors: masked });
    const payload = publicErrors(masked);
    void this.#socket.send(JSON.stringify({ id: this.id, type: MessageType.Error, payload }));
    this.#socket.failed(payload);
  }

  /** @returns null if its results have started, or the operation has ended */
  async #start(
    payload: SubscribePayload,
    headers: RequestHeaders,
    length: number,
  ): Promise<ExecutionResult | AsyncIterable<ExecutionResult> | null> {
    const request = this.#request;
    const record = this.#record;
    if (request === null || record === null) throw new Error('An operation runs once.');
    const session = await this.#deps.authenticate(headers, undefined, this.#log);
    if (this.#over) return null;
    record.session = session;
    this.#deps.countOperation(session);
    record.grow(length);
    const operation = { session, host: headers('host'), signal: request.signal, trace: this.#socket.trace, record };
    const args = await openOperation(this.#deps, payload, operation);
    if (this.#over) return null;
    if (!('kind' in args)) {
      this.fail(...args);
      return null;
    }
    const result = await runOperation(this.#deps, args);
    if (isRejection(result)) {
      this.fail(...result.errors);
      return null;
    }
    if (!(result instanceof PushSubscription)) return result;
    if (this.#over) {
      result.stop(endReasonOfAbort(request.signal.reason));
      return null;
    }
    this.#subscription = result;
    this.#request = null;
    this.#record = null;
    result.start(this);
    return null;
  }

  /** @returns false if it had already ended */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#record = null;
    this.#socket.ended(this);
    return true;
  }
}
