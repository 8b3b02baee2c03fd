import { GatewayError } from '../errors.ts';
import type { FeedMember, FeedMembers } from './feed-members.ts';
import type { FeedSource, Observed, ResultSource } from './feed-source.ts';
import { isRefusal } from './refusal.ts';
import { isWatched, type WatchScope } from './watch-scope.ts';

/** Results are awaited for this long after the end of their entity, in milliseconds. */
const longestWaitMs = 15 * 60_000;
/** Results that one round reads at most, and that one call reads. */
const maxPerRound = 300;
const perCall = 100;
/** Other readers that one round tries when the platform rejects a credential. */
const maxHandOvers = 3;
/** Pause after a failed reading, in milliseconds; it doubles with each failure up to the maximum. */
const firstPauseMs = 2_000;
const longestPauseMs = 30_000;

export interface ResultRequest<Entity> {
  readonly scope: WatchScope;
  readonly known: ReadonlyMap<string, Entity>;
  /** Read in this round, in the order of their CREATED events. */
  readonly read: readonly Entity[];
  readonly absent: readonly string[];
  /** When the gateway saw an entity end (wall time, ms). */
  readonly endedSeen: ReadonlyMap<string, number>;
  readonly now: Date;
  readonly nowMs: number;
}

export interface ResultOutcome<Entity> {
  /** The entities that were read in the round, with their results. */
  readonly read: readonly Entity[];
  /** The known entities that were not read in the round, and whose results were. */
  readonly updated: readonly Entity[];
  /** Readings of results in a row that have failed. */
  readonly failures: number;
  /** Whether the results of ended entities are awaited. */
  readonly awaits: boolean;
  /** Whether the round covered the results of the whole sandbox. */
  readonly everything: boolean;
  readonly calls: number;
}

/** Calls with the reader of one member; null: it left meanwhile, or the lease was lost. */
export type Attempt<Reader> = <Value>(
  member: FeedMember<Reader>,
  work: (reader: Reader, signal: AbortSignal) => Promise<Value>,
) => Promise<Value | null>;

interface Awaited<Entity> {
  readonly id: string;
  readonly entity: Entity;
  readonly ids: readonly string[];
  readonly hasEnded: boolean;
  /** It has been awaited long enough: this round is the last one that reads it. */
  readonly isOverdue: boolean;
}

type Source<Entity extends Observed, Reader> = Pick<
  FeedSource<Entity, Reader, unknown>,
  'key' | 'isTerminal' | 'mayFollow' | 'endedAt' | 'results'
>;

/** Reads, in the rounds of a feed, the results that its subscribers watch. */
export class ResultReadings<Entity extends Observed, Reader> {
  readonly #source: Source<Entity, Reader>;
  readonly #members: Pick<FeedMembers<Reader>, 'resultReaders' | 'has'>;
  /** Credentials, as members name them, that may not read results. */
  #refused = new Set<string | null>();
  #failures = 0;
  #notBeforeMs = 0;
  /** Number of the reading, and the reading in which each awaited result was last read. */
  #reading = 0;
  #readAt = new Map<string, number>();

  constructor(source: Source<Entity, Reader>, members: Pick<FeedMembers<Reader>, 'resultReaders' | 'has'>) {
    this.#source = source;
    this.#members = members;
  }

  /** @throws what is no GatewayError */
  async round(request: ResultRequest<Entity>, attempt: Attempt<Reader>): Promise<ResultOutcome<Entity>> {
    const { results, key } = this.#source;
    const { scope, known, nowMs } = request;
    if (results === undefined) return { ...nothingRead, read: request.read };
    const read = request.read.map((entity) => {
      const previous = known.get(key(entity));
      return previous === undefined ? entity : results.carry(previous, entity);
    });
    if (scope.results === undefined) {
      this.#forgive();
      return { ...nothingRead, read };
    }
    const { settled, awaited } = this.#sort(request, read);
    const outcome = await this.#read(results, awaited, nowMs, attempt);
    const changed = new Map([...settled, ...outcome.changed]);
    for (const { id, entity, isOverdue } of awaited) {
      if (isOverdue && outcome.isMade) changed.set(id, results.settle(changed.get(id) ?? entity));
    }
    const inRound = new Set(read.map((entity) => key(entity)));
    return {
      read: read.map((entity) => changed.get(key(entity)) ?? entity),
      updated: [...changed].filter(([id]) => !inRound.has(id)).map(([, entity]) => entity),
      failures: this.#failures,
      awaits: awaited.some(({ id, entity, hasEnded }) => hasEnded && !results.isSettled(changed.get(id) ?? entity)),
      everything: scope.results.everything && outcome.isMade,
      calls: outcome.calls,
    };
  }

  /** What is awaited, and what is not awaited any longer. */
  #sort(
    request: ResultRequest<Entity>,
    read: readonly Entity[],
  ): { readonly settled: ReadonlyMap<string, Entity>; readonly awaited: readonly Awaited<Entity>[] } {
    const { results, isTerminal } = this.#source;
    const watched = request.scope.results;
    const settled = new Map<string, Entity>();
    const awaited: Awaited<Entity>[] = [];
    for (const [id, entity] of this.#stateAfter(request, read)) {
      if (results === undefined || !isWatched(id, watched) || results.isSettled(entity)) continue;
      const ids = results.awaited(entity);
      const hasEnded = isTerminal(entity);
      const isOverdue = hasEnded && this.#isOverdue(id, entity, request);
      // The last change of what was followed may have been missed, as in an outage.
      const isRead = ids.length > 0 && (!isOverdue || results.isKnown(entity));
      if (!hasEnded || isRead) {
        awaited.push({ id, entity, ids, hasEnded, isOverdue });
      } else if (watched?.ids.has(id) === true || results.isKnown(entity)) {
        settled.set(id, results.settle(entity));
      }
    }
    return { settled, awaited };
  }

  #stateAfter({ known, absent }: ResultRequest<Entity>, read: readonly Entity[]): ReadonlyMap<string, Entity> {
    const { key, mayFollow } = this.#source;
    const state = new Map(known);
    for (const entity of read) {
      const previous = known.get(key(entity));
      if (previous === undefined || mayFollow(previous, entity)) state.set(key(entity), entity);
    }
    for (const id of absent) state.delete(id);
    return state;
  }

  #isOverdue(id: string, entity: Entity, { known, endedSeen, now }: ResultRequest<Entity>): boolean {
    const { isTerminal, endedAt } = this.#source;
    const previous = known.get(id);
    // It has ended in this round, whatever time the platform reports.
    if (previous !== undefined && !isTerminal(previous)) return false;
    const endMs = endedSeen.get(id) ?? endedAt(entity)?.getTime() ?? now.getTime();
    return now.getTime() - endMs >= longestWaitMs;
  }

  /** Nobody awaits results: who comes next begins with a reading, not with a pause. */
  #forgive(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }

  /** A failure is no failure of the round. `isMade` is false if the round is to be repeated for it. */
  async #read(
    results: ResultSource<Entity, Reader>,
    awaited: readonly Awaited<Entity>[],
    nowMs: number,
    attempt: Attempt<Reader>,
  ): Promise<{ readonly changed: ReadonlyMap<string, Entity>; readonly calls: number; readonly isMade: boolean }> {
    const chosen = this.#choose(awaited);
    const unchanged = { changed: new Map<string, Entity>(), calls: 0, isMade: true };
    if (awaited.length === 0) this.#forgive();
    if (awaited.length === 0 || nowMs < this.#notBeforeMs) return unchanged;
    try {
      const work = (reader: Reader, signal: AbortSignal) => results.read(reader, [...chosen], signal);
      const apply = await this.#byAnyReader(work, attempt);
      if (apply === null) return { ...unchanged, isMade: false };
      this.#failures = 0;
      for (const id of chosen) this.#readAt.set(id, this.#reading);
      const isRead = ({ ids }: Awaited<Entity>) => ids.length === 0 || ids.some((id) => chosen.has(id));
      const changed = awaited.filter(isRead).map(({ id, entity }) => [id, apply(entity)] as const);
      return { changed: new Map(changed), calls: Math.ceil(chosen.size / perCall), isMade: true };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#failures += 1;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
      // Readers that were not tried yet follow in the next round.
      const hasOthers = isRefusal(error) && this.#accepted(this.#readers()).length > 0;
      this.#notBeforeMs = nowMs + (hasOthers ? 0 : Math.max(pauseMs, error.retryAfterMs ?? 0));
      return { ...unchanged, calls: 1 };
    }
  }

  /** The results of ended entities first, then those whose last reading is the oldest. */
  #choose(awaited: readonly Awaited<Entity>[]): ReadonlySet<string> {
    this.#reading += 1;
    const all = awaited.flatMap(({ ids, hasEnded }) => ids.map((id) => ({ id, hasEnded })));
    this.#readAt = new Map(all.flatMap(({ id }) => [[id, this.#readAt.get(id) ?? 0]]));
    const readAt = (id: string) => this.#readAt.get(id) ?? 0;
    const inOrder = all.toSorted((a, b) => Number(b.hasEnded) - Number(a.hasEnded) || readAt(a.id) - readAt(b.id));
    return new Set(inOrder.slice(0, maxPerRound).map(({ id }) => id));
  }

  /** One member for each credential. */
  #readers(): readonly FeedMember<Reader>[] {
    const byCredential = new Map<string | null, FeedMember<Reader>>();
    for (const member of this.#members.resultReaders) {
      if (!byCredential.has(member.credential)) byCredential.set(member.credential, member);
    }
    return [...byCredential.values()];
  }

  #accepted(readers: readonly FeedMember<Reader>[]): readonly FeedMember<Reader>[] {
    return readers.filter(({ credential }) => !this.#refused.has(credential));
  }

  async #byAnyReader<Value>(
    work: (reader: Reader, signal: AbortSignal) => Promise<Value>,
    attempt: Attempt<Reader>,
  ): Promise<Value | null> {
    const readers = this.#readers();
    const accepted = this.#accepted(readers);
    // When all have been rejected, they are tried again. Credentials of subscribers that have left need not be known.
    const present = new Set(accepted.length === 0 ? [] : readers.map(({ credential }) => credential));
    this.#refused = new Set([...this.#refused].filter((credential) => present.has(credential)));
    let refusal: unknown = null;
    for (const member of (accepted.length === 0 ? readers : accepted).slice(0, maxHandOvers + 1)) {
      // It may have left while another reader was rejected.
      if (!this.#members.has(member)) continue;
      try {
        return await attempt(member, work);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#refused.add(member.credential);
        refusal = error;
      }
    }
    if (refusal === null) return null;
    throw refusal;
  }
}

const nothingRead = { updated: [], failures: 0, awaits: false, everything: false, calls: 0 };
