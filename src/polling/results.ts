import { GatewayError } from '../errors.ts';
import { backoffMs } from '../runtime/backoff.ts';
import { isAuthRejection } from './failure.ts';
import type { FeedMember, FeedMembers } from './members.ts';
import { isWatched, type WatchScope } from './scope.ts';
import type { FeedSource, ResultSource, RoundCalls } from './sources/source.ts';

/** Time for which results are awaited after the end of their entity, in milliseconds. */
const longestWaitMs = 15 * 60_000;
/** Maximum number of results that one round reads. */
const maxPerRound = 300;
/** Maximum number of other readers that one round tries when the platform rejects a credential. */
const maxHandOvers = 3;
/** Pauses after failed readings. */
const backoff = { firstMs: 2_000, maxMs: 30_000 };

export interface ResultRequest<Entity> {
  readonly scope: WatchScope;
  readonly known: ReadonlyMap<string, Entity>;
  /** Entities that were read in this round, in the order of their CREATED events. */
  readonly read: readonly Entity[];
  readonly absent: readonly string[];
  /** Wall time (ms) at which the gateway saw an entity end. */
  readonly endedSeen: ReadonlyMap<string, number>;
  readonly now: Date;
  readonly nowMs: number;
}

export interface ResultOutcome<Entity> {
  /** The entities that were read in the round, with their results. */
  readonly read: readonly Entity[];
  /** Known entities that were not read in the round, but whose results were. */
  readonly updated: readonly Entity[];
  /** Number of consecutive failed readings of results. */
  readonly failures: number;
  /** Whether the results of ended entities are awaited. */
  readonly awaits: boolean;
  /** Whether the round covered the results of the whole sandbox. */
  readonly everything: boolean;
  readonly calls: number;
}

/**
 * Calls with the reader of one member. Resolves with null if the member left in the meantime, or the lease was lost.
 */
export type Attempt<Reader> = <Value>(
  member: FeedMember<Reader>,
  work: (reader: Reader, calls: RoundCalls) => Promise<Value>,
) => Promise<Value | null>;

interface Awaited<Entity> {
  readonly id: string;
  readonly entity: Entity;
  readonly ids: readonly string[];
  readonly hasEnded: boolean;
  /** Whether the results have been awaited long enough, so that this round is the last one that reads them. */
  readonly isOverdue: boolean;
}

type Source<Entity extends object, Reader> = Pick<
  FeedSource<Entity, Reader, unknown>,
  'key' | 'isTerminal' | 'mayFollow' | 'endedAt' | 'results'
>;

/** Reads the watched results in the rounds of a feed. */
export class ResultReadings<Entity extends object, Reader> {
  readonly #source: Source<Entity, Reader>;
  readonly #members: Pick<FeedMembers<Reader>, 'resultReaders' | 'has'>;
  /** Names of credentials without the right to read results; null: the gateway's own. */
  #refused = new Set<string | null>();
  #failures = 0;
  #notBeforeMs = 0;
  /** Number of the current reading, and for each awaited result the reading that last read it. */
  #reading = 0;
  #readAt = new Map<string, number>();

  constructor(source: Source<Entity, Reader>, members: Pick<FeedMembers<Reader>, 'resultReaders' | 'has'>) {
    this.#source = source;
    this.#members = members;
  }

  /** @throws errors other than GatewayError */
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

  /** Separates the awaited results from those that are no longer awaited. */
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
      // Known results are read once more, because their last change may have been missed in an outage.
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
    // The entity has ended in this round, regardless of the time that the platform reports.
    if (previous !== undefined && !isTerminal(previous)) return false;
    const endMs = endedSeen.get(id) ?? endedAt(entity)?.getTime() ?? now.getTime();
    return now.getTime() - endMs >= longestWaitMs;
  }

  /** Resets the pause while no results are awaited, so that the next subscriber begins with a reading. */
  #forgive(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }

  /** Reads results. A failure does not fail the round. `isMade` is false if the round has to be repeated. */
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
      const work = (reader: Reader, calls: RoundCalls) => results.read(reader, [...chosen], calls);
      const reading = await this.#byAnyReader(work, attempt);
      if (reading === null) return { ...unchanged, isMade: false };
      const { apply, calls, incomplete } = reading;
      if (incomplete === null) this.#failures = 0;
      else this.#delay(incomplete, nowMs);
      for (const id of chosen) this.#readAt.set(id, this.#reading);
      const isRead = ({ ids }: Awaited<Entity>) => ids.length === 0 || ids.some((id) => chosen.has(id));
      const changed = awaited.filter(isRead).map(({ id, entity }) => [id, apply(entity)] as const);
      return { changed: new Map(changed), calls, isMade: true };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#delay(error, nowMs);
      return { ...unchanged, calls: 1 };
    }
  }

  /** Delays the next reading after a failure. */
  #delay(error: GatewayError, nowMs: number): void {
    this.#failures += 1;
    const pauseMs = backoffMs(backoff, this.#failures);
    // Readers that were not tried yet are tried in the next round.
    const hasOthers = isAuthRejection(error) && this.#accepted(this.#readers()).length > 0;
    this.#notBeforeMs = nowMs + (hasOthers ? 0 : Math.max(pauseMs, error.retryAfterMs ?? 0));
  }

  /** Selects the results to read: those of ended entities first, then the least recently read. */
  #choose(awaited: readonly Awaited<Entity>[]): ReadonlySet<string> {
    this.#reading += 1;
    const all = awaited.flatMap(({ ids, hasEnded }) => ids.map((id) => ({ id, hasEnded })));
    this.#readAt = new Map(all.flatMap(({ id }) => [[id, this.#readAt.get(id) ?? 0]]));
    const readAt = (id: string) => this.#readAt.get(id) ?? 0;
    const inOrder = all.toSorted((a, b) => Number(b.hasEnded) - Number(a.hasEnded) || readAt(a.id) - readAt(b.id));
    return new Set(inOrder.slice(0, maxPerRound).map(({ id }) => id));
  }

  /** Selects one member for each credential. */
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
    work: (reader: Reader, calls: RoundCalls) => Promise<Value>,
    attempt: Attempt<Reader>,
  ): Promise<Value | null> {
    const readers = this.#readers();
    const accepted = this.#accepted(readers);
    // When all credentials have been rejected, they are tried again. Credentials of subscribers that have left are
    // evicted.
    const present = new Set(accepted.length === 0 ? [] : readers.map(({ credential }) => credential));
    this.#refused = new Set([...this.#refused].filter((credential) => present.has(credential)));
    let refusal: unknown = null;
    for (const member of (accepted.length === 0 ? readers : accepted).slice(0, maxHandOvers + 1)) {
      // The member may have left while another reader was rejected.
      if (!this.#members.has(member)) continue;
      try {
        return await attempt(member, work);
      } catch (error) {
        if (!isAuthRejection(error)) throw error;
        this.#refused.add(member.credential);
        refusal = error;
      }
    }
    if (refusal === null) return null;
    throw refusal;
  }
}

const nothingRead = { updated: [], failures: 0, awaits: false, everything: false, calls: 0 };
