import type { ExecutionResult, GraphQLError } from 'graphql';
import { MessageType, type SubscribePayload } from 'graphql-ws';
import { isAsyncIterable } from 'graphql-yoga';
import type { Authenticate } from '../context/authenticate.ts';
import type { RequestHeaders } from '../context/request-headers.ts';
import { DirectResults, type ResultReceiver } from './direct-results.ts';
import { publicErrors, publicResult } from './graphql-error.ts';
import { isRejection, type OperationDeps, openOperation, runOperation } from './operation.ts';
import type { SharedFlow } from './shared-flow.ts';
import { textOf } from './shared-result.ts';

/** The part of a socket that an operation uses. */
export interface OperationSocket {
  /** Whether what is sent may arrive. */
  readonly open: boolean;
  /** @returns resolves when there is room for the next message; undefined: there is */
  send(message: string): Promise<void> | undefined;
  /** Called once, when the operation is over. */
  ended(operation: SocketOperation): void;
  /** Called after the operation has sent these errors as its last message. */
  failed(errors: readonly GraphQLError[]): void;
}

export interface SocketOperationDeps extends OperationDeps {
  /** Called for each operation, because the caller's token can have expired since the socket was opened. */
  readonly admit: Authenticate;
}

/** An operation that runs on a socket, in the messages of `graphql-transport-ws`. */
export class SocketOperation implements ResultReceiver {
  readonly id: string;
  readonly #socket: OperationSocket;
  readonly #deps: SocketOperationDeps;
  /** Null once its results flow: it is then the flow that is stopped. */
  #request: AbortController | null = new AbortController();
  #flow: SharedFlow | null = null;
  #over = false;

  constructor(id: string, socket: OperationSocket, deps: SocketOperationDeps) {
    this.id = id;
    this.#socket = socket;
    this.#deps = deps;
  }

  /** Resolves when the operation is over, or its results flow. */
  async run(payload: SubscribePayload, headers: RequestHeaders): Promise<void> {
    if (this.#over) return;
    try {
      const result = await this.#start(payload, headers);
      if (result === null) return;
      if (isAsyncIterable(result)) for await (const each of result) await this.next(each);
      else await this.next(result);
      this.complete();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends it without another word: its client has completed it, or is gone. */
  cancel(): void {
    if (!this.#finish()) return;
    this.#request?.abort();
    this.#flow?.stop();
  }

  next(result: ExecutionResult): Promise<void> | undefined {
    // It is a while until a socket that closes is closed, and a snapshot is long.
    if (!this.#socket.open) this.cancel();
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
    if (!this.#finish()) return;
    const payload = publicErrors(errors.map(this.#deps.maskError));
    void this.#socket.send(JSON.stringify({ id: this.id, type: MessageType.Error, payload }));
    this.#socket.failed(payload);
  }

  /** @returns null when there is nothing to wait for: its results flow, or it is over */
  async #start(
    payload: SubscribePayload,
    headers: RequestHeaders,
  ): Promise<ExecutionResult | AsyncIterable<ExecutionResult> | null> {
    const request = this.#request;
    if (request === null) throw new Error('An operation runs once.');
    const direct = new DirectResults();
    const session = await this.#deps.admit(headers);
    if (this.#over) return null;
    const operation = { session, host: headers('host'), signal: request.signal };
    const args = await openOperation(this.#deps, payload, operation, direct);
    if (this.#over) return null;
    if (!('kind' in args)) {
      this.fail(...args);
      return null;
    }
    const result = await runOperation(args, this.#deps.maskError);
    if (isRejection(result)) {
      this.fail(...result.errors);
      return null;
    }
    const flow = direct.take();
    if (flow === null) return result;
    if (this.#over) {
      flow.stop();
      return null;
    }
    this.#flow = flow;
    this.#request = null;
    flow.start(this);
    return null;
  }

  /** @returns false when it was over already */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#socket.ended(this);
    return true;
  }
}
