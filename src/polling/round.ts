import { isDeepStrictEqual } from 'node:util';
import { maxEndedWithinSeconds } from '../domain/job.ts';
import { UpstreamTimeoutError } from '../errors.ts';
import { type EventLog, type FeedChange, LogConflictError, LogFencedError, type StaleSubject } from '../events/log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EndLimits } from './cadence.ts';
import { CallAllowance } from './call-allowance.ts';
import { diffSnapshots, isSameState } from './diff.ts';
import { isAuthRejection } from './failure.ts';
import { type Lateness, overdueChanges } from './lateness.ts';
import type { LeaderElection, Lease } from './leader/election.ts';
import { IdReadings } from './lookup.ts';
import type { FeedMember, FeedMembers } from './members.ts';
import { type ResultOutcome, ResultReadings } from './results.ts';
import { unionOf, type WatchScope } from './scope.ts';
import type { FeedSource, RoundRequest, RoundResult } from './sources/source.ts';
import type { FeedNote, FeedState, LoadedState } from './state.ts';

export interface PollRoundsOptions<Entity extends object, Reader, Checkpoint> {
  readonly source: FeedSource<Entity, Reader, Checkpoint>;
  readonly log: EventLog<Entity>;
  readonly view: FeedState<Entity, Checkpoint>;
  readonly members: FeedMembers<Reader>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'deadline'>;
  /** Null if the entities have no expected end. */
  readonly lateness: Lateness<Entity> | null;
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
      /** A followed entity was absent for the first time, so a second reading is needed soon. */
      readonly unsettled: boolean;
    }
  /** The owner of the reader left during the round, or the log was written in the meantime. The round is repeated. */
  | { readonly kind: 'interrupted' }
  /** The lease has passed to another replica, or is about to. Nothing was written. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'failed'; readonly error: unknown; readonly watchedElsewhere: boolean };

/** Maximum number of other readers that one round tries when the platform rejects a credential. */
const maxHandOversPerRound = 3;
/** Number of consecutive failed readings of an entity after which STALE is emitted. */
const failuresUntilStale = 2;
/** Pause after a truncated search before running entities are searched for again, in milliseconds. */
const rediscoverMs = 300_000;
/** Age at which a reported end time is no longer plausible when the gateway first sees the end, in milliseconds. */
const plausibleEndAgeMs = 60_000;

/** Maximum time for which changes of entities wait for the reading of results, in milliseconds. */
const longestResultsMs = 3_000;

/** Data of one round, and the conditions under which it was read. */
interface Reading<Entity, Checkpoint> {
  readonly result: RoundResult<Entity, Checkpoint>;
  readonly results: ResultOutcome<Entity>;
  readonly scope: WatchScope;
  readonly discover: boolean;
  readonly discovered: boolean;
  /** Name of the credential of the reader; null: the gateway's own. */
  readonly credential: string | null;
  readonly checkpoint: Checkpoint | null;
}

/** Difference between a reading and the log. */
interface Comparison<Entity> {
  readonly adopted: readonly Entity[];
  readonly changes: readonly FeedChange<Entity>[];
  readonly evicted: readonly string[];
  /** State after the changes. */
  readonly after: ReadonlyMap<string, Entity>;
  /** See FeedNote. */
  readonly missing: ReadonlyMap<string, number>;
  /** See RoundOutcome. */
  readonly unsettled: boolean;
}

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
  #rediscoverAtMs = Number.POSITIVE_INFINITY;
  readonly #ids = new IdReadings();
  readonly #allowance: CallAllowance;
  readonly #results: ResultReadings<Entity, Reader>;
  #inFlight: { readonly member: FeedMember<Reader>; readonly controller: AbortController } | null = null;

  constructor(options: PollRoundsOptions<Entity, Reader, Checkpoint>) {
    this.#options = options;
    this.#allowance = new CallAllowance(options.clock.monotonicMs());
    this.#results = new ResultReadings(options.source, options.members);
  }

  /**
   * Makes one round. Never throws.
   * @param isAwaited whether a subscriber waits for an id. If so, an id that was absent is read again without a
   *   pause.
   */
  async round(
    lease: Lease,
    election: LeaderElection,
    isAwaited: (id: string) => boolean,
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
      const discover = scope.everything && (!discovered || nowMs >= this.#rediscoverAtMs);
      const saved = this.#allowance.available(nowMs);
      // Absent entities without a waiting subscriber get half of the remaining calls.
      const sought = this.#sought(before, scope, isAwaited).slice(0, Math.floor(saved / 2));
      const unread = [...this.#unread(before, scope, isAwaited), ...sought];
      const allowance = saved - sought.length;
      const request = { known, scope, discover, checkpoint, unread, now: clock.now() };
      const read = await this.#read(lease, { ...request, allowance });
      if (read === null) return { kind: lease.lost.aborted ? 'lost' : 'interrupted' };
      const results = await this.#readResults(lease, { scope, known, endedSeen: note?.endedSeen, result: read.result });
      const calls = results.calls === 0 ? read.result.calls : { ...read.result.calls, results: results.calls };
      const { lateness, source } = this.#options;
      // A removed entity that reappears is not new.
      const hasAppeared = (entity: Entity) =>
        source.hasAppeared(entity, checkpoint) && note?.missing.has(source.key(entity)) !== true;
      const marked =
        lateness === null ? results.read : await lateness.carry({ read: results.read, known, hasAppeared });
      const result = { ...read.result, read: marked, calls };
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
    this.#rediscoverAtMs = Number.POSITIVE_INFINITY;
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
        const value = await work(member.reader, AbortSignal.any([controller.signal, deadline.signal]));
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
    if (result.truncated) this.#rediscoverAtMs = clock.monotonicMs() + (discover ? rediscoverMs : 0);
    else if (discover) this.#rediscoverAtMs = Number.POSITIVE_INFINITY;
    const { adopted, changes, evicted, after, missing, unsettled } = this.#compare(before, reading);
    const unfollowed = this.#unfollowed(before, reading, after);
    // An entity that cannot be read or is absent does not keep subscribers from beginning, because STALE or REMOVED
    // follows.
    const isComplete = [...unfollowed].every((id) => result.failed.has(id) || result.absent.includes(id));
    const note: FeedNote<Checkpoint> = {
      term,
      round: this.#round,
      discovered: scope.everything && (reading.discovered || (discover && isComplete)),
      missing,
      unfollowed,
      endedSeen: this.#endedSeen(before.note, changes),
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
    return { kind: 'good', result, emitted, discover, running: isRunning, ends, unsettled };
  }

  /** Known entities whose state may be old, because they were not read since their last watcher left. */
  #unfollowed(
    { note }: LoadedState<Entity, Checkpoint>,
    { result }: Reading<Entity, Checkpoint>,
    after: ReadonlyMap<string, Entity>,
  ): ReadonlySet<string> {
    const { key } = this.#options.source;
    const read = new Set(result.read.map((one) => key(one)));
    const stillOld = [...(note?.unfollowed ?? [])].filter((id) => !read.has(id) && after.has(id));
    return new Set([...stillOld, ...result.unfollowed]);
  }

  #compare(
    { known, stale, note }: LoadedState<Entity, Checkpoint>,
    { result, results, scope, discover, credential, checkpoint }: Reading<Entity, Checkpoint>,
  ): Comparison<Entity> {
    const { source, members, clock, lateness } = this.#options;
    const after = new Map(known);
    const adopted: Entity[] = [];
    // Entities that subscribers have named since the round began must not be evicted.
    const { ids: present } = members.scope;
    const named = (id: string) => scope.ids.has(id) || present.has(id);
    const evicted = new Set(result.evicted.filter((id) => !named(id)));
    // A removed entity may reappear, so it is read a few more times, even if only the list is watched.
    const isSought = (id: string) => named(id) || (scope.everything && this.#ids.isSought(id));
    const missing = new Map([...(note?.missing ?? [])].filter(([id]) => isSought(id)));
    const hasReturned = (id: string) => note?.missing.has(id) === true;
    for (const entity of result.read) {
      const key = source.key(entity);
      this.#ids.found(key);
      missing.delete(key);
      const previous = known.get(key);
      if (previous === undefined) {
        const isNew = source.hasAppeared(entity, checkpoint) || hasReturned(key);
        // Every running entity within reach was followed, so this one has just come within reach.
        const { searchFindsAll = true } = source;
        const wasUnseen = searchFindsAll && note?.discovered === true && scope.everything && !source.isTerminal(entity);
        if (!isNew && !wasUnseen) {
          if (evicted.has(key)) continue;
          adopted.push(entity);
        }
      } else if (!this.#isNews(previous, entity)) continue;
      after.set(key, entity);
    }
    for (const entity of results.updated) if (after.has(source.key(entity))) after.set(source.key(entity), entity);
    let unsettled = false;
    for (const id of result.absent) {
      const confirmedBy = this.#ids.absent(id, credential, clock.monotonicMs());
      // The platform may hide an entity from one credential, so another one has to confirm that it is gone.
      if (known.has(id) && (!confirmedBy.has(credential) || members.handOver(confirmedBy))) {
        unsettled = true;
        // The known state is old, so subscribers must not begin with it.
        if (note?.unfollowed.has(id)) missing.set(id, this.#round);
        continue;
      }
      after.delete(id);
      if (isSought(id)) missing.set(id, this.#round);
    }
    const isFollowed = (id: string) => after.has(id) && !evicted.has(id);
    const overdue = new Map([...(lateness?.overdue(result.read, after) ?? [])].filter(([id]) => isFollowed(id)));
    // An entity that was overdue before it was followed becomes overdue without an event, because a feed that begins
    // again would otherwise repeat it. So does a removed entity that reappears.
    const isOld = new Set([...adopted.map((one) => source.key(one)), ...[...overdue.keys()].filter(hasReturned)]);
    for (const [id, entity] of overdue) {
      if (!isOld.has(id)) continue;
      after.set(id, entity);
      overdue.delete(id);
    }
    const base = new Map([
      ...known,
      ...adopted.map((one) => [source.key(one), after.get(source.key(one)) ?? one] as const),
    ]);
    const changes = [
      ...this.#recovered(stale, isFollowed, { result, results, discover }),
      ...diffSnapshots(base, after),
      ...overdueChanges(overdue, after),
      ...this.#stale(stale, (id) => known.has(id) && isFollowed(id), { result, results, scope }),
    ];
    for (const [id, entity] of overdue) after.set(id, entity);
    const changed = new Set(changes.flatMap((change) => ('entity' in change ? [source.key(change.entity)] : [])));
    const dropped = [...evicted].filter((id) => known.has(id) || changed.has(id));
    this.#ids.keep((id) => after.has(id) || named(id) || missing.has(id));
    return {
      adopted: adopted.map((one) => after.get(source.key(one)) ?? one),
      changes,
      evicted: dropped,
      after,
      missing,
      unsettled,
    };
  }

  #isNews(previous: Entity, entity: Entity): boolean {
    return !isSameState(previous, entity) && this.#options.source.mayFollow(previous, entity);
  }

  #recovered(
    stale: LoadedState<Entity, Checkpoint>['stale'],
    isFollowed: (id: string) => boolean,
    { result, results, discover }: Pick<Reading<Entity, Checkpoint>, 'result' | 'results' | 'discover'>,
  ): readonly FeedChange<Entity>[] {
    if (stale.size === 0) return [];
    const { key } = this.#options.source;
    const read = new Set(result.read.map((one) => key(one)));
    const isOver = (subject: string) => {
      if (subject === 'feed') return true;
      if (subject === 'list') return discover && !result.truncated;
      if (subject === 'results') return results.failures === 0;
      const id = subject.slice(entityPrefix.length);
      return subject.startsWith(entityPrefix) && (read.has(id) || !isFollowed(id));
    };
    return [...stale].flatMap((subject) =>
      subject !== 'local' && isOver(subject) ? [{ kind: 'RECOVERED' as const, subject }] : [],
    );
  }

  #stale(
    stale: LoadedState<Entity, Checkpoint>['stale'],
    isFollowed: (id: string) => boolean,
    { result, results, scope }: Pick<Reading<Entity, Checkpoint>, 'result' | 'results' | 'scope'>,
  ): readonly FeedChange<Entity>[] {
    const subjects: StaleSubject[] = result.truncated && scope.everything ? ['list'] : [];
    if (results.failures >= failuresUntilStale) subjects.push('results');
    for (const id of result.failed.keys()) {
      if (this.#ids.failed(id) >= failuresUntilStale && isFollowed(id)) subjects.push(`${entityPrefix}${id}`);
    }
    return subjects.filter((subject) => !stale.has(subject)).map((subject) => ({ kind: 'STALE', subject }));
  }

  #endedSeen(before: FeedNote<Checkpoint> | null, changes: readonly FeedChange<Entity>[]): ReadonlyMap<string, number> {
    const { source, clock } = this.#options;
    const nowMs = clock.now().getTime();
    const kept = [...(before?.endedSeen ?? [])].filter(([, ms]) => nowMs - ms < maxEndedWithinSeconds * 1_000);
    const seen = new Map(kept);
    for (const change of changes) {
      if (change.kind !== 'CHANGED' || !source.isTerminal(change.entity) || source.isTerminal(change.previous))
        continue;
      const endMs = source.endedAt(change.entity)?.getTime() ?? 0;
      if (nowMs - endMs > plausibleEndAgeMs) seen.set(source.key(change.entity), nowMs);
    }
    return seen;
  }
}

const entityPrefix = 'entity:';

/** Whether the note in the log is sufficient for the next lease holder and for waiting subscribers. */
function isSameNote<Checkpoint>(before: FeedNote<Checkpoint> | null, note: FeedNote<Checkpoint>): boolean {
  return isDeepStrictEqual({ ...before, round: 0, endedSeen: null }, { ...note, round: 0, endedSeen: null });
}
