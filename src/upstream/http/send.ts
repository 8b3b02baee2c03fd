import type { Dispatcher } from 'undici';
import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { PlatformMetrics } from '../../metrics/platform.ts';
import type { Clock } from '../../runtime/clock.ts';
import { newRequestId } from '../../runtime/request-id.ts';
import { readBodyError } from '../wire/entry-error.ts';
import { listHeaderOf } from '../wire/response-headers.ts';
import type { PlatformRequest, UpstreamRequest, UpstreamResponse } from './call.ts';
import { errorFromFailure, errorFromResponse, errorFromSuccess, requestIdOf, unreadableResponse } from './errors.ts';
import { ExchangeFailure, type ExchangeResponse, exchange } from './exchange.ts';
import { decompressed, jsonOf, maxBodyBytes } from './json-body.ts';

export interface SendOptions {
  /** Sends the request. It must not follow redirects, so that a token reaches only the configured host. */
  readonly dispatcher: Dispatcher;
  /** Path of the base URL, without a slash at its end. It precedes every path. */
  readonly basePath: string;
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
}

/** A request with the caller and the credential for its headers, and its trace. A token request has none of them. */
type Unsent = PlatformRequest & Partial<Pick<UpstreamRequest, 'caller' | 'authorization' | 'trace' | 'call'>>;
type RequestToSend = Unsent & Pick<UpstreamRequest, 'signal'>;

/** Sends a request once and reads the whole response. Throws a GatewayError unless the response is a success. */
export function sendOnce(options: SendOptions, request: RequestToSend): PromiseLike<UpstreamResponse> {
  const { dispatcher, basePath, clock, metrics } = options;
  const { service, method, signal } = request;
  const headers = requestHeaders(request);
  const sentRequestId = headers['x-request-id'];
  const span = request.trace?.startAttempt(headers);
  const requestedAt = clock.now();
  const startedAtMs = clock.monotonicMs();
  const ended = (status: number | null) =>
    metrics.callEnded({ service, method, status, seconds: (clock.monotonicMs() - startedAtMs) / 1000 });

  const path = basePath + request.path;
  return exchange(dispatcher, { method, path, headers, body: request.body ?? null, signal, maxBodyBytes }).then(
    (response) => {
      ended(response.status);
      span?.endWithStatus(response.status);
      return readResponse(request, response, sentRequestId, { requestedAt, observedAt: clock.now() });
    },
    (error: unknown) => {
      ended(null);
      span?.end(error instanceof ExchangeFailure ? error.kind : 'unexpected');
      throw error instanceof ExchangeFailure ? errorFromFailure(request, error, sentRequestId) : error;
    },
  );
}

/** Reads a response, after decompressing its body if necessary. */
function readResponse(
  request: PlatformRequest,
  response: ExchangeResponse,
  sentRequestId: string,
  reading: ReadingTimes,
): UpstreamResponse | Promise<UpstreamResponse> {
  const read = (body: Buffer) => readBody(request, response, body, sentRequestId, reading);
  const encoding = listHeaderOf(response.headers, 'content-encoding');
  if (encoding === undefined) return read(response.body);
  return decompressed(response.body, encoding).then(read, (error: unknown) => {
    const { status, headers } = response;
    const requestId = requestIdOf(headers) ?? sentRequestId;
    if (isSuccess(status) && request.response !== 'ignored')
      throw unreadableResponse(request, { status, requestId }, 'Its content encoding is broken.', error);
    return read(Buffer.alloc(0));
  });
}

function readBody(
  request: PlatformRequest,
  { status, headers }: ExchangeResponse,
  body: Buffer,
  sentRequestId: string,
  reading: ReadingTimes,
): UpstreamResponse {
  const requestId = requestIdOf(headers) ?? sentRequestId;
  const isIgnored = request.response === 'ignored';
  if (!isSuccess(status)) {
    const text = body.toString('utf8');
    throw errorFromResponse(request, { status, headers, text }, sentRequestId, reading.observedAt);
  }
  let json: unknown;
  try {
    json = jsonOf(body);
  } catch {
    // The syntax error is dropped, because its message quotes the body.
    if (!isIgnored) throw unreadableResponse(request, { status, requestId }, 'It is not JSON.');
  }
  const error = readBodyError(json, { isMessage: request.effect === 'update' || request.effect === 'delete' });
  if (error !== null) throw errorFromSuccess(request, { status, requestId }, error, reading.observedAt);
  return { status, headers, json: isIgnored ? undefined : json, requestId, reading };
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/**
 * The headers of a request, including the headers of its credential and its tenant if it has them, and its
 * `x-request-id`.
 */
export function requestHeaders(request: Unsent): Record<string, string> & { readonly 'x-request-id': string } {
  const headers: Record<string, string> & { 'x-request-id': string } = {
    accept: 'application/json',
    'accept-encoding': request.compressed === true ? 'gzip' : 'identity',
    'x-request-id': '',
  };
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  if (request.headers !== undefined) Object.assign(headers, request.headers);
  if (request.authorization !== undefined) Object.assign(headers, request.authorization);
  if (request.caller !== undefined) {
    const { org, sandbox } = request.caller.tenant;
    headers['x-gw-ims-org-id'] = org;
    // Some APIs do not take the sandbox from a header.
    if (request.sandboxed !== false) headers['x-sandbox-name'] = sandbox;
  }
  headers['x-request-id'] = request.call?.sentId ?? newRequestId();
  return headers;
}
