import { GatewayError, PlatformError, RateLimitedError, UpstreamUnreachableError } from '../../../errors.ts';
import type { PlatformMetrics } from '../../../metrics/platform.ts';
import { jitteredBackoffMs } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { RetryReason } from '../../types.ts';
import type { CallLayer, UpstreamCall, UpstreamRequest } from '../call.ts';
import { ExchangeFailure } from '../exchange.ts';
import { CircuitOpenError } from './circuit-breaker.ts';

/** Pauses between the attempts that the platform did not request, before jitter. */
const backoff = { firstMs: 250, maxMs: 4_000 };
/** Minimum time before the deadline for another attempt, in milliseconds. */
const leastAttemptMs = 250;

/** Statuses of a service that is temporarily unavailable or unreachable. */
const unavailableStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

export interface RetryOptions {
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  /** Random number, from 0 to below 1. */
  readonly random: () => number;
  /** Maximum number of attempts of a call. */
  readonly maxAttempts: number;
}

/**
 * Repeats a read after 429, 502, 503, 504 and a failed connection. The pause is the one that the platform requested,
 * else random between 0 and a bound that doubles each time (full jitter). If the pause would exceed the deadline, the
 * last failure is thrown unchanged. A call that reaches its deadline is not repeated, because no time is left.
 *
 * A delete is repeated only if no byte of it was sent. Other writes are never repeated.
 */
export const withRetry =
  (options: RetryOptions): CallLayer =>
  (next) =>
  (request) =>
    next(request).then(undefined, (error: unknown) => sendAgain(next, request, options, error));

/** @param first the failure of the first attempt */
async function sendAgain<Response>(
  next: UpstreamCall<Response>,
  request: UpstreamRequest,
  { clock, metrics, random, maxAttempts }: RetryOptions,
  first: unknown,
): Promise<Response> {
  let failure = first;
  let error = first;
  for (let attempt = 1; ; attempt += 1) {
    const isFirst = attempt === 1;
    // The platform's failure explains more than an open circuit.
    if (!(error instanceof CircuitOpenError)) failure = error;
    const reason = reasonToRepeat(request, error, isFirst);
    if (reason === null || attempt >= maxAttempts) throw failure;
    const waitMs = pauseMs(attempt, error, random);
    const endsAtMs = request.endsAtMs ?? Number.POSITIVE_INFINITY;
    if (clock.monotonicMs() + waitMs + leastAttemptMs > endsAtMs) throw failure;
    metrics.retried({ service: request.service, reason });
    await clock.sleep(waitMs, request.signal);
    try {
      return await next(request);
    } catch (again) {
      error = again;
    }
  }
}

/** @param isFirst the first attempt fails at once if the circuit is open; a later attempt waits for the next probe */
function reasonToRepeat(request: UpstreamRequest, error: unknown, isFirst: boolean): RetryReason | null {
  switch (request.effect) {
    case 'read':
      break;
    case 'delete':
      if (!(error instanceof CircuitOpenError) && !wasNotSent(error)) return null;
      break;
    case 'create':
    case 'update':
      return null;
  }
  if (error instanceof CircuitOpenError) return isFirst ? null : 'circuit-open';
  if (error instanceof UpstreamUnreachableError) return 'unreachable';
  // The gateway's own budget rejects without a status, after the call has waited until its deadline.
  if (error instanceof RateLimitedError) return error.upstream?.status === 429 ? 'rate-limited' : null;
  return error instanceof PlatformError && unavailableStatuses.has(error.status) ? 'unavailable' : null;
}

const wasNotSent = (error: unknown): boolean =>
  error instanceof UpstreamUnreachableError && error.cause instanceof ExchangeFailure && !error.cause.sent;

function pauseMs(attempt: number, error: unknown, random: () => number): number {
  const requestedMs = error instanceof GatewayError ? error.retryAfterMs : null;
  // Never earlier than requested. The random part keeps callers with the same pause from returning at the same time.
  if (requestedMs !== null) return requestedMs + Math.floor(random() * backoff.firstMs);
  return Math.floor(jitteredBackoffMs(backoff, attempt, random));
}
