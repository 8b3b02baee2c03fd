import { maxEndedWithinSeconds } from '../domain/job.ts';
import type { FeedChange, StaleSubject } from '../events/log.ts';
import type { Clock } from '../runtime/clock.ts';
import { diffSnapshots, isSameState } from './diff.ts';
import { isAuthRejection } from './failure.ts';
import { type Lateness, overdueChanges } from './lateness.ts';
import type { IdReadings } from './lookup.ts';
import type { FeedMembers } from './members.ts';
import type { ResultOutcome } from './results.ts';
import type { WatchScope } from './scope.ts';
import type { FeedSource, RoundResult } from './sources/source.ts';
import type { FeedNote, LoadedState } from './state.ts';

/** Number of consecutive failed readings of an entity after which STALE is emitted. */
const failuresUntilStale = 2;
/** Age at which a reported end time is no longer plausible when the gateway first sees the end, in milliseconds. */
const plausibleEndAgeMs = 60_000;

export interface ComparisonOptions<Entity extends object, Reader, Checkpoint> {
  readonly source: FeedSource<Entity, Reader, Checkpoint>;
  readonly members: FeedMembers<Reader>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** Null if the entities have no expected end. */
  readonly lateness: Lateness<Entity> | null;
}

/** Data of one round, and the conditions under which it was read. */
export interface Reading<Entity, Checkpoint> {
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
export interface Comparison<Entity> {
  readonly adopted: readonly Entity[];
  readonly changes: readonly FeedChange<Entity>[];
  readonly evicted: readonly string[];
  /** State after the changes. */
  readonly after: ReadonlyMap<string, Entity>;
  /** See FeedNote. */
  readonly missing: ReadonlyMap<string, number>;
  /** See FeedNote. */
  readonly unfollowed: ReadonlySet<string>;
  /** See FeedNote. */
  readonly endedSeen: ReadonlyMap<string, number>;
  /** Ids that the credential of the round could not read, so that another credential reads them next. */
  readonly deferred: ReadonlySet<string>;
  /** See RoundOutcome. */
  readonly unsettled: boolean;
}

const entityPrefix = 'entity:';

/** Compares the readings of a feed with its log. */
export class ReadingComparer<Entity extends object, Reader, Checkpoint> {
  readonly #options: ComparisonOptions<Entity, Reader, Checkpoint>;
  readonly #ids: IdReadings;

  /** @param ids records the ids that were found, absent or not readable */
  constructor(options: ComparisonOptions<Entity, Reader, Checkpoint>, ids: IdReadings) {
    this.#options = options;
    this.#ids = ids;
  }

  /**
   * Compares a reading with the log over which it is written.
   * @param round number of the round
   */
  compare(
    before: LoadedState<Entity, Checkpoint>,
    reading: Reading<Entity, Checkpoint>,
    round: number,
  ): Comparison<Entity> {
    const { known, stale, note } = before;
    const { result, results, scope, discover, credential, checkpoint } = reading;
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
    const deferred = new Set<string>();
    for (const [id, error] of result.failed) {
      if (!isAuthRejection(error)) continue;
      this.#ids.rejected(id, credential);
      if (this.#defers(id)) deferred.add(id);
    }
    let unsettled = false;
    for (const id of result.absent) {
      const confirmedBy = this.#ids.absent(id, credential, clock.monotonicMs());
      // No subscriber has begun with the state of this entity.
      const isUnread = !known.has(id) || note?.unfollowed.has(id) === true;
      if (isUnread && this.#defers(id)) {
        deferred.add(id);
        continue;
      }
      // The platform may hide an entity from one credential, so another one has to confirm that it is gone.
      if (known.has(id) && (!confirmedBy.has(credential) || members.handOver(confirmedBy))) {
        unsettled = true;
        // The known state is old, so subscribers must not begin with it.
        if (note?.unfollowed.has(id)) missing.set(id, round);
        continue;
      }
      after.delete(id);
      if (isSought(id)) missing.set(id, round);
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
      ...this.#stale(stale, (id) => known.has(id) && isFollowed(id) && !deferred.has(id), { result, results, scope }),
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
      unfollowed: this.#unfollowed(before, reading, after),
      endedSeen: this.#endedSeen(note, changes),
      deferred,
      unsettled: unsettled || deferred.size > 0,
    };
  }

  /**
   * Lets another subscriber that names the entity poll next, because each of them has read it with its own credential.
   * @returns false when the credentials of all of them were tried
   */
  #defers(id: string): boolean {
    return this.#options.members.handOver(this.#ids.unreadableBy(id), id);
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
