import { GatewayError, PlatformError, RateLimitedError, UpstreamUnreachableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CallLayer, UpstreamCall, UpstreamRequest } from './call.ts';
import { CircuitOpenError } from './circuit.ts';
import { ExchangeFailure } from './exchange.ts';
import type { RetryReason, UpstreamMetrics } from './metrics.ts';

/** The longest pause before the second attempt, in milliseconds; it doubles with each further one. */
const firstPauseMs = 250;
/** The longest pause of its own choice, in milliseconds. */
const longestPauseMs = 4_000;
/** What must be left of the time of a call for another attempt to make sense, in milliseconds. */
const leastAttemptMs = 250;

/** Answers that say that the service, or the way to it, is not there for the moment. */
const unavailableStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

export interface RetryOptions {
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
  /** Chance, from 0 to below 1. */
  readonly random: () => number;
  /** How often a call is sent at most. */
  readonly maxAttempts: number;
}

/**
 * Sends a read again after 429, 502, 503, 504 and a connection that failed. The pause is what the platform asked for, else
 * chosen by chance between nothing and a bound that doubles each time (full jitter). It never reaches beyond the deadline:
 * when it would, the last failure is thrown as it is. A silence until the deadline is not repeated, there is no time left.
 *
 * A delete is sent again only when no byte of it had left; other writes never are.
 */
export const withRetry =
  (options: RetryOptions): CallLayer =>
  (next) =>
  (request) =>
    next(request).catch((error: unknown) => sendAgain(next, request, options, error));

/** @param first the failure of the first attempt */
async function sendAgain<Answer>(
  next: UpstreamCall<Answer>,
  request: UpstreamRequest,
  { clock, metrics, random, maxAttempts }: RetryOptions,
  first: unknown,
): Promise<Answer> {
  let failure = first;
  let error = first;
  for (let attempt = 1; ; attempt += 1) {
    const isFirst = attempt === 1;
    // What the platform said says more than that it is not asked any more.
    if (!(error instanceof CircuitOpenError)) failure = error;
    const reason = reasonToRepeat(request, error, isFirst);
    if (reason === null || attempt >= maxAttempts) throw failure;
    const waitMs = pauseMs(attempt, error, random());
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

/** @param isFirst a call that finds the circuit open fails at once; one that has begun waits for the next probe. */
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
  // The gateway's own budget refuses without a status: it has waited as long as it could.
  if (error instanceof RateLimitedError) return error.upstream?.status === 429 ? 'rate-limited' : null;
  return error instanceof PlatformError && unavailableStatuses.has(error.status) ? 'unavailable' : null;
}

const wasNotSent = (error: unknown): boolean =>
  error instanceof UpstreamUnreachableError && error.cause instanceof ExchangeFailure && !error.cause.sent;

function pauseMs(attempt: number, error: unknown, chance: number): number {
  const asked = error instanceof GatewayError ? error.retryAfterMs : null;
  // Never earlier than asked; a little later, so that those who were told the same do not come back together.
  if (asked !== null) return asked + Math.floor(chance * firstPauseMs);
  return Math.floor(chance * Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs));
}
