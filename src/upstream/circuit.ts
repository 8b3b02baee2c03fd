import { GatewayError, UpstreamTimeoutError, UpstreamUnreachableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CallLayer } from './call.ts';
import { unanswered } from './errors.ts';
import type { Service, UpstreamMetrics } from './metrics.ts';

/** Failures in a row that stop the calls to a service. Above what one unlucky call makes with all its repetitions. */
const failuresUntilOpen = 10;
/** The pause before the first probe, in milliseconds. It doubles with each probe that fails. */
const firstPauseMs = 1_000;
/** The longest pause between probes, in milliseconds: a service that is back is noticed within that time. */
const longestPauseMs = 8_000;

/** Not implemented: an answer about the request, not about the health of the service. */
const notImplemented = 501;

/** Thrown instead of making a call to a service that has failed again and again; `retryAfterMs` later it is tried again. */
export class CircuitOpenError extends UpstreamUnreachableError {}

type Outcome = 'alive' | 'failed' | 'unknown';

/**
 * Stops calls to a service that does not work, one circuit per service, shared by all tenants. After 10 failures in a row
 * (no answer in time, no connection, 5xx other than 501) calls fail at once. After a pause one call goes through as a
 * probe; any answer lets all calls through again. A probe that gets no answer does not hold up the next: each pause
 * has one.
 *
 * It belongs close to the exchange: what fails around it (the token, the budget) says nothing about the service.
 */
export function withCircuit({
  clock,
  metrics,
}: {
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
}): CallLayer {
  const circuits = new Map<Service, Circuit>();
  const circuitOf = (service: Service): Circuit => {
    const found = circuits.get(service);
    if (found !== undefined) return found;
    const created = new Circuit(service, (open) => metrics.circuitChanged({ service, open }));
    circuits.set(service, created);
    return created;
  };
  const nowMs = () => clock.now().getTime();

  return (next) => async (request) => {
    const circuit = circuitOf(request.service);
    const probe = circuit.enter(nowMs());
    try {
      const answer = await next(request);
      circuit.left('alive', probe, nowMs());
      return answer;
    } catch (error) {
      circuit.left(outcomeOf(error), probe, nowMs());
      throw error;
    }
  };
}

class Circuit {
  readonly #service: Service;
  readonly #changed: (open: boolean) => void;
  #failures = 0;
  /** Null while calls go through. */
  #open: { pauseMs: number; probeAtMs: number } | null = null;

  constructor(service: Service, changed: (open: boolean) => void) {
    this.#service = service;
    this.#changed = changed;
  }

  /**
   * @returns whether the call is a probe
   * @throws {CircuitOpenError}
   */
  enter(nowMs: number): boolean {
    if (this.#open === null) return false;
    const waitMs = this.#open.probeAtMs - nowMs;
    if (waitMs > 0) {
      throw new CircuitOpenError({
        message: `The platform (${this.#service}) keeps failing, so it is not asked for a moment.`,
        upstream: unanswered(this.#service),
        retryAfterMs: waitMs,
      });
    }
    this.#open.probeAtMs = nowMs + this.#open.pauseMs;
    return true;
  }

  left(outcome: Outcome, probe: boolean, nowMs: number): void {
    switch (outcome) {
      case 'alive':
        this.#failures = 0;
        if (this.#open !== null) this.#changed(false);
        this.#open = null;
        return;
      case 'failed':
        this.#failed(probe, nowMs);
        return;
      case 'unknown':
        // Somebody left before the answer: the next one may try at once.
        if (probe && this.#open !== null) this.#open.probeAtMs = nowMs;
        return;
    }
  }

  #failed(probe: boolean, nowMs: number): void {
    if (this.#open !== null) {
      // Calls that were under way before must not make the pause longer.
      if (!probe) return;
      const pauseMs = Math.min(this.#open.pauseMs * 2, longestPauseMs);
      this.#open = { pauseMs, probeAtMs: nowMs + pauseMs };
      return;
    }
    this.#failures += 1;
    if (this.#failures < failuresUntilOpen) return;
    this.#open = { pauseMs: firstPauseMs, probeAtMs: nowMs + firstPauseMs };
    this.#changed(true);
  }
}

/** What the end of an exchange says about the service. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof GatewayError) || error.upstream === null) return 'unknown';
  const { status } = error.upstream;
  if (status !== null) return status >= 500 && status !== notImplemented ? 'failed' : 'alive';
  const unanswered =
    error instanceof UpstreamTimeoutError ||
    error instanceof UpstreamUnreachableError ||
    error.code === 'OUTCOME_UNKNOWN';
  return unanswered ? 'failed' : 'unknown';
}
