import { ForbiddenError, TokenExpiredError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { isRefusal, type Refusal } from './refusal.ts';

export interface AuthorizationLeasesOptions {
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  /** How long a proof holds, in milliseconds: it is made again before that time has passed. @default 300_000 // 5 minutes */
  readonly leaseMs?: number;
  /** Chance, from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** One subscriber, as its lease sees it. */
export interface LeaseHolder {
  /**
   * Names its credential: those with the same name have the same right, so that one proof serves them all.
   * Holds no secret.
   */
  readonly credential: string;
  /**
   * Proves the right to read.
   * @throws {GatewayError} there is none, or this could not be found out
   */
  prove(signal: AbortSignal): Promise<void>;
  /** Called once when the right is lost, with what the subscriber is told. */
  onLost(error: Error): void;
}

/** Up to this share of a lease is taken off by chance, so that subscribers who came together are not proved together. */
const jitter = 0.2;
/** Pause after a proof that failed without a verdict, in milliseconds. */
const retryMs = 10_000;
/** So many leases may pass without a verdict before the right counts as lost: nobody watches on for ever unproved. */
const leasesWithoutVerdict = 2;

interface Lease {
  readonly holders: Set<LeaseHolder>;
  provedAtMs: number;
  dueAtMs: number;
  /** Ends the pause before the next proof. */
  wake: AbortController;
}

/**
 * The rights of those who watch what others' credentials read. Each right was proved when its subscription began; here
 * it is proved again for as long as anybody holds it, once per credential.
 */
export class AuthorizationLeases {
  readonly #clock: AuthorizationLeasesOptions['clock'];
  readonly #leaseMs: number;
  readonly #random: () => number;
  readonly #leases = new Map<string, Lease>();

  constructor({ clock, leaseMs = 300_000, random = Math.random }: AuthorizationLeasesOptions) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#random = random;
  }

  /** To be called when the subscriber has just proved its right; what it returns, when its subscription ends. */
  hold(holder: LeaseHolder): Disposable {
    const known = this.#leases.get(holder.credential);
    const lease = known ?? { holders: new Set(), provedAtMs: 0, dueAtMs: 0, wake: new AbortController() };
    lease.holders.add(holder);
    this.#proved(lease);
    if (known === undefined) {
      this.#leases.set(holder.credential, lease);
      void this.#keep(holder.credential, lease);
    }
    return {
      [Symbol.dispose]: () => {
        lease.holders.delete(holder);
        if (lease.holders.size === 0) this.#end(holder.credential, lease);
      },
    };
  }

  /** The platform has just refused the credential elsewhere: where anybody holds a lease by it, it is proved at once. */
  doubt(credential: string): void {
    const lease = this.#leases.get(credential);
    if (lease === undefined) return;
    lease.dueAtMs = this.#nowMs();
    lease.wake.abort();
  }

  async #keep(credential: string, lease: Lease): Promise<void> {
    while (lease.holders.size > 0) {
      const pauseMs = lease.dueAtMs - this.#nowMs();
      if (pauseMs > 0) {
        await this.#pause(lease, pauseMs);
        continue;
      }
      const lost = await this.#renew(lease);
      if (lost === null) continue;
      const holders = [...lease.holders];
      this.#end(credential, lease);
      for (const holder of holders) holder.onLost(lost);
    }
  }

  /** @returns what the holders are told when the right is lost; null when it holds, or may hold */
  async #renew(lease: Lease): Promise<Error | null> {
    const [holder] = lease.holders;
    if (holder === undefined) return null;
    lease.wake = new AbortController();
    const { signal } = lease.wake;
    try {
      await holder.prove(signal);
      this.#proved(lease);
      return null;
    } catch (error) {
      if (signal.aborted) return null;
      if (isRefusal(error)) return asLoss(error);
      lease.dueAtMs = this.#nowMs() + Math.min(retryMs, this.#leaseMs);
      const overdue = this.#nowMs() - lease.provedAtMs >= leasesWithoutVerdict * this.#leaseMs;
      return overdue && error instanceof Error ? error : null;
    }
  }

  #proved(lease: Lease): void {
    lease.provedAtMs = this.#nowMs();
    lease.dueAtMs = lease.provedAtMs + this.#leaseMs * (1 - jitter * this.#random());
  }

  async #pause(lease: Lease, ms: number): Promise<void> {
    lease.wake = new AbortController();
    try {
      await this.#clock.sleep(ms, lease.wake.signal);
    } catch (error) {
      if (!lease.wake.signal.aborted) throw error;
    }
  }

  #end(credential: string, lease: Lease): void {
    lease.holders.clear();
    if (this.#leases.get(credential) === lease) this.#leases.delete(credential);
    lease.wake.abort();
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}

/** A credential that was good when the subscription began and is not known any more has run out, or was withdrawn. */
function asLoss(error: Refusal): Error {
  return error.code === 'FORBIDDEN'
    ? new ForbiddenError({ message: 'The platform does not allow this view any more.', cause: error })
    : new TokenExpiredError({ message: 'The platform does not accept the token any more.', cause: error });
}
