import type { Dispatcher } from 'undici';
import { Completion } from '../../runtime/completion.ts';
import type { EndSignal } from '../../runtime/end-signal.ts';
import type { ResponseHeaders } from '../wire/response-headers.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly signal: EndSignal;
  /** Maximum size of a body, in bytes on the wire. */
  readonly maxBodyBytes: number;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

export type ExchangeFailureKind = 'aborted' | 'broken' | 'too-large';

/** Thrown if no complete response arrived. `cause` is the signal's reason, or the error of the connection. */
export class ExchangeFailure extends Error {
  override readonly name = 'ExchangeFailure';
  readonly kind: ExchangeFailureKind;
  /** Whether any byte of the request may have been sent. False means that the platform has done nothing. */
  readonly sent: boolean;

  constructor(kind: ExchangeFailureKind, sent: boolean, cause: unknown) {
    super(`The exchange was ${kind}.`, { cause });
    this.kind = kind;
    this.sent = sent;
  }
}

/**
 * One HTTP request and its whole response. Redirects are not followed; a response with status 3xx is returned.
 *
 * It uses undici's dispatch interface, because only this interface reports when a request leaves the queue. A request
 * that fails before then has certainly done nothing.
 * @throws {ExchangeFailure}
 */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest): Completion<ExchangeResponse> {
  const completion = new Completion<ExchangeResponse>();
  new Exchange(request, completion).start(dispatcher);
  return completion;
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #completion: Completion<ExchangeResponse>;
  readonly #onAbort = () => this.#fail('aborted', this.#request.signal.reason);
  #controller: Dispatcher.DispatchController | null = null;
  #settled = false;
  #status = 0;
  #headers: ResponseHeaders = {};
  #length = 0;
  /** First chunk. Most bodies have only one. */
  #first: Buffer | null = null;
  #others: Buffer[] | null = null;

  constructor(request: ExchangeRequest, completion: Completion<ExchangeResponse>) {
    this.#request = request;
    this.#completion = completion;
  }

  start(dispatcher: Dispatcher): void {
    const { method, path, headers, body, signal } = this.#request;
    if (signal.aborted) {
      this.#onAbort();
      return;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    try {
      dispatcher.dispatch({ method, path, headers, body }, this);
    } catch (error) {
      this.#fail('broken', error);
    }
  }

  onRequestStart(started: Dispatcher.DispatchController): void {
    // The request was cancelled while it waited for a connection.
    if (this.#settled) started.abort(new Error('The request was cancelled.'));
    else this.#controller = started;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { maxBodyBytes } = this.#request;
    this.#length += chunk.length;
    if (this.#length > maxBodyBytes)
      this.#fail('too-large', new Error(`The body is longer than ${maxBodyBytes} bytes.`));
    else if (this.#first === null) this.#first = chunk;
    else if (this.#others === null) this.#others = [chunk];
    else this.#others.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    const first = this.#first ?? Buffer.alloc(0);
    const body = this.#others === null ? first : Buffer.concat([first, ...this.#others], this.#length);
    // An exchange that has waited for long is in V8's old generation, where it would keep the chunks in memory.
    this.#first = null;
    this.#others = null;
    this.#completion.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail('broken', error);
  }

  #fail(kind: ExchangeFailureKind, cause: unknown): void {
    if (!this.#settle()) return;
    const failure = new ExchangeFailure(kind, this.#controller !== null, cause);
    this.#controller?.abort(failure);
    this.#completion.reject(failure);
  }

  /** @returns false if the exchange was settled before */
  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#request.signal.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
