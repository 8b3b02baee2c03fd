import type { Tenant } from '../domain/tenant.ts';
import { type GatewayError, RateLimitedError } from '../errors.ts';
import { LogConflictError, LogFencedError } from '../events/log.ts';
import type { PollMetrics } from '../metrics/polling.ts';
import type { Clock } from '../runtime/clock.ts';
import { newRequestId, type RequestId } from '../runtime/request-id.ts';
import type { Tracing } from '../tracing/trace.ts';
import { describeFailure, isAuthRejection } from './failure.ts';
import { FeedElection, type FeedElectionOptions } from './feed-election.ts';
import type { PlatformHold } from './holds.ts';
import type { Lease, PollMessage } from './leader/election.ts';
import type { FeedMember, FeedMembers } from './members.ts';
import type { PollRounds, RoundOutcome } from './round.ts';
import { PollSchedule, type PollScheduleOptions } from './schedule.ts';
import type { FeedWaiters } from './waiters.ts';

export interface PollLoopOptions<Entity extends object, Reader, Checkpoint>
  extends PollScheduleOptions,
    FeedElectionOptions<Reader> {
  readonly members: Pick<FeedMembers<Reader>, 'scope' | 'size' | 'isRefused'>;
  readonly waiters: FeedWaiters<Reader>;
  readonly poller: PollRounds<Entity, Reader, Checkpoint>;
  readonly hold: PlatformHold;
  readonly clock: Clock;
  readonly metrics: PollMetrics;
  readonly tracing: Tracing | null;
  readonly lingerMs: number;
  /** Whether the log has a state of this term with which a new subscriber can begin. */
  readonly isReady: (term: number | null) => Promise<boolean>;
  /** Lets the waiters begin for which the log is sufficient. */
  readonly letBegin: () => Promise<void>;
  readonly onIdle: () => void;
}

/** Number of consecutive failed rounds after which subscribers receive STALE. */
const failuresUntilStale = 2;
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
  readonly #election: FeedElection<Reader>;
  #running: Promise<void> | null = null;
  /** Whether there were members at the last call of `membersChanged`. */
  #watched = false;
  /** Whether a subscriber of another replica cannot begin without a round. */
  #awaitedElsewhere = false;
  #sleep: AbortController | null = null;
  /** Whether `wake` was called since the current step began. */
  #woken = false;
  #emptySinceMs: number | null = null;
  /** Until this time the replica does not try to become the lease holder, in monotonic milliseconds. */
  #yieldsUntilMs = 0;
  /** Lease since which the hold of earlier lease holders is known. */
  #heldLease: Lease | null = null;
  #closed = false;
  #made = 0;
  #lastAt: Date | null = null;

  constructor(options: PollLoopOptions<Entity, Reader, Checkpoint>) {
    this.#options = options;
    this.#pace = new PollSchedule(options, options.hold);
    this.#election = new FeedElection(options, {
      gained: () => this.#pace.takeOver(),
      lost: () => {
        options.poller.interrupt();
        options.onHolder();
        this.wake();
      },
    });
  }

  get runs(): boolean {
    return this.#running !== null;
  }

  /** The lease under which this replica polls; null: another replica polls, or none. */
  get lease(): Lease | null {
    return this.#election.lease;
  }

  /** Term under which a replica polls; null: no replica does, or this replica does not know it. */
  get term(): number | null {
    return this.#election.term;
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
    return this.#election.scopePublished;
  }

  /** Starts or stops the loop as needed. Call it when members join or leave. */
  membersChanged(): void {
    if (this.#closed) return;
    const watched = this.#options.members.size > 0;
    if (!this.#election.joined && watched) this.#start();
    // Only the first and the last member change the next step. Other members do not wake the loop, because that would
    // cost time for each of them.
    else if (watched !== this.#watched) this.wake();
    this.#watched = watched;
    this.#election.publishScope();
  }

  /** Ends the current pause, so that the loop decides on its next step again. */
  wake(): void {
    this.#woken = true;
    this.#sleep?.abort();
    if (this.#closed || this.#options.members.size === 0) this.#election.endCampaign();
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
  send(message: PollMessage): Promise<void> {
    return this.#election.send(message);
  }

  /** Resolves when nothing runs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.poller.interrupt();
    this.wake();
    await this.#running;
    await this.#election.left();
  }

  #start(): void {
    this.#election.join();
    this.#pace.start();
    this.#running = this.#run();
    void this.send({ kind: 'joined' });
  }

  async #run(): Promise<void> {
    const { members, onIdle } = this.#options;
    while (!this.#closed) {
      this.#woken = false;
      if (members.size > 0) await this.#serve();
      else if (!(await this.#linger()) && members.size === 0) break;
    }
    this.#running = null;
    this.#election.leave();
    if (!this.#closed) onIdle();
  }

  /** One step of a feed with subscribers: a round, the pause before it, or the wait for the lease. */
  async #serve(): Promise<void> {
    this.#emptySinceMs = null;
    if (this.#election.lease !== null && this.#election.lease !== this.#heldLease) await this.#takeHold();
    if (this.#closed) return;
    const { lease } = this.#election;
    if (lease !== null) this.#rejectWhileHeld();
    const awaited = this.#isAwaited;
    const dueAtMs = lease === null ? this.#yieldsUntilMs : this.#pace.dueMs(awaited);
    const waitMs = dueAtMs - this.#nowMs();
    if (waitMs > 0) await this.#pause(waitMs);
    else if (lease === null) await this.#election.campaign();
    else await this.#round(lease);
  }

  get #isAwaited(): boolean {
    return this.#options.waiters.size > 0 || this.#awaitedElsewhere;
  }

  /** Takes over the pause that the platform requested from an earlier lease holder. */
  async #takeHold(): Promise<void> {
    this.#heldLease = this.#election.lease;
    await this.#options.hold.refresh();
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
  async #linger(): Promise<boolean> {
    const { isReady, lingerMs } = this.#options;
    this.#emptySinceMs ??= this.#nowMs();
    // A feed without a completed round has no state to offer.
    if (!(await isReady(this.#election.term))) return false;
    const { lease } = this.#election;
    if (lease !== null && (await this.#election.isWatchedElsewhere()))
      await this.#election.release(lease, 'subscribers on other replicas only');
    const leftMs = this.#emptySinceMs + lingerMs - this.#nowMs();
    if (leftMs <= 0) return false;
    await this.#pause(leftMs);
    return true;
  }

  async #round(lease: Lease): Promise<void> {
    const { poller, metrics, kind, waiters, letBegin, members, tracing } = this.#options;
    this.#pace.begin();
    const requestId = newRequestId();
    const span = tracing?.startRound({ kind, subscribers: members.size }) ?? null;
    // Requests of other replicas do not name the ids for which they wait.
    const awaitsAll = this.#awaitedElsewhere;
    this.#awaitedElsewhere = false;
    const waiting = waiters.members;
    const awaited = new Set(waiting.flatMap(({ ids }) => [...(ids ?? [])]));
    const outcome = await poller.round(lease, this.#election, (id) => awaitsAll || awaited.has(id), {
      requestId,
      trace: span,
    });
    span?.end(outcome.kind === 'failed' ? (describeFailure(outcome.error)?.code ?? 'unexpected') : null);
    metrics.roundEnded({ kind, outcome: outcome.kind });
    switch (outcome.kind) {
      case 'good':
        if (waiters.size > 0) await letBegin();
        this.#succeeded(outcome, waiting, requestId);
        return;
      case 'interrupted':
        this.#pace.interrupted(this.#nowMs());
        return;
      case 'lost':
        this.#election.drop(lease);
        return;
      case 'failed':
        await this.#failed(outcome, lease, requestId);
        return;
    }
  }

  #succeeded(
    { result, emitted, discover, running, ends, unsettled }: Good<Entity, Checkpoint>,
    waiting: readonly FeedMember<Reader>[],
    requestId: RequestId,
  ): void {
    const { clock, logger, metrics, kind, waiters, members } = this.#options;
    this.#made += 1;
    this.#lastAt = clock.now();
    this.#election.attended();
    metrics.emitted({ kind, events: emitted });
    const calls = Object.values(result.calls).reduce((sum, count) => sum + count, 0);
    metrics.roundServed({ kind, calls, subscribers: members.size });
    const changes = emitted.filter((event) => event !== 'STALE' && event !== 'RECOVERED').length;
    // Calls of a round run at the same time, so that its last failure may hide the one that requests a pause.
    const failures = [...(result.incomplete === null ? [] : [result.incomplete]), ...result.failed.values()];
    const limited = failures.some(({ code }) => code === 'RATE_LIMITED');
    const retryAfterMs = longestPauseMs(failures);
    for (const [id, error] of result.failed) {
      waiters.reject(error, ({ ids }) => ids?.has(id) === true);
      void this.send({ kind: 'failed', failure: describeFailure(error), id });
    }
    const vain = waiting.some((member) => waiters.has(member));
    const changed = changes > 0 || unsettled || vain;
    const round = { failed: false, changed, running, ends, vain, limited, retryAfterMs };
    const next = this.#pace.ended(round, this.#nowMs());
    const summary = { requestId, ...this.#where(), ...result.calls, discover, changes, running, ...next };
    logger.debug({ ...summary, incomplete: result.incomplete?.code }, 'poll round');
    if (result.truncated) logger.warn(summary, 'the list is too long for one round, so some entities are not followed');
  }

  async #failed(
    { error, watchedElsewhere }: Failed<Entity, Checkpoint>,
    lease: Lease,
    requestId: RequestId,
  ): Promise<void> {
    const { logger, waiters, members } = this.#options;
    const failure = describeFailure(error);
    const limited = failure?.code === 'RATE_LIMITED';
    const retryAfterMs = failure?.retryAfterMs ?? null;
    const rejected = isAuthRejection(error);
    const refused = watchedElsewhere && rejected;
    // After the first rejection of all readers here, subscribers keep waiting, because readers of another replica may
    // be accepted.
    if (!refused || this.#pace.failures + 1 >= failuresUntilStale) {
      // A rejection concerns only the subscribers with the rejected credentials.
      waiters.reject(error, (member) => !rejected || members.isRefused(member));
      if (!rejected) void this.send({ kind: 'failed', failure, id: null });
    }
    const vain = waiters.size > 0;
    const round = { failed: true, changed: false, running: true, vain, limited, retryAfterMs };
    const next = this.#pace.ended(round, this.#nowMs());
    const { failures } = this.#pace;
    // Failures of the platform are expected, and subscribers receive them. Any other failure is a defect of the
    // gateway.
    const line = { requestId, ...this.#where(), failures, ...next };
    if (failure === null) logger.warn({ ...line, err: error }, 'poll round failed');
    else {
      const platformRequestId = failure.upstream?.requestId ?? null;
      logger.debug({ ...line, platformRequestId, code: failure.code }, 'poll round failed');
    }
    if (failures >= failuresUntilStale) await this.#emitStale(lease, requestId);
    if (!refused || this.#election.lease !== lease) return;
    this.#yieldsUntilMs = this.#nowMs() + next.nextInMs;
    await this.#election.release(lease, 'credential rejected by the platform');
  }

  async #emitStale(lease: Lease, requestId: RequestId): Promise<void> {
    const { poller, logger, metrics, kind, onUnattended } = this.#options;
    try {
      if (await poller.emitStale(lease)) metrics.emitted({ kind, events: ['STALE'] });
    } catch (err) {
      if (err instanceof LogFencedError) {
        this.#election.drop(lease);
        return;
      }
      // Subscribers of this replica receive STALE without the log.
      onUnattended(true);
      // The Redis connection logs once that it is unreachable.
      const isExpected = err instanceof LogConflictError || describeFailure(err) !== null;
      if (!isExpected) logger.warn({ requestId, ...this.#where(), err }, 'event log not written');
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

/** The longest pause that failures request, in milliseconds; null: they request none. */
function longestPauseMs(failures: readonly Pick<GatewayError, 'retryAfterMs'>[]): number | null {
  return failures.reduce<number | null>(
    (longest, { retryAfterMs }) => (retryAfterMs === null ? longest : Math.max(longest ?? 0, retryAfterMs)),
    null,
  );
}
