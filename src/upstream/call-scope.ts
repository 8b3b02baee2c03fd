import { UpstreamTimeoutError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CallLayer } from './call.ts';
import { unanswered } from './errors.ts';
import type { Service } from './metrics.ts';

/** The time that one call has, together with the signal of who asked for it. */
export interface CallScope extends Disposable {
  /** Aborts with the reason of `outer`, or with an UpstreamTimeoutError once `timeoutMs` have passed. */
  readonly signal: AbortSignal;
}

/**
 * Opens the scope of a call. Dispose it when the call is over: it then leaves no listener on `outer`, which may live as
 * long as the process. (`AbortSignal.any` would keep one there until it is collected.)
 */
export function openCallScope(clock: Clock, timeoutMs: number, service: Service, outer: AbortSignal): CallScope {
  const controller = new AbortController();
  const deadline = clock.deadline(timeoutMs);
  const onOuterAbort = () => controller.abort(outer.reason);
  const onDeadline = () => controller.abort(timeout(service, timeoutMs));
  if (outer.aborted) onOuterAbort();
  outer.addEventListener('abort', onOuterAbort, { once: true });
  deadline.signal.addEventListener('abort', onDeadline, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      outer.removeEventListener('abort', onOuterAbort);
      deadline.signal.removeEventListener('abort', onDeadline);
      deadline[Symbol.dispose]();
    },
  };
}

function timeout(service: Service, timeoutMs: number): UpstreamTimeoutError {
  return new UpstreamTimeoutError({
    message: `The platform (${service}) did not answer within ${timeoutMs} ms.`,
    upstream: unanswered(service),
  });
}

/**
 * Gives a call, with everything inside this layer, `longestMs` milliseconds until its answer, or less where it asks for
 * less. Repetitions, pauses between them and waiting for the budget are all within that time.
 */
export const withDeadline =
  (clock: Clock, longestMs: number): CallLayer =>
  (next) =>
  async (request) => {
    const timeoutMs = Math.min(request.timeoutMs ?? longestMs, longestMs);
    using scope = openCallScope(clock, timeoutMs, request.service, request.signal);
    return await next({ ...request, signal: scope.signal, endsAtMs: clock.monotonicMs() + timeoutMs });
  };
