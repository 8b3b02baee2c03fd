import { tenantKey } from '../domain/tenant.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { CallLayer, UpstreamRequest } from './call.ts';
import type { UpstreamMetrics } from './metrics.ts';

/** One call that several callers wait for. */
interface Flight<Answer> {
  readonly answer: Promise<Answer>;
  readonly controller: AbortController;
  /** Of a poll. */
  readonly hastened: AbortController | null;
  callers: number;
}

/**
 * Lets identical GETs of the same tenant and credential share one call while it is under way. Each caller leaves with its
 * own signal; when the last one has left, the call is given up. Nothing is kept of an answer or a failure.
 *
 * It belongs outside the deadline: the time of a shared call runs from its start, so that one which hangs ends although
 * new callers keep joining it. A poll that an interactive caller joins goes on with that caller's priority.
 */
export const withSingleFlight =
  ({ metrics }: { readonly metrics: UpstreamMetrics }): CallLayer =>
  <Answer>(next: (request: UpstreamRequest) => Promise<Answer>) => {
    const flights = new Map<string, Flight<Answer>>();

    const takeOff = (key: string, request: UpstreamRequest): Flight<Answer> => {
      const controller = new AbortController();
      const hastened = request.priority === 'poll' ? new AbortController() : null;
      const { signal } = controller;
      const own = { ...request, signal, lifetime: signal };
      const shared = hastened === null ? own : { ...own, hastened: hastened.signal };
      const answer = next(shared).finally(() => {
        // After everybody left, another flight may have taken the place.
        if (flights.get(key) === flight) flights.delete(key);
      });
      const flight: Flight<Answer> = { answer, controller, hastened, callers: 0 };
      flights.set(key, flight);
      return flight;
    };

    return async (request) => {
      if (request.method !== 'GET' || request.effect !== 'read') return await next(request);
      const { signal } = request;
      signal.throwIfAborted();
      const key = keyOf(request);
      const underWay = flights.get(key);
      if (underWay !== undefined) metrics.shared({ service: request.service });
      const flight = underWay ?? takeOff(key, request);
      if (request.priority === 'interactive') flight.hastened?.abort();
      flight.callers += 1;
      try {
        return await untilAborted(flight.answer, signal);
      } finally {
        flight.callers -= 1;
        if (flight.callers === 0 && flights.get(key) === flight) {
          flights.delete(key);
          flight.controller.abort(signal.reason);
        }
      }
    };
  };

/** Everything that the answer, or what a failure is taken for, depends on. */
function keyOf(request: UpstreamRequest): string {
  const { caller, service, path, headers, subject, input, answer, compressed, sandboxed, timeoutMs } = request;
  const { tenant, credential } = caller;
  return JSON.stringify([
    tenantKey(tenant),
    credential.fingerprint,
    service,
    path,
    Object.entries(headers ?? {}),
    [subject, input, answer, compressed, sandboxed, timeoutMs],
  ]);
}
