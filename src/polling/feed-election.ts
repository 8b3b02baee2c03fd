import type { Tenant } from '../domain/tenant.ts';
import type { PollMetrics } from '../metrics/polling.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { LeaderElection, LeaderElections, Lease, PollListener, PollMessage } from './leader/election.ts';
import type { FeedMembers } from './members.ts';
import type { WatchScope } from './scope.ts';

export interface FeedElectionOptions<Reader> {
  /** Kind of the feed, for logs and metrics. */
  readonly kind: string;
  readonly tenant: Tenant;
  readonly elections: LeaderElections;
  readonly members: Pick<FeedMembers<Reader>, 'size' | 'scope'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: Pick<PollMetrics, 'leaseChanged'>;
  /** Shortest pause between two rounds, in milliseconds. */
  readonly pollMinMs: number;
  readonly listener: Pick<PollListener, 'received' | 'unreachable'>;
  /** Called when the lease holder changes: this replica, another one, or none. */
  readonly onHolder: () => void;
  /** Called with true when no replica has made a good round for a while, and with false after the next good round. */
  readonly onUnattended: (unattended: boolean) => void;
}

/** Receives changes of the lease of this replica. */
export interface LeaseListener {
  gained(): void;
  /** Called only when the lease passes to another replica, or may have. */
  lost(): void;
}

/** Time without a lease holder after which subscribers of this replica receive STALE, in shortest pauses. */
const pausesUntilUnattended = 4;
/** Minimum of that time, in milliseconds, so that a slow moment of Redis does not count as a failure. */
const minUnattendedMs = 2_000;

/**
 * The part of this replica in the election of the replica that polls a feed: its lease, the scope that it publishes,
 * and its messages to the other replicas.
 */
export class FeedElection<Reader> {
  readonly #options: FeedElectionOptions<Reader>;
  readonly #listener: LeaseListener;
  #election: LeaderElection | null = null;
  /** Elections that this replica is leaving. */
  readonly #leaving = new Set<Promise<void>>();
  #lease: Lease | null = null;
  #candidacy: AbortController | null = null;
  /** Whether the scope is yet to be published. The scope at that time is published. */
  #publishes = false;
  #scopePublished: Promise<void> = Promise.resolve();
  /** Aborts the wait after which the feed counts as unattended. */
  #unattendedWait: AbortController | null = null;

  constructor(options: FeedElectionOptions<Reader>, listener: LeaseListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Whether this replica takes part. */
  get joined(): boolean {
    return this.#election !== null;
  }

  /** The lease under which this replica polls; null: another replica polls, or none. */
  get lease(): Lease | null {
    return this.#lease;
  }

  /** Term under which a replica polls; null: no replica does, or this replica does not know it. */
  get term(): number | null {
    return this.#election?.term ?? null;
  }

  /** Resolves when the other replicas can read the scope of this replica. Never rejects. */
  get scopePublished(): Promise<void> {
    return this.#scopePublished;
  }

  join(): void {
    const { elections, tenant, kind, listener } = this.#options;
    this.#election = elections.join(
      { tenant, kind },
      { ...listener, termChanged: (holder) => this.#noteHolder(holder) },
    );
    this.#expectHolder();
  }

  /** Call it when the feed has no subscribers, or is closed. */
  leave(): void {
    const election = this.#election;
    this.#election = null;
    if (this.#lease !== null) this.#leaseChanged('released', { term: this.#lease.term, why: 'no subscribers' });
    this.#lease = null;
    this.attended();
    if (election === null) return;
    const leaving = this.#leave(election).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Resolves when this replica has left. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  /** Waits until this replica has the lease, or the campaign is ended. */
  async campaign(): Promise<void> {
    const candidacy = new AbortController();
    this.#candidacy = candidacy;
    try {
      const lease = await this.#election?.acquireLease(candidacy.signal);
      if (lease === undefined) return;
      this.#lease = lease;
      this.#listener.gained();
      this.#leaseChanged('gained', { term: lease.term });
      lease.lost.addEventListener('abort', () => this.#lost(lease), { once: true });
      if (lease.lost.aborted) this.#lost(lease);
      this.#options.onHolder();
    } catch (error) {
      if (!candidacy.signal.aborted) throw error;
    } finally {
      this.#candidacy = null;
    }
  }

  endCampaign(): void {
    this.#candidacy?.abort();
  }

  /** Call it when the log rejects writes under this lease, because another replica has a later one. */
  drop(lease: Lease): void {
    this.#lost(lease);
    // Redis may still name this replica as the holder, if it lost the record of the later term.
    void lease.release();
  }

  async release(lease: Lease, why: string): Promise<void> {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#leaseChanged('released', { term: lease.term, why });
    await lease.release();
  }

  /** Call it after a good round, and when the feed ends. */
  attended(): void {
    this.#unattendedWait?.abort();
    this.#unattendedWait = null;
    this.#options.onUnattended(false);
  }

  /** Scope of the subscribers of the other replicas; null: there are none. */
  async otherScopes(): Promise<WatchScope | null> {
    return (await this.#election?.otherScopes()) ?? null;
  }

  async isWatchedElsewhere(): Promise<boolean> {
    try {
      return (await this.otherScopes()) !== null;
    } catch (err) {
      this.#options.logger.debug({ ...this.#where(), err }, 'could not notify other replicas');
      return false;
    }
  }

  /** Publishes the scope of the members. Many changes in one turn of the event loop are published at once. */
  publishScope(): void {
    if (this.#publishes) return;
    this.#publishes = true;
    this.#scopePublished = this.#publishScope();
  }

  /**
   * Sends a message to the other replicas. A failure is only logged, because no replica depends for long on a single
   * message.
   */
  async send(message: PollMessage): Promise<void> {
    const { elections, tenant, kind, logger } = this.#options;
    try {
      await (this.#election?.send(message) ?? elections.send({ tenant, kind }, message));
    } catch (err) {
      logger.debug({ ...this.#where(), message: message.kind, err }, 'could not notify other replicas');
    }
  }

  #lost(lease: Lease): void {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#leaseChanged('lost', { term: lease.term });
    this.#listener.lost();
  }

  #leaseChanged(
    change: 'gained' | 'lost' | 'released',
    details: { readonly term: number; readonly why?: string },
  ): void {
    const { logger, metrics, kind } = this.#options;
    metrics.leaseChanged({ kind, change });
    logger.debug({ ...this.#where(), ...details }, `poll lease ${change}`);
  }

  #noteHolder(holder: Parameters<PollListener['termChanged']>[0]): void {
    const { logger, onHolder } = this.#options;
    switch (holder) {
      case 'none':
        this.#expectHolder();
        break;
      case 'elsewhere':
        logger.debug({ ...this.#where(), term: this.term }, 'another replica polls');
        this.attended();
        break;
      case 'here':
        // Waits for the first good round, which shows that this replica can read and write.
        break;
    }
    onHolder();
  }

  /** Starts the wait after which subscribers receive STALE, so that they notice when no replica polls. */
  #expectHolder(): void {
    if (this.#unattendedWait !== null || this.#election === null) return;
    const { clock, onUnattended, pollMinMs } = this.#options;
    const wait = new AbortController();
    this.#unattendedWait = wait;
    clock.sleep(Math.max(minUnattendedMs, pollMinMs * pausesUntilUnattended), wait.signal).then(
      () => onUnattended(true),
      () => undefined,
    );
  }

  async #publishScope(): Promise<void> {
    await Promise.resolve();
    this.#publishes = false;
    const { members, logger } = this.#options;
    try {
      await this.#election?.publishScope(members.size === 0 ? null : members.scope);
    } catch (err) {
      logger.debug({ ...this.#where(), err }, 'could not notify other replicas');
    }
  }

  async #leave(election: LeaderElection): Promise<void> {
    try {
      await election[Symbol.asyncDispose]();
    } catch (err) {
      this.#options.logger.warn({ ...this.#where(), err }, 'could not leave the leader election');
    }
  }

  #where(): { readonly kind: string } & Tenant {
    return { kind: this.#options.kind, ...this.#options.tenant };
  }
}
