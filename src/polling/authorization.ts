import type { LRUCache } from 'lru-cache';
import { ForbiddenError, NotFoundError, TokenExpiredError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { growingLru } from '../runtime/lru.ts';
import { mapBounded } from '../runtime/map-bounded.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { type AuthRejection, isAuthRejection } from './failure.ts';

export interface AuthorizationLeasesOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Validity of a proof, in milliseconds. The proof is repeated before it ends. */
  readonly leaseMs: number;
  /** Returns a random number from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** Proves with a subscriber's own credential that the subscriber may read the feed. */
export interface RightProof {
  /**
   * Name of the credential, without its secret. Credentials with the same name have the same rights and share proofs.
   */
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

/** The part of a subscription that its lease needs. */
export interface LeaseHolder extends RightProof {
  /** Entities that the subscription names; null: it names none. */
  readonly ids: readonly string[] | null;
  /** Whether the subscription resumes. If so, a named entity may have been removed in the meantime. */
  readonly resumes: boolean;
  /** Called once when the subscriber loses the right, with the error to deliver. */
  onLost(error: Error): void;
}

/**
 * A random share of each lease, up to this value, is cut off, so that leases that begin together do not end together.
 */
const jitter = 0.2;
/** Pause after a proof that ended without a verdict, in milliseconds. */
const retryMs = 10_000;
/** Number of leases without a verdict after which the right counts as lost. */
const leasesWithoutVerdict = 2;
/** Pause between the first rejection of a credential and the proof that confirms it, in milliseconds. */
const confirmMs = 1_000;
/**
 * Time after its request in which new subscribers with the same credential share a proof, in milliseconds. When many
 * clients reconnect at once, the platform receives one call for each credential.
 */
const proofSharedMs = 5_000;
/** Maximum number of proofs that are kept for new subscribers. The oldest are dropped first. */
const maxSharedProofs = 10_000;
/** Maximum number of entities that one proof reads at the same time. */
const concurrency = 5;
/**
 * Maximum number of entities that are remembered as readable for one credential. The least recently read are dropped
 * first.
 */
const maxReadable = 10_000;

interface Lease {
  readonly holders: Set<LeaseHolder>;
  /** Number of subscribers that wait for their first proof. */
  newcomers: number;
  /** Ids of entities that the credential has read. Null until it has read one, because most subscribers name no ids. */
  readable: LRUCache<string, true> | null;
  /** Time at which the last proof was requested. */
  provedAtMs: number;
  dueAtMs: number;
  /** Grows with each invalidation. A proof that was requested in an earlier generation proves nothing. */
  generation: number;
  /** Whether no proof has succeeded since the last invalidation. */
  unproven: boolean;
  /** Time of the first rejection since the last successful proof; null: there is none. */
  rejectedAtMs: number | null;
  /** Whether the loop that renews the lease runs. */
  kept: boolean;
  /** Aborts the pause before the next proof. */
  pause: AbortController | null;
  /** Aborts the proof that is being made for all holders. */
  proof: AbortController | null;
}

/**
 * Re-checks that each subscriber may still read its feed, because polling uses only one subscriber's credential. Each
 * right is proved when its subscription begins, and again for as long as a subscription holds it, once per credential.
 *
 * A single rejection can be a mistake of one server of the platform. Running subscriptions therefore end only after two
 * rejections in a row, at least a second apart, by proofs with their credential. Between the two they continue to
 * receive events, because a mistake of the platform must not delay every subscriber of the credential. A subscription
 * that is rejected when it begins fails at once, because no event was delivered to it and its client can repeat it.
 */
export class AuthorizationLeases {
  readonly #clock: AuthorizationLeasesOptions['clock'];
  readonly #leaseMs: number;
  readonly #random: () => number;
  /** Leases by name of the credential. */
  readonly #leases = new Map<string, Lease>();
  /** Request times of the proofs that new subscribers may share, by name of the credential, oldest first. */
  readonly #sharedProofs = growingLru<number>(maxSharedProofs);

  constructor({ clock, leaseMs, random = Math.random }: AuthorizationLeasesOptions) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#random = random;
  }

  /** Number of credentials with a lease, and number of proofs that are kept for new subscribers. */
  get size(): { readonly leases: number; readonly sharedProofs: number } {
    return { leases: this.#leases.size, sharedProofs: this.#sharedProofs.size };
  }

  /**
   * Proves the right, unless a proof was made a moment ago, and repeats the proof until the result is disposed of.
   *
   * Each entity that the subscription names is read once with its own credential, so that a subscriber without the
   * right to one of them receives the platform's error, and no other subscriber notices. These reads replace the
   * general proof. They are not repeated for other subscriptions as long as the lease of the credential lives.
   * @throws {NotFoundError} the platform does not know a named entity, and the subscription does not resume
   * @throws {GatewayError} the subscriber has no right, or the platform gave no verdict
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

  /**
   * Invalidates the proofs of a credential, because the platform has just rejected it in a round. Its lease is proved
   * at once.
   */
  invalidate(credential: string): void {
    this.#sharedProofs.delete(credential);
    const lease = this.#leases.get(credential);
    if (lease === undefined) return;
    lease.generation += 1;
    lease.unproven = true;
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
      readable: null,
      provedAtMs: 0,
      dueAtMs: 0,
      generation: 0,
      unproven: false,
      rejectedAtMs: null,
      kept: false,
      pause: null,
      proof: null,
    };
    this.#leases.set(credential, lease);
    return lease;
  }

  async #begin(holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<void> {
    const unread = [...new Set(holder.ids)].filter((id) => lease.readable?.has(id) !== true);
    if (unread.length > 0 && (await this.#proveEach(unread, holder, lease, signal))) return;
    const isReadable = holder.ids !== null && unread.length === 0;
    if (isReadable && lease.holders.size > 0 && !lease.unproven) return;
    const sharedAtMs = this.#sharedProof(holder.credential);
    if (sharedAtMs === null) await this.#beginWithProof(holder, lease, signal);
    else if (lease.holders.size === 0) this.#proved(lease, sharedAtMs);
  }

  async #beginWithProof(holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<void> {
    try {
      await this.#prove(holder, lease, signal);
    } catch (error) {
      if (isAuthRejection(error)) this.#rejected(holder.credential, lease);
      throw error;
    }
  }

  /** @returns whether one of the entities exists, so that reading it was a proof */
  async #proveEach(ids: readonly string[], holder: LeaseHolder, lease: Lease, signal: AbortSignal): Promise<boolean> {
    const { credential, resumes } = holder;
    const { generation } = lease;
    const requestedAtMs = this.#clock.monotonicMs();
    try {
      const found = await mapBounded(ids, concurrency, async (id) => {
        signal.throwIfAborted();
        const exists = await untilAborted(holder.proveOne(id, signal), signal);
        if (!exists && !resumes) throw new NotFoundError(id, { message: `The platform does not know ${id}.` });
        return exists;
      });
      if (!found.includes(true)) return false;
      const readable = ids.filter((_, index) => found[index] === true);
      if (this.#succeeded(credential, lease, { requestedAtMs, generation })) remember(lease, readable);
      return true;
    } catch (error) {
      // A 403 concerns only the entity, not the credential.
      if (isAuthRejection(error) && error.code !== 'FORBIDDEN') this.#rejected(credential, lease);
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
      this.invalidate(credential);
      this.#tidy(credential, lease);
      for (const holder of holders) holder.onLost(lost);
    }
    lease.kept = false;
  }

  /** @returns the error that the holders receive when the right is lost; null while the right holds, or may hold */
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
      if (isAuthRejection(error)) {
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
    const { generation } = lease;
    const requestedAtMs = this.#clock.monotonicMs();
    await untilAborted(holder.prove(signal), signal);
    this.#succeeded(holder.credential, lease, { requestedAtMs, generation });
  }

  /** Notes that the platform rejected a proof. The next proof decides, unless a successful one comes first. */
  #rejected(credential: string, lease: Lease): void {
    lease.rejectedAtMs ??= this.#clock.monotonicMs();
    this.invalidate(credential);
  }

  /**
   * @param proof.generation generation in which the proof was requested
   * @returns false when the platform may have responded before it rejected the credential, so that the next proof
   *   stays due
   */
  #succeeded(
    credential: string,
    lease: Lease,
    { requestedAtMs, generation }: { readonly requestedAtMs: number; readonly generation: number },
  ): boolean {
    lease.provedAtMs = Math.max(lease.provedAtMs, requestedAtMs);
    if (lease.generation !== generation) return false;
    this.#proved(lease, lease.provedAtMs);
    this.#share(credential, lease.provedAtMs);
    return true;
  }

  #proved(lease: Lease, requestedAtMs: number): void {
    lease.provedAtMs = requestedAtMs;
    lease.dueAtMs = requestedAtMs + this.#leaseMs * (1 - jitter * this.#random());
    lease.unproven = false;
    lease.rejectedAtMs = null;
  }

  /** Request time of the proof that a new subscriber may share; null: there is none. */
  #sharedProof(credential: string): number | null {
    const requestedAtMs = this.#sharedProofs.peek(credential);
    return requestedAtMs === undefined || this.#isOld(requestedAtMs) ? null : requestedAtMs;
  }

  #share(credential: string, requestedAtMs: number): void {
    this.#sharedProofs.set(credential, requestedAtMs);
    this.#sweep();
  }

  /**
   * Drops proofs that are too old to be shared. It runs when proofs are added and leases end, so that no timer is
   * needed.
   */
  #sweep(): void {
    // The cache permits deletions while it is iterated from the oldest proof.
    for (const credential of this.#sharedProofs.rkeys()) {
      if (this.#sharedProof(credential) !== null) break;
      this.#sharedProofs.delete(credential);
    }
  }

  #isOld(requestedAtMs: number): boolean {
    return this.#clock.monotonicMs() - requestedAtMs >= Math.min(proofSharedMs, this.#leaseMs);
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

  /** Ends the renewal when there are no holders, and drops the lease when no new subscriber waits for it either. */
  #tidy(credential: string, lease: Lease): void {
    if (lease.holders.size > 0) return;
    lease.pause?.abort();
    lease.proof?.abort();
    if (lease.newcomers === 0 && this.#leases.get(credential) === lease) this.#leases.delete(credential);
    this.#sweep();
  }
}

function remember(lease: Pick<Lease, 'readable'>, ids: readonly string[]): void {
  lease.readable ??= growingLru(maxReadable);
  for (const id of ids) lease.readable.set(id, true);
}

/**
 * The subscription began with this credential, so a rejection now means that the credential has expired or was
 * withdrawn.
 */
function asLoss(error: AuthRejection): Error {
  return error.code === 'FORBIDDEN'
    ? new ForbiddenError({ message: 'The platform no longer permits this subscription.', cause: error })
    : new TokenExpiredError({ message: 'The platform no longer accepts the token.', cause: error });
}
