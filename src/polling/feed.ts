import type { Tenant } from '../domain/tenant.ts';
import { ShuttingDownError } from '../errors.ts';
import type { EventLog } from '../events/log.ts';
import type { PollMetrics } from '../metrics/polling.ts';
import type { TenantRuns } from '../runs/run-statistics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Tracing } from '../tracing/trace.ts';
import { FailedElsewhereError } from './failure.ts';
import type { PlatformHold } from './holds.ts';
import { Lateness } from './lateness.ts';
import type { LeaderElections, PollMessage } from './leader/election.ts';
import { PollLoop } from './loop.ts';
import { type FeedMember, FeedMembers } from './members.ts';
import { PollRounds } from './round.ts';
import type { PollScheduleOptions } from './schedule.ts';
import type { FeedSource } from './sources/source.ts';
import { FeedState, type LoadedState } from './state.ts';
import { FeedWaiters } from './waiters.ts';

export interface FeedOptions<Entity extends object, Reader, Checkpoint> extends PollScheduleOptions {
  readonly tenant: Tenant;
  readonly source: FeedSource<Entity, Reader, Checkpoint>;
  readonly log: EventLog<Entity>;
  readonly elections: LeaderElections;
  readonly hold: PlatformHold;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: PollMetrics;
  /** Null: rounds are not traced. */
  readonly tracing: Tracing | null;
  /** The ended runs of the tenant; null: no end is expected. */
  readonly runs: TenantRuns | null;
  /**
   * Time for which a feed without subscribers stays ready, in milliseconds. It makes no rounds, because no subscriber
   * reads the result.
   */
  readonly lingerMs: number;
  /** Called when the linger time after the last subscriber is over. The feed can be joined again. */
  readonly onIdle: () => void;
}

/**
 * Interval in which this replica repeats its request for a round that one of its subscribers waits for, in
 * milliseconds.
 */
const repeatAwaitedMs = 2_000;

/**
 * One kind of entity of one tenant, for all subscribers of this replica. One of the replicas with subscribers polls the
 * platform and writes the log. Each replica serves its subscribers from the log.
 */
export class Feed<Entity extends object, Reader, Checkpoint> {
  readonly #options: FeedOptions<Entity, Reader, Checkpoint>;
  readonly #view: FeedState<Entity, Checkpoint>;
  readonly #poller: PollRounds<Entity, Reader, Checkpoint>;
  readonly #loop: PollLoop<Entity, Reader, Checkpoint>;
  readonly #members = new FeedMembers<Reader>();
  readonly #waiters = new FeedWaiters<Reader>();
  /** Number of the last round in the log when a member with named ids joined. */
  readonly #joinedAt = new Map<FeedMember<Reader>, number>();
  readonly #closed = new AbortController();
  /** Aborts the pause before the next request for a round. */
  #repeating: AbortController | null = null;

  constructor(options: FeedOptions<Entity, Reader, Checkpoint>) {
    const { source, log, clock, runs, pollMinMs, pollMaxMs } = options;
    const { lateness: rules, key, isTerminal } = source;
    const lateness =
      rules === undefined || runs === null
        ? null
        : new Lateness({ ...rules, runs: rules.runsOf(runs), key, isTerminal, clock, pollMinMs, pollMaxMs });
    this.#options = options;
    this.#view = new FeedState({ log, key: source.key }, () => this.#viewChanged());
    this.#poller = new PollRounds({ source, log, clock, lateness, view: this.#view, members: this.#members });
    this.#loop = new PollLoop({
      ...options,
      kind: source.kind,
      members: this.#members,
      waiters: this.#waiters,
      poller: this.#poller,
      isReady: (term) => this.#isReady(term),
      listener: {
        received: (message) => this.#received(message),
        unreachable: (error) => this.#waiters.reject(error),
      },
      letBegin: () => this.#letBegin(),
      onHolder: () => this.#viewChanged(),
      onUnattended: (unattended) => log.markUnattended(unattended),
    });
  }

  get log(): EventLog<Entity> {
    return this.#options.log;
  }

  get running(): boolean {
    return this.#loop.runs;
  }

  /** Whether this replica polls the platform for all replicas. */
  get polls(): boolean {
    return this.#loop.lease !== null;
  }

  get subscribers(): number {
    return this.#members.size;
  }

  /** Number of good rounds that this replica made. */
  get rounds(): number {
    return this.#loop.made;
  }

  /** End of the last good round that this replica made; null: it made none. */
  get lastRoundAt(): Date | null {
    return this.#loop.lastAt;
  }

  join(member: FeedMember<Reader>): void {
    this.#members.add(member);
    this.#loop.membersChanged();
  }

  /** Removes a member. Its own credential is not used afterwards, not even to finish a round in progress. */
  leave(member: FeedMember<Reader>): void {
    if (!this.#members.delete(member)) return;
    this.#waiters.delete(member);
    this.#joinedAt.delete(member);
    if (this.#waiters.size === 0) this.#repeating?.abort();
    // A round with the gateway's credential continues for the other members.
    if (member.credential !== null || this.#members.size === 0) this.#poller.interrupt(member);
    this.#loop.membersChanged();
  }

  /**
   * Resolves when the log has a state with which this member can begin. It never resolves when the member leaves first.
   * @returns the member's ids that the platform does not have
   * @throws {GatewayError} the round that should have read the state failed, or the platform requested a pause
   */
  async ready(member: FeedMember<Reader>): Promise<readonly string[]> {
    let view = await this.#view.load();
    const joinedAt = view.note?.round ?? 0;
    for (;;) {
      this.#closed.signal.throwIfAborted();
      const missing = this.#missingFor(member, joinedAt, view);
      if (missing !== null) return missing;
      if (this.#view.isCurrent(view)) break;
      view = await this.#view.load();
    }
    this.#joinedAt.set(member, joinedAt);
    try {
      await this.#wait(member);
    } finally {
      this.#joinedAt.delete(member);
      if (this.#waiters.size === 0) this.#repeating?.abort();
    }
    return this.#missingFor(member, joinedAt, await this.#view.load()) ?? [];
  }

  /**
   * Requests a round on the replica that polls: at once, or right after the round in progress. Does nothing when the
   * feed has no subscribers.
   */
  nudge(): void {
    if (this.#loop.lease === null) void this.#loop.send({ kind: 'nudge' });
    else this.#hurry();
  }

  /** Ends the rounds and the log. Resolves when nothing runs. */
  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort(new ShuttingDownError());
      this.#waiters.reject(this.#closed.signal.reason);
      this.#repeating?.abort();
    }
    await this.#loop.close();
    this.#view[Symbol.dispose]();
    await this.log[Symbol.asyncDispose]();
  }

  #wait(member: FeedMember<Reader>): Promise<void> {
    const waiting = this.#waiters.wait(member);
    if (!this.#members.has(member)) this.#waiters.delete(member);
    else if (this.#loop.lease === null) void this.#askForRound();
    this.#loop.wake();
    return waiting;
  }

  /** Requests a round from the replica that polls. The request is repeated, because a message may be lost. */
  async #askForRound(): Promise<void> {
    // The replica that polls must know the ids before it makes the round.
    await this.#loop.scopePublished;
    await this.#loop.send({ kind: 'awaited' });
    if (this.#repeating !== null) return;
    const repeating = new AbortController();
    this.#repeating = repeating;
    while (!repeating.signal.aborted && this.#waiters.size > 0 && this.#loop.lease === null) {
      await this.#options.clock.sleep(repeatAwaitedMs, repeating.signal).catch(() => undefined);
      if (!repeating.signal.aborted) await this.#loop.send({ kind: 'awaited' });
    }
    this.#repeating = null;
  }

  #hurry(): void {
    if (this.#members.size > 0) this.#loop.nudge();
  }

  #received(message: PollMessage): void {
    const { lease } = this.#loop;
    switch (message.kind) {
      case 'nudge':
        if (lease !== null) this.#hurry();
        return;
      case 'joined':
        this.#loop.wake();
        return;
      case 'awaited':
        if (lease !== null) this.#loop.awaitRound();
        return;
      case 'failed': {
        if (lease !== null) return;
        const { failure, id } = message;
        const error =
          failure === null ? new Error('The round of the polling replica failed.') : new FailedElsewhereError(failure);
        this.#waiters.reject(error, ({ ids }) => id === null || ids?.has(id) === true);
        return;
      }
    }
  }

  /** Called when the log was written or the lease holder changed. */
  #viewChanged(): void {
    if (this.#waiters.size > 0) void this.#letBegin();
  }

  async #letBegin(): Promise<void> {
    try {
      const view = await this.#view.load();
      this.#waiters.settle((member) => this.#missingFor(member, this.#joinedAt.get(member) ?? 0, view) !== null);
    } catch (error) {
      this.#waiters.reject(error);
    }
  }

  async #isReady(term: number | null): Promise<boolean> {
    try {
      const { note } = await this.#view.load();
      return note !== null && note.term === term;
    } catch {
      // The error that keeps the log from being read is reported to the subscribers that need the log.
      return false;
    }
  }

  /**
   * Returns the ids of a member that the platform does not have; null: the state is not sufficient for the member yet,
   * because no round of the current term has written it, an id has not been read since the member joined, or the
   * results that the member watches have not been read.
   */
  #missingFor(
    { ids, withResults = false }: FeedMember<Reader>,
    joinedAt: number,
    { note, known }: LoadedState<Entity, Checkpoint>,
  ): readonly string[] | null {
    if (note === null || note.term !== this.#loop.term) return null;
    const { results } = this.#options.source;
    const awaitsResults = withResults && results !== undefined && !note.results.failing;
    if (ids === null) return note.discovered && (!awaitsResults || note.results.everything) ? [] : null;
    // Rounds count from 1 again in a new log. All of them were made after the member joined.
    const since = note.round < joinedAt ? 0 : joinedAt;
    const missing: string[] = [];
    for (const id of ids) {
      const entity = note.unfollowed.has(id) ? undefined : known.get(id);
      if (entity !== undefined && awaitsResults && !results.isKnown(entity)) return null;
      if (entity !== undefined) continue;
      if ((note.missing.get(id) ?? 0) <= since) return null;
      missing.push(id);
    }
    return missing;
  }
}
