import { ForbiddenError, NotFoundError, TokenExpiredError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { mapBounded } from '../runtime/map-bounded.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { isRefusal, type Refusal } from './refusal.ts';

export interface AuthorizationLeasesOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** How long a proof holds, in milliseconds: it is repeated before that time has passed. @default 300_000 // 5 minutes */
  readonly leaseMs?: number;
  /** Chance, from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** How a subscriber shows with its own credential what it may read. */
export interface RightProof {
  /** Names the credential without holding it. The same name stands for the same rights, so that proofs are shared. */
  readonly credential: string;
  /**
   * Proves the right to read entities of this kind.
   * @throws {GatewayError} the platform rejects the credential, or does not respond
   */
  prove(signal: AbortSignal): Promise<void>;
  /**
   * Proves the right to read one entity.
   * @returns false when the platform does not know the entity
   * @throws {GatewayError} the platform rejects the credential or forbids the entity, or does not respond
   */
  proveOne(id: string, signal: AbortSignal): Promise<boolean>;
}

/** One subscriber, as its lease sees it. */
export interface LeaseHolder extends RightProof {
  /** Entities that the subscription names; null: it names none. */
  readonly ids: readonly string[] | null;
  /** Whether the subscription resumes: the platform may have removed a named entity meanwhile. */
  readonly resumes: boolean;
  /** Called once when the right is lost, with the error that the subscriber receives. */
  onLost(error: Error): void;
}

/** Up to this share of a lease is cut off by chance, so that subscribers who came together are not proved together. */
const jitter = 0.2;
/** Pause after a proof that failed without a verdict, in milliseconds. */
const retryMs = 10_000;
/** Leases that may pass without a verdict before the right counts as lost. */
const leasesWithoutVerdict = 2;
/** Pause between the first rejection of a credential and the proof that confirms it, in milliseconds. */
const confirmMs = 1_000;
/**
 * How long a proof counts for newcomers with the same credential, in milliseconds from its request. When many clients
 * come back at once, the platform receives one call for each credential.
 */
const proofSharedMs = 5_000;
/** Proofs that are kept for newcomers. The oldest is dropped first. */
const maxSharedProofs = 10_000;
/** Entities that a subscriber's proof reads at the same time. */
const concurrency = 5;
/** Entities of one credential that are known to be readable. The oldest is dropped first. */
const maxReadable = 10_000;

interface Lease {
  readonly holders: Set<LeaseHolder>;
  /** Subscribers that wait for the proof of their right. */
  newcomers: number;
  /** Ids of entities that the credential has read. */
  readonly readable: Set<string>;
  /** When the last proof was requested. */
  provedAtMs: number;
  dueAtMs: number;
  /** Doubts so far. A proof that was requested before the last doubt shows nothing. */
  doubts: number;
  /** Whether no proof has succeeded since the last doubt. */
  doubted: boolean;
  /** First rejection by the platform since the last good proof; null: there is none. */
  rejectedAtMs: number | null;
  /** Whether the next proof is taken care of. */
  kept: boolean;
  /** Ends the pause before the next proof. */
  pause: AbortController | null;
  /** Ends the proof that is made for all holders. */
  proof: AbortController | null;
}

/**
 * The rights of subscribers that watch what is read with the credentials of others. Each right is proved when its
 * subscription begins, and again for as long as a subscription holds it, once per credential.
 *
 * A single rejection can be a mistake of one server of the platform. Running subscriptions therefore end only after two
 * rejections in a row, at least a second apart, by proofs with their credential. Between the two they continue to
 * receive events, because holding events back would delay every subscriber of the credential for a mistake of the
 * platform. A subscription that is rejected when it begins fails at once, because nothing was delivered to it yet and its
 * client can repeat it.
 */
export class AuthorizationLeases {
  readonly #clock: AuthorizationLeasesOptions['clock'];
  readonly #leaseMs: number;
  readonly #random: () => number;
  /** By credential. */
  readonly #leases = new Map<string, Lease>();
  /** When the proofs that newcomers may share were requested, by credential, the oldest first. */
  readonly #sharedProofs = new Map<string, number>();

  constructor({ clock, leaseMs = 300_000, random = Math.random }: AuthorizationLeasesOptions) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#random = random;
  }

  /** Credentials with a lease, and proofs that are kept for newcomers. */
  get size(): { readonly leases: number; readonly sharedProofs: number } {
    return { leases: this.#leases.size, sharedProofs: this.#sharedProofs.size };
  }

  /**
   * Proves the right, unless that was done a moment ago, and repeats the proof until the result is disposed of.
   *
   * Each entity that the subscription names is read once with its own credential, so that a subscriber which may not read
   * one of them receives the error that the platform gives, and no other subscriber notices. These reads replace the
   * general proof. They are not repeated for other subscriptions as long as the lease of the credential lives.
   * @throws {NotFoundError} the platform does not know a named entity, and the subscription does not resume
   * @throws {GatewayError} there is no right, or the platform did not say
   * @throws the reason of the signal
   */
  async hold(holder: LeaseHolder, signal: AbortSignal): Promise<Disposable> {
    const { credential } = holder;
    const lease = this.#leaseOf(credential);
    lease.newcomers += 1;
    try {
      await this.#begin(holder, lease, signal);
      lease.holders.add(holder);
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

  /** The platform has just rejected the credential elsewhere. A lease that depends on it is proved at once. */
  doubt(credential: string): void {
    this.#sharedProofs.delete(credential);
    const lease = this.#leases.get(credential);
    if (lease === undefined) return;
    lease.doubts += 1;
    lease.doubted = true;
    const nowMs = this.#clock.monotonicMs();
    lease.dueAtMs = lease.rejectedAtMs === null ? nowMs : Math.max(nowMs, lease.rejectedAtMs + confirmMs);
    lease.pause?.abort();
  }

  #leaseOf(credential: string): Lease {
    const known = this.#leases.get(credential);
    if (known !== undefined) return known;
    const lease: Lease = {
      holders: new Set(),
      newcomers: 0,
      readable: new Set(),
      provedAtMs: 0,
      dueAtMs: 0,
      doubts: 0,
      doubted: false,
      rejectedAtMs: null,
      kept: false,
      pause: null,
      proof: null,
    };
    this.#leases.set(credential, lease);
    return lease;
  }

  async #begin(holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<void> {
    const unread = [...new Set(holder.ids)].filter((id) => !lease.readable.has(id));
    if (unread.length > 0 && (await this.#proveEach(unread, holder, lease, signal))) return;
    const isReadable = holder.ids !== null && unread.length === 0;
    if (isReadable && lease.holders.size > 0 && !lease.doubted) return;
    const sharedAtMs = this.#sharedProof(holder.credential);
    if (sharedAtMs === null) await this.#beginWithProof(holder, lease, signal);
    else if (lease.holders.size === 0) this.#proved(lease, sharedAtMs);
  }

  async #beginWithProof(holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<void> {
    try {
      await this.#prove(holder, lease, signal);
    } catch (error) {
      if (isRefusal(error)) this.#rejected(holder.credential, lease);
      throw error;
    }
  }

  /** @returns whether one of the entities exists, so that reading it was a proof */
  async #proveEach(ids: readonly string[], holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<boolean> {
    const { credential, resumes } = holder;
    const { doubts } = lease;
    const askedAtMs = this.#clock.monotonicMs();
    try {
      const found = await mapBounded(ids, concurrency, async (id) => {
        signal.throwIfAborted();
        const exists = await untilAborted(holder.proveOne(id, signal), signal);
        if (!exists && !resumes) throw new NotFoundError(id, { message: `The platform does not know ${id}.` });
        return exists;
      });
      if (!found.includes(true)) return false;
      const readable = ids.filter((_, index) => found[index] === true);
      if (this.#succeeded(credential, lease, { askedAtMs, doubts })) remember(lease.readable, readable);
      return true;
    } catch (error) {
      // A 403 is about the entity alone.
      if (isRefusal(error) && error.code !== 'FORBIDDEN') this.#rejected(credential, lease);
      throw error;
    }
  }

  async #keep(credential: string, lease: Lease): Promise<void> {
    lease.kept = true;
    while (lease.holders.size > 0) {
      const pauseMs = lease.dueAtMs - this.#clock.monotonicMs();
      if (pauseMs > 0) {
        await this.#pause(lease, pauseMs);
        continue;
      }
      const lost = await this.#renew(credential, lease);
      if (lost === null) continue;
      const holders = [...lease.holders];
      lease.holders.clear();
      this.doubt(credential);
      this.#tidy(credential, lease);
      for (const holder of holders) holder.onLost(lost);
    }
    lease.kept = false;
  }

  /** @returns the error that the holders receive when the right is lost; null when it holds, or may hold */
  async #renew(credential: string, lease: Lease): Promise<Error | null> {
    const [holder] = lease.holders;
    if (holder === undefined) return null;
    const proof = new AbortController();
    lease.proof = proof;
    const { rejectedAtMs } = lease;
    const confirms = rejectedAtMs !== null && this.#clock.monotonicMs() - rejectedAtMs >= confirmMs;
    try {
      await this.#prove(holder, lease, proof.signal);
      return null;
    } catch (error) {
      if (proof.signal.aborted) return null;
      if (isRefusal(error)) {
        if (confirms) return asLoss(error);
        this.#rejected(credential, lease);
        return null;
      }
      const nowMs = this.#clock.monotonicMs();
      lease.dueAtMs = nowMs + Math.min(retryMs, this.#leaseMs);
      const overdue = nowMs - lease.provedAtMs >= leasesWithoutVerdict * this.#leaseMs;
      return overdue && error instanceof Error ? error : null;
    } finally {
      lease.proof = null;
    }
  }

  async #prove(holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<void> {
    const { doubts } = lease;
    const askedAtMs = this.#clock.monotonicMs();
    await untilAborted(holder.prove(signal), signal);
    this.#succeeded(holder.credential, lease, { askedAtMs, doubts });
  }

  /** The platform has rejected a proof. The next one decides, unless a good one comes before it. */
  #rejected(credential: string, lease: Lease): void {
    lease.rejectedAtMs ??= this.#clock.monotonicMs();
    this.doubt(credential);
  }

  /**
   * @param proof.doubts the doubts when the proof was requested
   * @returns false when the platform may have responded before it rejected the credential: the next proof stays due
   */
  #succeeded(
    credential: string,
    lease: Lease,
    { askedAtMs, doubts }: { readonly askedAtMs: number; readonly doubts: number },
  ): boolean {
    lease.provedAtMs = Math.max(lease.provedAtMs, askedAtMs);
    if (lease.doubts !== doubts) return false;
    this.#proved(lease, lease.provedAtMs);
    this.#share(credential, lease.provedAtMs);
    return true;
  }

  #proved(lease: Lease, askedAtMs: number): void {
    lease.provedAtMs = askedAtMs;
    lease.dueAtMs = askedAtMs + this.#leaseMs * (1 - jitter * this.#random());
    lease.doubted = false;
    lease.rejectedAtMs = null;
  }

  /** When the proof that a newcomer may share was requested; null: there is none. */
  #sharedProof(credential: string): number | null {
    const askedAtMs = this.#sharedProofs.get(credential);
    return askedAtMs === undefined || this.#isOld(askedAtMs) ? null : askedAtMs;
  }

  #share(credential: string, askedAtMs: number): void {
    this.#sharedProofs.delete(credential);
    this.#sharedProofs.set(credential, askedAtMs);
    this.#sweep();
  }

  /** Drops proofs that are too old to be shared. Runs when proofs come and leases go, so that no timer is needed. */
  #sweep(): void {
    for (const [oldest, atMs] of this.#sharedProofs) {
      if (!this.#isOld(atMs) && this.#sharedProofs.size <= maxSharedProofs) break;
      this.#sharedProofs.delete(oldest);
    }
  }

  #isOld(askedAtMs: number): boolean {
    return this.#clock.monotonicMs() - askedAtMs >= Math.min(proofSharedMs, this.#leaseMs);
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

  /** Ends the work for holders when there are none, and drops the lease when no newcomer waits for it either. */
  #tidy(credential: string, lease: Lease): void {
    if (lease.holders.size > 0) return;
    lease.pause?.abort();
    lease.proof?.abort();
    if (lease.newcomers === 0 && this.#leases.get(credential) === lease) this.#leases.delete(credential);
    this.#sweep();
  }
}

function remember(readable: Set<string>, ids: readonly string[]): void {
  for (const id of ids) readable.add(id);
  for (const oldest of readable) {
    if (readable.size <= maxReadable) return;
    readable.delete(oldest);
  }
}

/** A credential that was good when the subscription began and that the platform rejects now has expired or was withdrawn. */
function asLoss(error: Refusal): Error {
  return error.code === 'FORBIDDEN'
    ? new ForbiddenError({ message: 'The platform does not allow this view any more.', cause: error })
    : new TokenExpiredError({ message: 'The platform does not accept the token any more.', cause: error });
}
