import type { Tenant } from '../domain/tenant.ts';
import { RateLimitedError } from '../errors.ts';
import { LogConflictError, LogFencedError } from '../events/log.ts';
import type { PollMetrics } from '../metrics/polling.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { describeFailure, isAuthRejection } from './failure.ts';
import type { PlatformHold } from './holds.ts';
import type { LeaderElection, LeaderElections, Lease, PollListener, PollMessage } from './leader/election.ts';
import type { FeedMember, FeedMembers } from './members.ts';
import type { PollRounds, RoundOutcome } from './round.ts';
import { PollSchedule, type PollScheduleOptions } from './schedule.ts';
import type { FeedWaiters } from './waiters.ts';

export interface PollLoopOptions<Entity extends object, Reader, Checkpoint> extends PollScheduleOptions {
  /** Kind of the feed, for logs and metrics. */
  readonly kind: string;
  readonly tenant: Tenant;
  readonly elections: LeaderElections;
  readonly members: Pick<FeedMembers<Reader>, 'size' | 'scope'>;
  readonly waiters: FeedWaiters<Reader>;
  readonly poller: PollRounds<Entity, Reader, Checkpoint>;
  readonly hold: PlatformHold;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: PollMetrics;
  readonly lingerMs: number;
  /** Whether the log has a state of this term with which a new subscriber can begin. */
  readonly isReady: (term: number | null) => Promise<boolean>;
  readonly listener: Pick<PollListener, 'received' | 'unreachable'>;
  /** Lets the waiters begin for which the log is sufficient. */
  readonly letBegin: () => Promise<void>;
  /** Called when the lease holder changes: this replica, another one, or none. */
  readonly onHolder: () => void;
  /** Called with true when no replica has made a good round for a while, and with false after the next good round. */
  readonly onUnattended: (unattended: boolean) => void;
  readonly onIdle: () => void;
}

/** Number of consecutive failed rounds after which subscribers receive STALE. */
const failuresUntilStale = 2;
/** Time without a lease holder after which subscribers of this replica receive STALE, in shortest pauses. */
const pausesUntilUnattended = 4;
/** Minimum of that time, in milliseconds, so that a slow moment of Redis does not count as a failure. */
const minUnattendedMs = 2_000;

type Good<Entity, Checkpoint> = Extract<RoundOutcome<Entity, Checkpoint>, { readonly kind: 'good' }>;
type Failed<Entity, Checkpoint> = Extract<RoundOutcome<Entity, Checkpoint>, { readonly kind: 'failed' }>;

/**
 * Decides when this replica makes a round of a feed, and handles the outcome. The loop runs while the replica has
 * subscribers, and for the linger time afterwards. It waits for the lease. While it holds the lease it alternates
 * between a round and a pause. PollRounds makes the round.
 */
export class PollLoop<Entity extends object, Reader, Checkpoint> {
  readonly #options: PollLoopOptions<Entity, Reader, Checkpoint>;
  readonly #pace: PollSchedule;
  #running: Promise<void> | null = null;
  /** Elections that this replica is leaving. */
  readonly #leaving = new Set<Promise<void>>();
  #election: LeaderElection | null = null;
  #lease: Lease | null = null;
  #candidacy: AbortController | null = null;
  /** Whether there were members at the last call of `membersChanged`. */
  #watched = false;
  /** Whether the scope is yet to be published. The scope at that time is published. */
  #publishes = false;
  #scopePublished: Promise<void> = Promise.resolve();
  /** Whether a subscriber of another replica cannot begin without a round. */
  #awaitedElsewhere = false;
  #sleep: AbortController | null = null;
  /** Whether `wake` was called since the current step began. */
  #woken = false;
  #emptySinceMs: number | null = null;
  /** Until this time the replica does not try to become the lease holder, in monotonic milliseconds. */
  #yieldsUntilMs = 0;
  /** Aborts the wait after which the feed counts as unattended. */
  #unattendedWait: AbortController | null = null;
  #closed = false;
  #made = 0;
  #lastAt: Date | null = null;

  constructor(options: PollLoopOptions<Entity, Reader, Checkpoint>) {
    this.#options = options;
    this.#pace = new PollSchedule(options, options.hold);
  }

  get runs(): boolean {
    return this.#running !== null;
  }

  /** The lease under which this replica polls; null: another replica polls, or none. */
  get lease(): Lease | null {
    return this.#lease;
  }

  /** Term under which a replica polls; null: no replica does, or this replica does not know it. */
  get term(): number | null {
    return this.#election?.term ?? null;
  }

  /** Number of good rounds that this replica made. */
  get made(): number {
    return this.#made;
  }

  /** End of the last good round that this replica made; null: it made none. */
  get lastAt(): Date | null {
    return this.#lastAt;
  }

  /** Resolves when the other replicas can read the scope of this replica. Never rejects. */
  get scopePublished(): Promise<void> {
    return this.#scopePublished;
  }

  /** Starts or stops the loop as needed. Call it when members join or leave. */
  membersChanged(): void {
    if (this.#closed) return;
    const watched = this.#options.members.size > 0;
    if (this.#election === null && watched) this.#start();
    // Only the first and the last member change the next step. Other members do not wake the loop, because that would
    // cost time for each of them.
    else if (watched !== this.#watched) this.wake();
    this.#watched = watched;
    if (this.#publishes) return;
    this.#publishes = true;
    this.#scopePublished = this.#publishScope();
  }

  /** Ends the current pause, so that the loop decides on its next step again. */
  wake(): void {
    this.#woken = true;
    this.#sleep?.abort();
    if (this.#closed || this.#options.members.size === 0) this.#candidacy?.abort();
  }

  /** Makes a round due at once, and keeps the pauses short for a while. */
  nudge(): void {
    this.#pace.nudge(this.#nowMs());
    this.wake();
  }

  /** Makes a round due soon, for a subscriber of another replica. */
  awaitRound(): void {
    this.#awaitedElsewhere = true;
    this.wake();
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

  /** Resolves when nothing runs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.poller.interrupt();
    this.wake();
    await this.#running;
    await Promise.all(this.#leaving);
  }

  #start(): void {
    const { elections, tenant, kind, listener } = this.#options;
    const election = elections.join(
      { tenant, kind },
      { ...listener, termChanged: (holder) => this.#noteHolder(holder) },
    );
    this.#election = election;
    this.#pace.start();
    this.#expectHolder();
    this.#running = this.#run(election);
    void this.send({ kind: 'joined' });
  }

  async #run(election: LeaderElection): Promise<void> {
    const { members, onIdle } = this.#options;
    while (!this.#closed) {
      this.#woken = false;
      if (members.size > 0) await this.#serve(election);
      else if (!(await this.#linger(election)) && members.size === 0) break;
    }
    this.#running = null;
    this.#election = null;
    if (this.#lease !== null) this.#leaseChanged('released', { term: this.#lease.term, why: 'no subscribers' });
    this.#lease = null;
    this.#attended();
    const leaving = this.#leave(election).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    if (!this.#closed) onIdle();
  }

  /** One step of a feed with subscribers: a round, the pause before it, or the wait for the lease. */
  async #serve(election: LeaderElection): Promise<void> {
    this.#emptySinceMs = null;
    const lease = this.#lease;
    if (lease !== null) this.#rejectWhileHeld();
    const awaited = this.#isAwaited;
    const dueAtMs = lease === null ? this.#yieldsUntilMs : this.#pace.dueMs(awaited);
    const waitMs = dueAtMs - this.#nowMs();
    if (waitMs > 0) await this.#pause(waitMs);
    else if (lease === null) await this.#campaign(election);
    else await this.#round(lease, election);
  }

  get #isAwaited(): boolean {
    return this.#options.waiters.size > 0 || this.#awaitedElsewhere;
  }

  /** Rejects the waiters while the platform does not permit a round. */
  #rejectWhileHeld(): void {
    const { hold, waiters } = this.#options;
    const heldMs = hold.untilMs - this.#nowMs();
    if (heldMs <= 0 || !this.#isAwaited) return;
    this.#awaitedElsewhere = false;
    const error = new RateLimitedError({
      message: 'The platform asked the gateway to wait before it reads the state again.',
      retryAfterMs: Math.ceil(heldMs),
    });
    waiters.reject(error);
    void this.send({ kind: 'failed', failure: describeFailure(error), id: null });
  }

  /**
   * One step of a feed without subscribers.
   * @returns whether the feed stays ready
   */
  async #linger(election: LeaderElection): Promise<boolean> {
    const { isReady, lingerMs } = this.#options;
    this.#emptySinceMs ??= this.#nowMs();
    // A feed without a completed round has no state to offer.
    if (!(await isReady(election.term))) return false;
    const lease = this.#lease;
    if (lease !== null && (await this.#isWatchedElsewhere(election)))
      await this.#release(lease, 'subscribers on other replicas only');
    const leftMs = this.#emptySinceMs + lingerMs - this.#nowMs();
    if (leftMs <= 0) return false;
    await this.#pause(leftMs);
    return true;
  }

  /** Waits until this replica has the lease, or has no subscribers. */
  async #campaign(election: LeaderElection): Promise<void> {
    const candidacy = new AbortController();
    this.#candidacy = candidacy;
    try {
      const lease = await election.acquireLease(candidacy.signal);
      this.#lease = lease;
      this.#pace.takeOver();
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

  async #round(lease: Lease, election: LeaderElection): Promise<void> {
    const { poller, metrics, kind, waiters, letBegin } = this.#options;
    this.#pace.begin();
    // Requests of other replicas do not name the ids for which they wait.
    const awaitsAll = this.#awaitedElsewhere;
    this.#awaitedElsewhere = false;
    const waiting = waiters.members;
    const awaited = new Set(waiting.flatMap(({ ids }) => [...(ids ?? [])]));
    const outcome = await poller.round(lease, election, (id) => awaitsAll || awaited.has(id));
    metrics.roundEnded({ kind, outcome: outcome.kind });
    switch (outcome.kind) {
      case 'good':
        if (waiters.size > 0) await letBegin();
        this.#succeeded(outcome, waiting);
        return;
      case 'interrupted':
        this.#pace.interrupted(this.#nowMs());
        return;
      case 'lost':
        this.#drop(lease);
        return;
      case 'failed':
        await this.#failed(outcome, lease);
        return;
    }
  }

  #succeeded(
    { result, emitted, discover, running, ends, unsettled }: Good<Entity, Checkpoint>,
    waiting: readonly FeedMember<Reader>[],
  ): void {
    const { clock, logger, metrics, kind, waiters } = this.#options;
    this.#made += 1;
    this.#lastAt = clock.now();
    this.#attended();
    metrics.emitted({ kind, events: emitted });
    const changes = emitted.filter((event) => event !== 'STALE' && event !== 'RECOVERED').length;
    const limited = result.incomplete?.code === 'RATE_LIMITED';
    const retryAfterMs = result.incomplete?.retryAfterMs ?? null;
    for (const [id, error] of result.failed) {
      waiters.reject(error, ({ ids }) => ids?.has(id) === true);
      void this.send({ kind: 'failed', failure: describeFailure(error), id });
    }
    const vain = waiting.some((member) => waiters.has(member));
    const changed = changes > 0 || unsettled || vain;
    const next = this.#pace.ended(
      { failed: false, changed, running, ends, vain, limited, retryAfterMs },
      this.#nowMs(),
    );
    const summary = { ...this.#where(), ...result.calls, discover, changes, running, ...next };
    logger.debug({ ...summary, incomplete: result.incomplete?.code }, 'poll round');
    if (result.truncated) logger.warn(summary, 'the list is too long for one round, so some entities are not followed');
  }

  async #failed({ error, watchedElsewhere }: Failed<Entity, Checkpoint>, lease: Lease): Promise<void> {
    const { logger, waiters } = this.#options;
    const failure = describeFailure(error);
    const limited = failure?.code === 'RATE_LIMITED';
    const retryAfterMs = failure?.retryAfterMs ?? null;
    const round = { failed: true, changed: false, running: true, vain: false, limited, retryAfterMs };
    const next = this.#pace.ended(round, this.#nowMs());
    const { failures } = this.#pace;
    const refused = watchedElsewhere && isAuthRejection(error);
    // Failures of the platform are expected, and subscribers receive them. Any other failure is a defect of the
    // gateway.
    if (failure === null) logger.warn({ ...this.#where(), failures, err: error, ...next }, 'poll round failed');
    else logger.debug({ ...this.#where(), failures, code: failure.code, ...next }, 'poll round failed');
    // After the first rejection of all readers here, subscribers keep waiting, because readers of another replica may
    // be accepted.
    if (!refused || failures >= failuresUntilStale) {
      waiters.reject(error);
      void this.send({ kind: 'failed', failure, id: null });
    }
    if (failures >= failuresUntilStale) await this.#emitStale(lease);
    if (!refused || this.#lease !== lease) return;
    this.#yieldsUntilMs = this.#nowMs() + next.nextInMs;
    await this.#release(lease, 'credential rejected by the platform');
  }

  async #emitStale(lease: Lease): Promise<void> {
    const { poller, logger, metrics, kind, onUnattended } = this.#options;
    try {
      if (await poller.emitStale(lease)) metrics.emitted({ kind, events: ['STALE'] });
    } catch (err) {
      if (err instanceof LogFencedError) {
        this.#drop(lease);
        return;
      }
      // Subscribers of this replica receive STALE without the log.
      onUnattended(true);
      // The Redis connection logs once that it is unreachable.
      const isExpected = err instanceof LogConflictError || describeFailure(err) !== null;
      if (!isExpected) logger.warn({ ...this.#where(), err }, 'event log not written');
    }
  }

  /** Called when the log rejects writes under this lease, because another replica has a later one. */
  #drop(lease: Lease): void {
    this.#lost(lease);
    // Redis may still name this replica as the holder, if it lost the record of the later term.
    void lease.release();
  }

  async #release(lease: Lease, why: string): Promise<void> {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#leaseChanged('released', { term: lease.term, why });
    await lease.release();
  }

  #lost(lease: Lease): void {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#leaseChanged('lost', { term: lease.term });
    this.#options.poller.interrupt();
    this.#options.onHolder();
    this.wake();
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
        this.#attended();
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

  #attended(): void {
    this.#unattendedWait?.abort();
    this.#unattendedWait = null;
    this.#options.onUnattended(false);
  }

  async #isWatchedElsewhere(election: LeaderElection): Promise<boolean> {
    try {
      return (await election.otherScopes()) !== null;
    } catch (err) {
      this.#options.logger.debug({ ...this.#where(), err }, 'could not notify other replicas');
      return false;
    }
  }

  /** Publishes many changes of the members in one turn of the event loop at once. */
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

  /** Waits until the time has passed, or the loop is woken. */
  async #pause(ms: number): Promise<void> {
    if (this.#woken) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    try {
      await this.#options.clock.sleep(ms, sleep.signal);
    } catch (error) {
      if (!sleep.signal.aborted) throw error;
    } finally {
      this.#sleep = null;
    }
  }

  #where(): { readonly kind: string } & Tenant {
    return { kind: this.#options.kind, ...this.#options.tenant };
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
