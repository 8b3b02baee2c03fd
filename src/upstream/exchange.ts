import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

export interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly signal: AbortSignal;
  /** The largest body that is read, in bytes as they come over the wire. */
  readonly maxBodyBytes: number;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type ExchangeFailureKind = 'aborted' | 'broken' | 'too-large';

/** Thrown when an exchange gave no complete answer. `cause` is the signal's reason, or the error of the connection. */
export class ExchangeFailure extends Error {
  override readonly name = 'ExchangeFailure';
  readonly kind: ExchangeFailureKind;
  /** Whether any byte of the request may have left. False means that nothing can have happened there. */
  readonly sent: boolean;

  constructor(kind: ExchangeFailureKind, sent: boolean, cause: unknown) {
    super(`The exchange was ${kind}.`, { cause });
    this.kind = kind;
    this.sent = sent;
  }
}

/**
 * One HTTP request and its whole answer. Redirects are not followed: an answer with status 3xx is an answer.
 *
 * It speaks to undici's dispatch interface, because only that tells when a request leaves the queue: what failed before
 * then has surely done nothing.
 * @throws {ExchangeFailure}
 */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest): Promise<ExchangeAnswer> {
  const { method, path, headers, body, signal, maxBodyBytes } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let settled = false;
    let status = 0;
    let answerHeaders: IncomingHttpHeaders = {};
    let length = 0;
    const chunks: Buffer[] = [];

    const fail = (kind: ExchangeFailureKind, cause: unknown) => {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', onAbort);
      const failure = new ExchangeFailure(kind, controller !== null, cause);
      reject(failure);
      controller?.abort(failure);
    };
    const onAbort = () => fail('aborted', signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        // Given up while it waited for a connection.
        if (settled) started.abort(new Error('The request was given up.'));
        else controller = started;
      },
      onResponseStart(_controller, statusCode, incoming) {
        status = statusCode;
        answerHeaders = incoming;
      },
      onResponseData(_controller, chunk) {
        length += chunk.length;
        if (length > maxBodyBytes) fail('too-large', new Error(`The body is longer than ${maxBodyBytes} bytes.`));
        else chunks.push(chunk);
      },
      onResponseEnd() {
        if (settled) return;
        settled = true;
        signal.removeEventListener('abort', onAbort);
        const [first] = chunks;
        resolve({
          status,
          headers: answerHeaders,
          body: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length),
        });
      },
      onResponseError(_controller, error) {
        fail('broken', error);
      },
    };
    try {
      dispatcher.dispatch({ method, path, headers, body }, handler);
    } catch (error) {
      fail('broken', error);
    }
  });
}
