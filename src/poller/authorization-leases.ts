import { ForbiddenError, TokenExpiredError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { isRefusal, type Refusal } from './refusal.ts';

export interface AuthorizationLeasesOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
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
/**
 * How long a proof serves others who come with the same credential, in milliseconds from the moment it was asked for:
 * those who come back all at once cost the platform one call for each credential.
 */
const proofSharedMs = 5_000;
/** Proofs that are kept for others; the oldest goes first. */
const maxSharedProofs = 10_000;

interface Lease {
  readonly holders: Set<LeaseHolder>;
  /** Subscribers who wait for the proof of their right. */
  newcomers: number;
  /** When the last proof was asked for. */
  provedAtMs: number;
  dueAtMs: number;
  /** Refusals so far: a proof that was asked for before one of them says nothing. */
  doubts: number;
  /** Whether somebody takes care of the next proof. */
  kept: boolean;
  /** Ends the pause before the next proof. */
  pause: AbortController | null;
  /** Ends the proof that is being made for all holders. */
  proof: AbortController | null;
}

/**
 * The rights of those who watch what others' credentials read. Each right is proved when its subscription begins, and
 * again for as long as anybody holds it, once per credential.
 */
export class AuthorizationLeases {
  readonly #clock: AuthorizationLeasesOptions['clock'];
  readonly #leaseMs: number;
  readonly #random: () => number;
  /** By credential. */
  readonly #leases = new Map<string, Lease>();
  /** When the proofs that others may share were asked for, by credential, the oldest first. */
  readonly #sharedProofs = new Map<string, number>();

  constructor({ clock, leaseMs = 300_000, random = Math.random }: AuthorizationLeasesOptions) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#random = random;
  }

  /**
   * Proves the right, unless that was done a moment ago, and goes on to do so until what is returned is disposed of.
   * @throws {GatewayError} there is no right, or this could not be found out
   * @throws the reason of the signal
   */
  async hold(holder: LeaseHolder, signal: AbortSignal): Promise<Disposable> {
    const { credential } = holder;
    const lease = this.#leaseOf(credential);
    lease.newcomers += 1;
    try {
      const sharedAtMs = this.#sharedProof(credential);
      if (sharedAtMs === null) await this.#prove(holder, lease, signal);
      else if (lease.holders.size === 0) this.#proved(lease, sharedAtMs);
      lease.holders.add(holder);
    } catch (error) {
      if (isRefusal(error)) this.doubt(credential);
      throw error;
    } finally {
      lease.newcomers -= 1;
      this.#tidy(credential, lease);
    }
    if (!lease.kept) void this.#keep(credential, lease);
    return {
      [Symbol.dispose]: () => {
        lease.holders.delete(holder);
        this.#tidy(credential, lease);
      },
    };
  }

  /** The platform has just refused the credential elsewhere: where anybody holds a lease by it, it is proved at once. */
  doubt(credential: string): void {
    this.#sharedProofs.delete(credential);
    const lease = this.#leases.get(credential);
    if (lease === undefined) return;
    lease.doubts += 1;
    lease.dueAtMs = this.#nowMs();
    lease.pause?.abort();
  }

  #leaseOf(credential: string): Lease {
    const known = this.#leases.get(credential);
    if (known !== undefined) return known;
    const lease: Lease = {
      holders: new Set(),
      newcomers: 0,
      provedAtMs: 0,
      dueAtMs: 0,
      doubts: 0,
      kept: false,
      pause: null,
      proof: null,
    };
    this.#leases.set(credential, lease);
    return lease;
  }

  async #keep(credential: string, lease: Lease): Promise<void> {
    lease.kept = true;
    while (lease.holders.size > 0) {
      const pauseMs = lease.dueAtMs - this.#nowMs();
      if (pauseMs > 0) {
        await this.#pause(lease, pauseMs);
        continue;
      }
      const lost = await this.#renew(lease);
      if (lost === null) continue;
      const holders = [...lease.holders];
      lease.holders.clear();
      this.doubt(credential);
      this.#tidy(credential, lease);
      for (const holder of holders) holder.onLost(lost);
    }
    lease.kept = false;
  }

  /** @returns what the holders are told when the right is lost; null when it holds, or may hold */
  async #renew(lease: Lease): Promise<Error | null> {
    const [holder] = lease.holders;
    if (holder === undefined) return null;
    const proof = new AbortController();
    lease.proof = proof;
    try {
      await this.#prove(holder, lease, proof.signal);
      return null;
    } catch (error) {
      if (proof.signal.aborted) return null;
      if (isRefusal(error)) return asLoss(error);
      lease.dueAtMs = this.#nowMs() + Math.min(retryMs, this.#leaseMs);
      const overdue = this.#nowMs() - lease.provedAtMs >= leasesWithoutVerdict * this.#leaseMs;
      return overdue && error instanceof Error ? error : null;
    } finally {
      lease.proof = null;
    }
  }

  async #prove(holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<void> {
    const { doubts } = lease;
    const askedAtMs = this.#nowMs();
    await untilAborted(holder.prove(signal), signal);
    lease.provedAtMs = Math.max(lease.provedAtMs, askedAtMs);
    // The platform may have answered this before it refused the credential elsewhere: the next proof stays due.
    if (lease.doubts !== doubts) return;
    this.#proved(lease, lease.provedAtMs);
    this.#share(holder.credential, lease.provedAtMs);
  }

  #proved(lease: Lease, askedAtMs: number): void {
    lease.provedAtMs = askedAtMs;
    lease.dueAtMs = askedAtMs + this.#leaseMs * (1 - jitter * this.#random());
  }

  /** When the proof was asked for that a newcomer may share; null: there is none. */
  #sharedProof(credential: string): number | null {
    const askedAtMs = this.#sharedProofs.get(credential);
    return askedAtMs === undefined || this.#isOld(askedAtMs) ? null : askedAtMs;
  }

  #share(credential: string, askedAtMs: number): void {
    this.#sharedProofs.delete(credential);
    this.#sharedProofs.set(credential, askedAtMs);
    this.#sweep();
  }

  /** Lets go of what nobody may share any more. Done when proofs come and leases go, so that no timer is needed. */
  #sweep(): void {
    for (const [oldest, atMs] of this.#sharedProofs) {
      if (!this.#isOld(atMs) && this.#sharedProofs.size <= maxSharedProofs) break;
      this.#sharedProofs.delete(oldest);
    }
  }

  #isOld(askedAtMs: number): boolean {
    return this.#nowMs() - askedAtMs >= Math.min(proofSharedMs, this.#leaseMs);
  }

  async #pause(lease: Lease, ms: number): Promise<void> {
    const pause = new AbortController();
    lease.pause = pause;
    try {
      await this.#clock.sleep(ms, pause.signal);
    } catch (error) {
      if (!pause.signal.aborted) throw error;
    } finally {
      lease.pause = null;
    }
  }

  /** Ends what is done for holders when there are none, and forgets the lease when nobody waits for it either. */
  #tidy(credential: string, lease: Lease): void {
    if (lease.holders.size > 0) return;
    lease.pause?.abort();
    lease.proof?.abort();
    if (lease.newcomers === 0 && this.#leases.get(credential) === lease) this.#leases.delete(credential);
    this.#sweep();
  }

  #nowMs(): number {
    return this.#clock.monotonicMs();
  }
}

/** A credential that was good when the subscription began and is not known any more has run out, or was withdrawn. */
function asLoss(error: Refusal): Error {
  return error.code === 'FORBIDDEN'
    ? new ForbiddenError({ message: 'The platform does not allow this view any more.', cause: error })
    : new TokenExpiredError({ message: 'The platform does not accept the token any more.', cause: error });
}
