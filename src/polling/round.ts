import { isDeepStrictEqual } from 'node:util';
import { UpstreamTimeoutError } from '../errors.ts';
import { type EventLog, type FeedChange, LogConflictError, LogFencedError } from '../events/log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EndLimits } from './cadence.ts';
import { CallAllowance } from './call-allowance.ts';
import { type ComparisonOptions, type Reading, ReadingComparer } from './comparison.ts';
import { isAuthRejection } from './failure.ts';
import type { LeaderElection, Lease } from './leader/election.ts';
import { IdReadings } from './lookup.ts';
import type { FeedMember } from './members.ts';
import { OlderReadings } from './older-readings.ts';
import { type ResultOutcome, ResultReadings } from './results.ts';
import { unionOf, type WatchScope } from './scope.ts';
import { SearchSchedule } from './search-schedule.ts';
import type { RoundOrigin, RoundRequest, RoundResult } from './sources/source.ts';
import type { FeedNote, FeedState, LoadedState } from './state.ts';

export interface PollRoundsOptions<Entity extends object, Reader, Checkpoint>
  extends ComparisonOptions<Entity, Reader, Checkpoint> {
  readonly log: EventLog<Entity>;
  readonly view: FeedState<Entity, Checkpoint>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'deadline'>;
}

/** Outcome of a round. */
export type RoundOutcome<Entity, Checkpoint> =
  | {
      readonly kind: 'good';
      readonly result: RoundResult<Entity, Checkpoint>;
      readonly emitted: readonly FeedChange<Entity>['kind'][];
      readonly discover: boolean;
      /** A watched entity runs, or watched results of an ended one are awaited. */
      readonly running: boolean;
      /** Limits of the next pause that follow from the expected ends; null: there are none. */
      readonly ends: EndLimits | null;
      /** An entity was absent for the first time or with one credential, so a second reading is needed soon. */
      readonly unsettled: boolean;
    }
  /** The owner of the reader left during the round, or the log was written in the meantime. The round is repeated. */
  | { readonly kind: 'interrupted' }
  /** The lease has passed to another replica, or is about to. Nothing was written. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'failed'; readonly error: unknown; readonly watchedElsewhere: boolean };

/** Maximum number of other readers that one round tries when the platform rejects a credential. */
const maxHandOversPerRound = 3;
/** Maximum time for which changes of entities wait for the reading of results, in milliseconds. */
const longestResultsMs = 3_000;

/**
 * Makes the rounds of a feed while this replica holds its lease. A round reads the platform, compares the result with
 * the log, and writes the difference. The log has no other writer.
 *
 * A reading begins at the cursor over which it is written. It is therefore newer than the state with which it is
 * compared, regardless of any clock.
 */
export class PollRounds<Entity extends object, Reader, Checkpoint> {
  readonly #options: PollRoundsOptions<Entity, Reader, Checkpoint>;
  /** Term of the lease under which this replica last wrote. */
  #term: number | null = null;
  /** `checkpoint` of the last good round under this term. */
  #checkpoint: Checkpoint | null = null;
  #round = 0;
  readonly #searches = new SearchSchedule();
  readonly #ids = new IdReadings();
  readonly #comparer: ReadingComparer<Entity, Reader, Checkpoint>;
  readonly #allowance: CallAllowance;
  readonly #results: ResultReadings<Entity, Reader>;
  readonly #older: OlderReadings<Entity>;
  #inFlight: { readonly member: FeedMember<Reader>; readonly controller: AbortController } | null = null;

  constructor(options: PollRoundsOptions<Entity, Reader, Checkpoint>) {
    this.#options = options;
    this.#comparer = new ReadingComparer(options, this.#ids);
    this.#allowance = new CallAllowance(options.clock.monotonicMs());
    this.#results = new ResultReadings(options.source, options.members);
    this.#older = new OlderReadings(options);
  }

  /**
   * Makes one round. Never throws.
   * @param isAwaited whether a subscriber waits for an id. If so, an id that was absent is read again without a
   *   pause.
   * @param origin of the calls
   */
  async round(
    lease: Lease,
    election: Pick<LeaderElection, 'otherScopes'>,
    isAwaited: (id: string) => boolean,
    origin: RoundOrigin = {},
  ): Promise<RoundOutcome<Entity, Checkpoint>> {
    const { view, members, clock } = this.#options;
    let watchedElsewhere = false;
    try {
      const others = await election.otherScopes();
      watchedElsewhere = others !== null;
      const scope = unionOf([members.scope, others]) ?? members.scope;
      if (this.#term !== lease.term) await this.#takeOver(lease);
      const before = await view.load();
      const { known, note } = before;
      if (before.cursor === null) this.#reset();
      const nowMs = clock.monotonicMs();
      const checkpoint = this.#checkpoint ?? note?.checkpoint ?? null;
      const discovered = note?.term === lease.term && note.discovered;
      const discover = scope.everything && (!discovered || this.#searches.isDue(nowMs));
      const saved = this.#allowance.available(nowMs);
      // Absent entities without a waiting subscriber get half of the remaining calls.
      const sought = this.#sought(before, scope, isAwaited).slice(0, Math.floor(saved / 2));
      const unread = [...this.#unread(before, scope, isAwaited), ...sought];
      const allowance = saved - sought.length;
      const request = { known, scope, discover, checkpoint, unread, now: clock.now(), ...origin };
      const read = await this.#read(lease, { ...request, allowance });
      if (read === null) return { kind: lease.lost.aborted ? 'lost' : 'interrupted' };
      const current = { ...read.result, read: this.#older.replaced(read.result.read, known) };
      const endedSeen = note?.endedSeen;
      const results = await this.#readResults(lease, { scope, known, endedSeen, result: current }, origin);
      const calls = results.calls === 0 ? current.calls : { ...current.calls, results: results.calls };
      const { lateness, source } = this.#options;
      // A removed entity that reappears is not new.
      const hasAppeared = (entity: Entity) =>
        source.hasAppeared(entity, checkpoint) && note?.missing.has(source.key(entity)) !== true;
      const marked =
        lateness === null ? results.read : await lateness.carry({ read: results.read, known, hasAppeared });
      const result = { ...current, read: marked, calls };
      return await this.#apply(lease, before, { ...read, result, results, scope, discover, discovered, checkpoint });
    } catch (error) {
      if (lease.lost.aborted || error instanceof LogFencedError) return { kind: 'lost' };
      if (error instanceof LogConflictError) return { kind: 'interrupted' };
      return { kind: 'failed', error, watchedElsewhere };
    }
  }

  /** Aborts the round if it uses this member's reader; without a member, any round. */
  interrupt(member: FeedMember<Reader> | null = null): void {
    if (member === null || this.#inFlight?.member === member) this.#inFlight?.controller.abort();
  }

  /**
   * Emits STALE for the feed, unless it was emitted before or there is no state.
   * @returns whether STALE was emitted
   * @throws {LogFencedError} the lease has passed to another replica
   * @throws {LogConflictError} the log was written in the meantime
   */
  async emitStale({ term }: Lease): Promise<boolean> {
    const { log, view, clock } = this.#options;
    const { cursor, note, stale } = await view.load();
    if (note === null || stale.has('feed')) return false;
    const changes = [{ kind: 'STALE', subject: 'feed' }] as const;
    await log.write({ changes }, { observedAt: clock.now(), term, expectedCursor: cursor });
    return true;
  }

  /**
   * Makes an empty write with the new term. Once it is visible here, all earlier writes are too, and the log rejects
   * late writes of the previous lease holder.
   */
  async #takeOver({ term }: Lease): Promise<void> {
    const { log, view, clock } = this.#options;
    const { cursor, note } = await view.load();
    if (cursor !== null) await log.write({}, { observedAt: clock.now(), term, expectedCursor: cursor });
    this.#reset();
    this.#term = term;
    this.#round = Math.max(this.#round, note?.round ?? 0);
  }

  /**
   * Clears the checkpoint of this replica, because it belongs to a log that another replica has written, or that is
   * gone.
   */
  #reset(): void {
    this.#checkpoint = null;
    this.#searches.reset();
    this.#ids.clear();
  }

  /** See RoundRequest. */
  #unread(
    { known, note }: LoadedState<Entity, Checkpoint>,
    scope: WatchScope,
    isAwaited: (id: string) => boolean,
  ): string[] {
    const named = [...scope.ids].filter((id) => !known.has(id) && (isAwaited(id) || !this.#ids.wasAbsent(id)));
    const old = [...(note?.unfollowed ?? [])].filter((id) => scope.everything || scope.ids.has(id));
    // Oldest readings come first, because a source may read only the first ids of many, and ids that it cannot find
    // must not block the others.
    return this.#ids.oldestFirst([...named, ...old]);
  }

  /** Named ids that were absent, and one removed entity that only watchers of the list could see again. */
  #sought(
    { known, note }: LoadedState<Entity, Checkpoint>,
    { ids }: WatchScope,
    isAwaited: (id: string) => boolean,
  ): readonly string[] {
    const nowMs = this.#options.clock.monotonicMs();
    const isDue = (id: string) => !known.has(id) && this.#ids.isDue(id, nowMs);
    const named = [...ids].filter((id) => this.#ids.wasAbsent(id) && !isAwaited(id) && isDue(id));
    const removed = [...(note?.missing.keys() ?? [])].find((id) => !ids.has(id) && isDue(id));
    return [...this.#ids.oldestFirst(named), ...(removed === undefined ? [] : [removed])];
  }

  /** @returns null when the owner of the reader left during the round, or the lease was lost */
  async #read(
    { lost }: Lease,
    request: Omit<RoundRequest<Entity, Checkpoint>, 'signal'>,
  ): Promise<Pick<Reading<Entity, Checkpoint>, 'result' | 'credential'> | null> {
    const { source, members } = this.#options;
    for (let handOvers = 0; ; handOvers += 1) {
      const member = members.poller();
      if (member === null || lost.aborted) return null;
      const controller = new AbortController();
      const { signal } = controller;
      this.#inFlight = { member, controller };
      try {
        const result = await source.read(member.reader, { ...request, signal });
        this.#allowance.spend(Object.values(result.calls).reduce((sum, calls) => sum + calls, 0));
        return signal.aborted ? null : { result, credential: member.credential };
      } catch (error) {
        if (signal.aborted) return null;
        if (!isAuthRejection(error)) throw error;
        member.onRefused();
        if (!members.refuse(member) || handOvers === maxHandOversPerRound) throw error;
      } finally {
        this.#inFlight = null;
      }
    }
  }

  async #readResults(
    { lost }: Lease,
    round: {
      readonly scope: WatchScope;
      readonly known: ReadonlyMap<string, Entity>;
      readonly endedSeen: ReadonlyMap<string, number> | undefined;
      readonly result: RoundResult<Entity, Checkpoint>;
    },
    origin: RoundOrigin,
  ): Promise<ResultOutcome<Entity>> {
    const { clock } = this.#options;
    const { scope, known, endedSeen = new Map(), result } = round;
    const { read, absent } = result;
    const request = { scope, known, endedSeen, read, absent, now: clock.now(), nowMs: clock.monotonicMs() };
    const results = await this.#results.round(request, async (member, work) => {
      if (lost.aborted) return null;
      const controller = new AbortController();
      using deadline = clock.deadline(longestResultsMs);
      this.#inFlight = { member, controller };
      try {
        const signal = AbortSignal.any([controller.signal, deadline.signal]);
        const value = await work(member.reader, { ...origin, signal });
        return controller.signal.aborted ? null : value;
      } catch (error) {
        if (controller.signal.aborted) return null;
        if (!deadline.signal.aborted) throw error;
        throw new UpstreamTimeoutError({ message: 'The platform did not respond in time.', cause: error });
      } finally {
        this.#inFlight = null;
      }
    });
    this.#allowance.spend(results.calls);
    return results;
  }

  async #apply(
    { term }: Lease,
    before: LoadedState<Entity, Checkpoint>,
    reading: Reading<Entity, Checkpoint>,
  ): Promise<RoundOutcome<Entity, Checkpoint>> {
    const { log, source, clock } = this.#options;
    const { result, results, scope, discover } = reading;
    this.#round += 1;
    this.#searches.ended(result, { searched: discover, nowMs: clock.monotonicMs() });
    const comparison = this.#comparer.compare(before, reading, this.#round);
    const { adopted, changes, evicted, after, missing, unfollowed, endedSeen, deferred, unsettled } = comparison;
    // An entity that cannot be read or is absent does not keep subscribers from beginning, because STALE or REMOVED
    // follows.
    const isComplete = [...unfollowed].every((id) => result.failed.has(id) || result.absent.includes(id));
    const note: FeedNote<Checkpoint> = {
      term,
      round: this.#round,
      discovered: scope.everything && (reading.discovered || (discover && isComplete)),
      missing,
      unfollowed,
      endedSeen,
      results: { everything: results.everything, failing: results.failures > 0 },
      checkpoint: source.lasting(result.checkpoint),
    };
    // A quiet round writes nothing, so that idle feeds cost Redis nothing.
    const isQuiet = [adopted, changes, evicted].every((part) => part.length === 0) && isSameNote(before.note, note);
    if (!isQuiet) {
      const options = { observedAt: clock.now(), term, expectedCursor: before.cursor };
      await log.write({ adopted, changes, evicted, note }, options);
    }
    this.#checkpoint = result.checkpoint;
    const emitted = changes.map(({ kind }) => kind);
    const running = [...after]
      .filter(([id, one]) => (scope.everything || scope.ids.has(id)) && !source.isTerminal(one))
      .map(([, one]) => one);
    // Results may change at any time.
    const findsNew = scope.everything || scope.results !== undefined;
    const ends = this.#options.lateness?.limits(running, findsNew) ?? null;
    const isRunning = running.length > 0 || results.awaits;
    const failed = new Map([...result.failed].filter(([id]) => !deferred.has(id)));
    return { kind: 'good', result: { ...result, failed }, emitted, discover, running: isRunning, ends, unsettled };
  }
}

/** Whether the note in the log is sufficient for the next lease holder and for waiting subscribers. */
function isSameNote<Checkpoint>(before: FeedNote<Checkpoint> | null, note: FeedNote<Checkpoint>): boolean {
  return isDeepStrictEqual({ ...before, round: 0, endedSeen: null }, { ...note, round: 0, endedSeen: null });
}
