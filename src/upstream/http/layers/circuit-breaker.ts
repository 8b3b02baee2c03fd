import { GatewayError, UpstreamTimeoutError, UpstreamUnreachableError } from '../../../errors.ts';
import type { PlatformMetrics } from '../../../metrics/platform.ts';
import { backoffMs } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { growingLru } from '../../../runtime/lru.ts';
import type { Service } from '../../types.ts';
import type { CallLayer } from '../call.ts';
import { noResponse } from '../errors.ts';

/**
 * Consecutive failures that stop the calls of one organization to a service. One call with all its attempts causes
 * fewer.
 */
const failuresUntilOpen = 10;
/** Consecutive failures, over all organizations, that stop the calls of every organization to a service. */
const failuresUntilServiceOpen = 40;
/** Minimum number of organizations with these failures, so that one or two organizations cannot stop the others. */
const organizationsUntilServiceOpen = 3;
/**
 * Maximum number of circuits. A circuit is kept while its last call failed; the one that failed longest ago is
 * discarded first.
 */
const maxCircuits = 10_000;
/** Pauses before the first probe and after each probe that fails. A recovered service is noticed within `maxMs`. */
const backoff = { firstMs: 1_000, maxMs: 8_000 };

/** Status "not implemented". It is about the request and not about the health of the service. */
const notImplemented = 501;

/**
 * Thrown instead of a call to a service that has failed repeatedly. After `retryAfterMs` a call may go through again.
 */
export class CircuitOpenError extends UpstreamUnreachableError {}

type Outcome = 'alive' | 'failed' | 'unknown';

/**
 * A circuit breaker per service and organization. After 10 consecutive failures (no response in time, no connection,
 * 5xx other than 501) calls fail at once. After a pause one call is sent as a probe, and any response to it closes the
 * circuit. A probe without a response does not delay the next one, because there is one probe after each pause.
 *
 * A service that fails for several organizations, without a response to any of them in between, is stopped for all
 * organizations. Each organization then sends its own probes, so that one organization cannot use up the probes of the
 * others. The first response to any of them closes all circuits of the service.
 *
 * This layer is close to the exchange, because failures of outer layers (token, budget) are not failures of the
 * service.
 */
export function withCircuit({
  clock,
  metrics,
}: {
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
}): CallLayer {
  const services = new Map<Service, ServiceHealth>();
  /** Circuits with at least one failure. */
  const circuits = growingLru<Circuit>(maxCircuits, {
    dispose: (circuit, _key, reason) => {
      if (reason === 'evict') circuit.close();
    },
  });
  const nowMs = () => clock.monotonicMs();

  const healthOf = (service: Service): ServiceHealth => {
    const found = services.get(service);
    if (found !== undefined) return found;
    const created = new ServiceHealth();
    services.set(service, created);
    return created;
  };
  const kept = (key: string): Circuit | undefined => (circuits.size === 0 ? undefined : circuits.peek(key));
  const keep = (key: string, circuit: Circuit): void => {
    if (circuit.isAtRest()) circuits.delete(key);
    else circuits.set(key, circuit);
  };

  return (next) => (request) => {
    const { service, caller } = request;
    const { org } = caller.tenant;
    const key = `${org}\n${service}`;
    const health = healthOf(service);
    const create = () => new Circuit(service, health, (open) => metrics.circuitChanged({ service, open }));
    // A circuit at rest is not kept.
    const circuit = kept(key) ?? (health.isDown ? create() : null);
    let probe = false;
    try {
      probe = circuit?.enter(nowMs()) ?? false;
    } catch (error) {
      return Promise.reject(error);
    }
    if (circuit !== null && probe) keep(key, circuit);
    const left = (outcome: Outcome): void => {
      if (outcome === 'alive') health.alive();
      else if (outcome === 'failed') health.failed(org);
      // Another call may have created a circuit in the meantime.
      const now = kept(key) ?? circuit ?? (outcome === 'failed' ? create() : null);
      if (now === null) return;
      now.left(outcome, probe, nowMs());
      keep(key, now);
    };
    return next(request).then(
      (response) => {
        left('alive');
        return response;
      },
      (error: unknown) => {
        left(outcomeOf(error));
        throw error;
      },
    );
  };
}

/** Health of a service for all organizations together. */
class ServiceHealth {
  readonly #organizations = new Set<string>();
  #failures = 0;

  get isDown(): boolean {
    return this.#failures >= failuresUntilServiceOpen && this.#organizations.size >= organizationsUntilServiceOpen;
  }

  alive(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#organizations.clear();
  }

  failed(org: string): void {
    this.#failures += 1;
    if (this.#organizations.size < organizationsUntilServiceOpen) this.#organizations.add(org);
  }
}

/** Calls of one organization to one service. */
class Circuit {
  readonly #service: Service;
  readonly #health: ServiceHealth;
  readonly #changed: (open: boolean) => void;
  #failures = 0;
  /** Null while the circuit is closed, so that calls are sent. */
  #open: { failedProbes: number; probeAtMs: number; readonly byService: boolean } | null = null;

  constructor(service: Service, health: ServiceHealth, changed: (open: boolean) => void) {
    this.#service = service;
    this.#health = health;
    this.#changed = changed;
  }

  /** Whether the circuit has neither failures nor a pause, like a new circuit. */
  isAtRest(): boolean {
    return this.#failures === 0 && this.#open === null;
  }

  /**
   * @returns whether the call is a probe
   * @throws {CircuitOpenError}
   */
  enter(nowMs: number): boolean {
    if (this.#open?.byService === true && !this.#health.isDown) this.close();
    // The first call of an organization to a service that is down for others is its first probe.
    if (this.#open === null && this.#health.isDown) this.#openUp(nowMs, true);
    else if (this.#open === null) return false;
    const open = this.#open;
    if (open === null) return false;
    const waitMs = open.probeAtMs - nowMs;
    if (waitMs > 0) {
      throw new CircuitOpenError({
        message: `The platform (${this.#service}) keeps failing, so the gateway pauses its calls to it.`,
        upstream: noResponse(this.#service),
        retryAfterMs: waitMs,
      });
    }
    open.probeAtMs = nowMs + pauseMs(open.failedProbes);
    return true;
  }

  left(outcome: Outcome, probe: boolean, nowMs: number): void {
    switch (outcome) {
      case 'alive':
        this.close();
        return;
      case 'failed':
        this.#failed(probe, nowMs);
        return;
      case 'unknown':
        // The caller left before the response, so that the next call may probe at once.
        if (probe && this.#open !== null) this.#open.probeAtMs = nowMs;
        return;
    }
  }

  #failed(probe: boolean, nowMs: number): void {
    this.#failures += 1;
    if (this.#open !== null) {
      // Calls that were in flight before must not make the pause longer.
      if (!probe) return;
      const failedProbes = this.#open.failedProbes + 1;
      this.#open = { ...this.#open, failedProbes, probeAtMs: nowMs + pauseMs(failedProbes) };
      return;
    }
    if (this.#failures >= failuresUntilOpen) this.#openUp(nowMs + pauseMs(0), false);
  }

  #openUp(probeAtMs: number, byService: boolean): void {
    this.#open = { failedProbes: 0, probeAtMs, byService };
    this.#changed(true);
  }

  /** Closes the circuit, so that all calls are sent. */
  close(): void {
    this.#failures = 0;
    if (this.#open === null) return;
    this.#open = null;
    this.#changed(false);
  }
}

/** Pause before the next probe, in milliseconds. The opening of the circuit counts as the first failure. */
const pauseMs = (failedProbes: number): number => backoffMs(backoff, 1 + failedProbes);

/** The outcome of an exchange for the health of the service. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof GatewayError) || error.upstream === null) return 'unknown';
  const { status } = error.upstream;
  if (status !== null) return status >= 500 && status !== notImplemented ? 'failed' : 'alive';
  const hasNoResponse =
    error instanceof UpstreamTimeoutError ||
    error instanceof UpstreamUnreachableError ||
    error.code === 'OUTCOME_UNKNOWN';
  return hasNoResponse ? 'failed' : 'unknown';
}
