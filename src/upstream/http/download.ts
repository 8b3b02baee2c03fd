import type { Dispatcher } from 'undici';
import { UpstreamUnreachableError } from '../../errors.ts';
import type { EndSignal } from '../../runtime/end-signal.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';
import { listHeaderOf, type ResponseHeaders } from '../wire/response-headers.ts';
import type { UpstreamRequest } from './call.ts';
import { errorFromFailure, errorFromResponse, noResponse, requestIdOf, unreadableResponse } from './errors.ts';
import { ExchangeFailure } from './exchange.ts';
import { decompressed, isEncoded } from './json-body.ts';
import { requestHeaders, type SendOptions } from './send.ts';

/** Maximum number of bytes of an error's body that are read. */
const maxErrorBytes = 64 * 1024;
/** Status of a response to a range outside the file. It is no error for this module. */
const rangeNotSatisfiable = 416;

/** A response whose body is still arriving. */
export interface Download {
  /** 2xx or 416 */
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly requestId: string;
  /**
   * Can be read once. Leaving the loop early ends the transfer. Throws the reason of the request's `lifetime`, or
   * UpstreamUnreachableError. Empty for 416.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Discards the body if it will not be read. */
  cancel(): void;
}

/** Sends the request and waits for the headers. `signal` ends this wait, and `lifetime` ends the body. */
export async function openDownload(
  { dispatcher, basePath, clock, metrics }: SendOptions,
  request: UpstreamRequest,
): Promise<Download> {
  const { service, method, signal, lifetime } = request;
  const headers = requestHeaders(request);
  const requestId = headers['x-request-id'];
  const span = request.trace?.startAttempt(headers);
  const startedAtMs = clock.monotonicMs();
  const ended = (status: number | null) =>
    metrics.callEnded({ service, method, status, seconds: (clock.monotonicMs() - startedAtMs) / 1000 });

  const controller = new AbortController();
  const giveUp = () => controller.abort(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  const path = basePath + request.path;
  const answering = dispatcher.request({ method, path, headers, body: null, signal: controller.signal });
  let response: Dispatcher.ResponseData;
  try {
    // undici notices the signal only when the request leaves its queue, which may take as long as other readers do.
    response = await untilAborted(answering, signal);
  } catch (error) {
    ended(null);
    // The response may still arrive. Its unread body would hold the connection.
    answering.then(({ body }) => body.on('error', () => {}).destroy()).catch(() => {});
    const failure = signal.aborted
      ? new ExchangeFailure('aborted', true, signal.reason)
      : new ExchangeFailure('broken', true, error);
    span?.end(failure.kind);
    throw errorFromFailure(request, failure, requestId);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }

  const { statusCode: status, headers: answerHeaders, body } = response;
  ended(status);
  // An error of an unread body must not end the process. A reader still receives the error.
  body.on('error', () => {});
  body.once('close', () => span?.endWithStatus(status));
  const cancel = () => {
    body.destroy();
  };
  if (status === rangeNotSatisfiable) {
    cancel();
    return { status, headers: answerHeaders, requestId, body: nothing(), cancel };
  }
  const encoding = listHeaderOf(answerHeaders, 'content-encoding');
  if (status < 200 || status > 299) {
    const bytes = await readSome(body, signal);
    // The status is enough for an error, which then has no reason.
    const text = await decompressed(bytes, encoding).catch(() => '');
    throw errorFromResponse(request, { status, headers: answerHeaders, text: text.toString() }, requestId, clock.now());
  }
  if (isEncoded(encoding)) {
    cancel();
    const platformId = requestIdOf(answerHeaders) ?? requestId;
    // Readers would receive other bytes than those of the file, and a range would be one of the encoded bytes.
    throw unreadableResponse(request, { status, requestId: platformId }, 'Its content encoding was not requested.');
  }
  const leave = () => controller.abort(lifetime.reason);
  lifetime.addEventListener('abort', leave, { once: true });
  if (lifetime.aborted) leave();
  body.once('close', () => lifetime.removeEventListener('abort', leave));
  return { status, headers: answerHeaders, requestId, body: bytesOf(body, request, requestId), cancel };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* bytesOf(
  body: AsyncIterable<Uint8Array>,
  { service, lifetime }: UpstreamRequest,
  requestId: string,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    lifetime.throwIfAborted();
    throw new UpstreamUnreachableError({
      message: `The connection to the platform (${service}) broke before the file was complete.`,
      upstream: noResponse(service, requestId),
      cause: error,
    });
  }
}

/** The beginning of an error's body. It is shorter if the connection breaks or the deadline passes. */
async function readSome(body: Dispatcher.ResponseData['body'], signal: EndSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const stop = () => body.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    let length = 0;
    for await (const chunk of body) {
      const bytes = Buffer.from(chunk);
      chunks.push(bytes);
      length += bytes.length;
      if (length >= maxErrorBytes) break;
    }
  } catch {
    // The status is enough for an error, which then has no reason.
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return Buffer.concat(chunks);
}
