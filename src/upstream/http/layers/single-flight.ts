import type { PlatformMetrics } from '../../../metrics/platform.ts';
import { EndController, type EndSignal } from '../../../runtime/end-signal.ts';
import { TransientMap } from '../../../runtime/transient-map.ts';
import type { OperationCalls } from '../../types.ts';
import type { UpstreamCall, UpstreamRequest } from '../call.ts';
import { keysOf } from '../caller-keys.ts';

/** One caller that waits for a flight. */
class Waiter<Response = unknown> {
  readonly calls: OperationCalls | undefined;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  #stopListening: (() => void) | null = null;
  #isOver = false;

  constructor(
    calls: OperationCalls | undefined,
    resolve: (response: Response) => void,
    reject: (error: unknown) => void,
  ) {
    this.calls = calls;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** @param left called when this caller leaves before the end of its wait */
  listen(signal: EndSignal, left: () => void): void {
    // Its operation may have reached its limit already.
    if (this.#isOver) return;
    const onAbort = () => {
      this.fail(signal.reason);
      left();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', onAbort);
  }

  /** Ends the wait of this caller alone. */
  fail(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  response(response: Response): void {
    this.#end();
    this.#resolve(response);
  }

  #end(): void {
    this.#isOver = true;
    this.#stopListening?.();
  }
}

/** One call for which several callers wait. */
interface Flight<Response> {
  /**
   * Null after the call. A Map keeps removed values reachable until V8 collects its earlier tables, so that the flight
   * must no longer refer to the response.
   */
  parts: FlightParts<Response> | null;
}

interface FlightParts<Response> {
  readonly controller: EndController;
  /** Controller for the promotion of a poll. Null for an interactive call. */
  readonly promoted: EndController | null;
  readonly party: Party<Response>;
}

/**
 * Lets identical GETs of the same tenant and credential share one call while it is in flight. Each caller leaves with
 * its own signal. When the last caller has left, the call is cancelled. Responses and failures are not cached.
 *
 * The limit of calls bounds the calls that one operation may cause. A shared call, and each of its repetitions,
 * therefore counts once for each operation that waits for it. An operation at its limit leaves the flight; the others
 * still receive the response.
 *
 * This layer is outside the deadline. The time of a shared call runs from its start, so that a hanging call ends
 * although new callers keep joining it. A poll always starts a new call. An interactive caller that joins a poll
 * promotes it to interactive priority.
 */
export const withSingleFlight =
  ({ metrics }: { readonly metrics: PlatformMetrics }) =>
  <Response>(next: UpstreamCall<Response>): ((request: UpstreamRequest) => Promise<Response>) => {
    const flights = new TransientMap<string, Flight<Response>>();

    const takeOff = (key: string, request: UpstreamRequest, first: Waiter<Response>): Flight<Response> => {
      const controller = new EndController();
      const promoted = request.priority === 'poll' ? new EndController() : null;
      const party = new Party(first);
      const flight: Flight<Response> = { parts: { controller, promoted, party } };
      const land = (): ReadonlySet<Waiter<Response>> => {
        flight.parts = null;
        // After all callers have left, or a poll has started, the map may contain another flight.
        if (flights.get(key) === flight) flights.delete(key);
        return party.waiters;
      };
      flights.set(key, flight);
      next({
        ...request,
        calls: party,
        signal: controller,
        ending: controller,
        lifetime: controller,
        promoted: promoted ?? undefined,
      }).then(
        (response) => {
          for (const waiter of land()) waiter.response(response);
        },
        (error: unknown) => {
          for (const waiter of land()) waiter.fail(error);
        },
      );
      return flight;
    };

    const join = (key: string, request: UpstreamRequest, waiter: Waiter<Response>): Flight<Response> => {
      const inFlight = flights.get(key);
      const parts = inFlight?.parts ?? null;
      // A poll must not receive a state that is older than its request.
      if (inFlight === undefined || parts === null || request.priority === 'poll') return takeOff(key, request, waiter);
      parts.party.join(waiter);
      metrics.shared({ service: request.service });
      return inFlight;
    };

    return (request) => {
      if (request.method !== 'GET' || request.effect !== 'read') return Promise.resolve(next(request));
      const { signal } = request;
      if (signal.aborted) return Promise.reject(signal.reason);
      const key = keyOf(request);
      return new Promise<Response>((resolve, reject) => {
        const waiter = new Waiter(request.calls, resolve, reject);
        const flight = join(key, request, waiter);
        if (request.priority === 'interactive') flight.parts?.promoted?.abort();
        waiter.listen(signal, () => {
          const { parts } = flight;
          parts?.party.leave(waiter);
          if (parts === null || parts.party.waiters.size > 0) return;
          if (flights.get(key) === flight) flights.delete(key);
          parts.controller.abort(signal.reason);
        });
      });
    };
  };

/** The callers that wait for one flight. Each attempt counts for the operations of all of them. */
class Party<Response> implements OperationCalls {
  readonly #waiters = new Set<Waiter<Response>>();
  /** The operations for which the current attempt was counted; null before the first attempt. */
  #counted: Set<OperationCalls> | null = null;

  constructor(first: Waiter<Response>) {
    this.#waiters.add(first);
  }

  get waiters(): ReadonlySet<Waiter<Response>> {
    return this.#waiters;
  }

  /** @throws {InvalidInputError} an attempt has been sent, and the waiter's operation has reached its limit */
  join(waiter: Waiter<Response>): void {
    const { calls } = waiter;
    if (calls !== undefined && this.#counted?.has(calls) === false) {
      calls.count();
      this.#counted.add(calls);
    }
    this.#waiters.add(waiter);
  }

  leave(waiter: Waiter<Response>): void {
    this.#waiters.delete(waiter);
  }

  /** @throws the error of the last operation, if no operation may cause this attempt */
  count(): void {
    this.#counted = new Set();
    let failures: Map<OperationCalls, unknown> | null = null;
    let last: unknown;
    for (const waiter of this.#waiters) {
      const { calls } = waiter;
      if (calls === undefined) continue;
      if (!this.#counted.has(calls)) {
        this.#counted.add(calls);
        try {
          calls.count();
        } catch (error) {
          failures ??= new Map();
          failures.set(calls, error);
        }
      }
      if (failures === null || !failures.has(calls)) continue;
      last = failures.get(calls);
      this.#waiters.delete(waiter);
      waiter.fail(last);
    }
    if (this.#waiters.size === 0 && last !== undefined) throw last;
  }
}

/**
 * Key of a request. It contains everything on which the response and the error of a failure depend. Only the last part
 * can contain the separator, because paths are encoded and JSON escapes it. `input` is omitted, because reads of one
 * path send the same argument.
 */
function keyOf(request: UpstreamRequest): string {
  const { caller, service, path, headers, subject, response, compressed, sandboxed, timeoutMs } = request;
  const form = `${response === 'ignored' ? 'i' : ''}${compressed === true ? 'c' : ''}${sandboxed === false ? 'o' : ''}`;
  const ownHeaders = headers === undefined ? '' : JSON.stringify(headers);
  return `${keysOf(caller).caller}\n${service}\n${path}\n${form}\n${timeoutMs ?? ''}\n${ownHeaders}\n${subject ?? ''}`;
}
