import { randomUUID } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { ReadingTimes } from '../domain/reading-times.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PlatformRequest, UpstreamAnswer } from './call.ts';
import { errorFromAnswer, errorFromFailure, errorFromSuccess, requestIdOf, unreadable } from './errors.ts';
import { type ExchangeAnswer, ExchangeFailure, exchange } from './exchange.ts';
import { jsonOf, maxBodyBytes, textOf } from './json-body.ts';
import type { UpstreamMetrics } from './metrics.ts';
import { readBodyError } from './wire/entry-error.ts';

export interface SendOptions {
  /** Carries the request. It must not follow redirects, so that no token goes where it was not sent. */
  readonly dispatcher: Dispatcher;
  /** Comes before every path: the path of the base URL, without a slash at its end. */
  readonly basePath: string;
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
}

/** Sends a request once, reads the whole answer, and throws the GatewayError that anything but a success means. */
export async function sendOnce(
  { dispatcher, basePath, clock, metrics }: SendOptions,
  request: PlatformRequest & { readonly signal: AbortSignal },
): Promise<UpstreamAnswer> {
  const { service, method, signal } = request;
  const headers = requestHeaders(request);
  const sentRequestId = headers['x-request-id'];
  const requestedAt = clock.now();
  const startedAtMs = clock.monotonicMs();
  const ended = (status: number | null) =>
    metrics.callEnded({ service, method, status, seconds: (clock.monotonicMs() - startedAtMs) / 1000 });

  let answer: ExchangeAnswer;
  try {
    const path = basePath + request.path;
    answer = await exchange(dispatcher, { method, path, headers, body: request.body ?? null, signal, maxBodyBytes });
  } catch (error) {
    ended(null);
    throw error instanceof ExchangeFailure ? errorFromFailure(request, error, sentRequestId) : error;
  }
  ended(answer.status);
  return await readAnswer(request, answer, sentRequestId, { requestedAt, observedAt: clock.now() });
}

async function readAnswer(
  request: PlatformRequest,
  { status, headers, body }: ExchangeAnswer,
  sentRequestId: string,
  reading: ReadingTimes,
): Promise<UpstreamAnswer> {
  const requestId = requestIdOf(headers) ?? sentRequestId;
  const succeeded = status >= 200 && status < 300;
  const isIgnored = request.answer === 'ignored';
  let text: string;
  try {
    text = await textOf(body, headers['content-encoding']);
  } catch (error) {
    if (succeeded && !isIgnored) throw unreadable(request, { status, requestId }, 'Its encoding is broken.', error);
    text = '';
  }
  if (!succeeded) throw errorFromAnswer(request, { status, headers, text }, sentRequestId, reading.observedAt);
  let json: unknown;
  try {
    json = jsonOf(text);
  } catch {
    // The syntax error is not kept: its message quotes the body.
    if (!isIgnored) throw unreadable(request, { status, requestId }, 'It is not JSON.');
  }
  const error = readBodyError(json, { isMessage: request.effect === 'update' || request.effect === 'delete' });
  if (error !== null) throw errorFromSuccess(request, { status, requestId }, error, reading.observedAt);
  return { status, headers, json: isIgnored ? undefined : json, requestId, reading };
}

/** The headers of every request, with an `x-request-id` of its own: 32 alphanumerics, like the platform's. */
export function requestHeaders(
  request: PlatformRequest,
): Readonly<Record<string, string>> & { readonly 'x-request-id': string } {
  return {
    accept: 'application/json',
    'accept-encoding': request.compressed === true ? 'gzip' : 'identity',
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...request.headers,
    'x-request-id': randomUUID().replaceAll('-', ''),
  };
}
