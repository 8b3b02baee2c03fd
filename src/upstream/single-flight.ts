import { tenantKey } from '../domain/tenant.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { CallLayer, UpstreamRequest } from './call.ts';
import type { UpstreamMetrics } from './metrics.ts';
import type { OperationCalls } from './operation-calls.ts';

/** One caller that waits for a flight. */
interface Waiter {
  readonly calls: OperationCalls | undefined;
  /** Ends the wait of this caller alone. */
  fail(error: unknown): void;
}

/** One call that several callers wait for. */
interface Flight<Answer> {
  readonly answer: Promise<Answer>;
  readonly controller: AbortController;
  /** Of a poll. */
  readonly hastened: AbortController | null;
  readonly party: Party;
  over: boolean;
}

/**
 * Lets identical GETs of the same tenant and credential share one call while it is in flight. Each caller leaves with its
 * own signal; when the last one has left, the call is given up. Nothing is kept of a response or a failure.
 *
 * The limit of calls bounds what one operation may cause, so a shared call counts once for each operation that waits for
 * it, and so does each repetition. An operation at its limit leaves the flight; the others still receive the response.
 *
 * This layer belongs outside the deadline: the time of a shared call runs from its start, so that a call which hangs ends
 * although new callers keep joining it. A poll always starts a call of its own. An interactive caller that joins it gives
 * it its priority.
 */
export const withSingleFlight =
  ({ metrics }: { readonly metrics: UpstreamMetrics }): CallLayer =>
  <Answer>(next: (request: UpstreamRequest) => Promise<Answer>) => {
    const flights = new Map<string, Flight<Answer>>();

    const takeOff = (key: string, request: UpstreamRequest, first: Waiter): Flight<Answer> => {
      const controller = new AbortController();
      const hastened = request.priority === 'poll' ? new AbortController() : null;
      const party = new Party(first);
      const { signal } = controller;
      const own = { ...request, calls: party, signal, lifetime: signal };
      const shared = hastened === null ? own : { ...own, hastened: hastened.signal };
      const answer = next(shared).finally(() => {
        flight.over = true;
        // When all callers have left, or a poll has started, another flight may have taken the place.
        if (flights.get(key) === flight) flights.delete(key);
      });
      const flight: Flight<Answer> = { answer, controller, hastened, party, over: false };
      flights.set(key, flight);
      return flight;
    };

    const join = (key: string, request: UpstreamRequest, waiter: Waiter): Flight<Answer> => {
      const inFlight = flights.get(key);
      // A poll must not receive a state that is older than its own request.
      if (inFlight === undefined || request.priority === 'poll') return takeOff(key, request, waiter);
      inFlight.party.join(waiter);
      metrics.shared({ service: request.service });
      return inFlight;
    };

    return async (request) => {
      if (request.method !== 'GET' || request.effect !== 'read') return await next(request);
      const { signal } = request;
      signal.throwIfAborted();
      const key = keyOf(request);
      return await new Promise<Answer>((resolve, reject) => {
        const waiter: Waiter = { calls: request.calls, fail: reject };
        const flight = join(key, request, waiter);
        if (request.priority === 'interactive') flight.hastened?.abort();
        const left = () => {
          flight.party.leave(waiter);
          if (flight.party.size > 0 || flight.over) return;
          if (flights.get(key) === flight) flights.delete(key);
          flight.controller.abort(signal.reason);
        };
        untilAborted(flight.answer, signal).then(resolve, reject).finally(left);
      });
    };
  };

/** The callers that wait for one flight. Each attempt counts for the operations of all of them. */
class Party implements OperationCalls {
  readonly #waiters = new Set<Waiter>();
  /** The operations for which the present attempt has been counted; null before the first attempt. */
  #counted: Set<OperationCalls> | null = null;

  constructor(first: Waiter) {
    this.#waiters.add(first);
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** @throws {InvalidInputError} an attempt has been sent, and the waiter's operation has reached its limit */
  join(waiter: Waiter): void {
    const { calls } = waiter;
    if (calls !== undefined && this.#counted?.has(calls) === false) {
      calls.count();
      this.#counted.add(calls);
    }
    this.#waiters.add(waiter);
  }

  leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** @throws what the last operation threw, when none is left that may cause this attempt */
  count(): void {
    this.#counted = new Set();
    const failures = new Map<OperationCalls, unknown>();
    let last: unknown;
    for (const waiter of this.#waiters) {
      const { calls } = waiter;
      if (calls === undefined) continue;
      if (!this.#counted.has(calls)) {
        this.#counted.add(calls);
        try {
          calls.count();
        } catch (error) {
          failures.set(calls, error);
        }
      }
      if (!failures.has(calls)) continue;
      last = failures.get(calls);
      this.#waiters.delete(waiter);
      waiter.fail(last);
    }
    if (this.#waiters.size === 0 && last !== undefined) throw last;
  }
}

/** Everything that the answer, or what a failure is taken for, depends on. */
function keyOf(request: UpstreamRequest): string {
  const { caller, service, path, headers, subject, answer, compressed, sandboxed, timeoutMs } = request;
  const { tenant, credential } = caller;
  return JSON.stringify([
    tenantKey(tenant),
    credential.fingerprint,
    service,
    path,
    Object.entries(headers ?? {}),
    // Without `input`, because reads of one path send the same argument.
    [subject, answer, compressed, sandboxed, timeoutMs],
  ]);
}
