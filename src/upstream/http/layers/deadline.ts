import { UpstreamTimeoutError } from '../../../errors.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { EndController, type EndSignal } from '../../../runtime/end-signal.ts';
import { whenOver } from '../../../runtime/when-over.ts';
import type { Service } from '../../types.ts';
import type { CallLayer } from '../call.ts';
import { noResponse } from '../errors.ts';

/** The deadline of one call, combined with the signal of its caller. */
export interface Deadline extends Disposable {
  /** Aborts with the reason of `outer`, or with an UpstreamTimeoutError once `timeoutMs` have passed. */
  readonly signal: EndSignal;
}

/**
 * Starts the deadline of a call. Dispose it when the call is over, so that no listener stays on `outer`, which may live as
 * long as the process. (`AbortSignal.any` would keep a listener there until it is collected.)
 */
export function startDeadline(clock: Clock, timeoutMs: number, service: Service, outer: EndSignal): Deadline {
  const controller = new EndController();
  const onOuterAbort = () => controller.abort(outer.reason);
  if (outer.aborted) onOuterAbort();
  outer.addEventListener('abort', onOuterAbort, { once: true });
  const alarm = clock.alarm(timeoutMs, () => controller.abort(timeout(service, timeoutMs)));
  return {
    signal: controller,
    [Symbol.dispose]: () => {
      outer.removeEventListener('abort', onOuterAbort);
      alarm[Symbol.dispose]();
    },
  };
}

function timeout(service: Service, timeoutMs: number): UpstreamTimeoutError {
  return new UpstreamTimeoutError({
    message: `The platform (${service}) did not respond within ${timeoutMs} ms.`,
    upstream: noResponse(service),
  });
}

/**
 * Limits the time until the response of a call to `longestMs` milliseconds, or to the call's own `timeoutMs` if that is
 * less. Repetitions, the pauses between them and waiting for the budget are all within that time.
 */
export const withDeadline =
  (clock: Clock, longestMs: number): CallLayer =>
  (next) =>
  (request) => {
    const { service, ending } = request;
    const timeoutMs = Math.min(request.timeoutMs ?? longestMs, longestMs);
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    if (ending !== undefined) {
      const alarm = clock.alarm(timeoutMs, () => ending.abort(timeout(service, timeoutMs)));
      return whenOver(next({ ...request, endsAtMs }), () => alarm[Symbol.dispose]());
    }
    const scope = startDeadline(clock, timeoutMs, service, request.signal);
    return whenOver(next({ ...request, signal: scope.signal, endsAtMs }), () => scope[Symbol.dispose]());
  };
