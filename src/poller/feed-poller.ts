import { type EventLog, type FeedChange, LogConflictError, LogFencedError } from '../events/event-log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FeedMember, FeedMembers } from './feed-members.ts';
import type { FeedSource, Observed, RoundRequest, RoundResult } from './feed-source.ts';
import { FeedState } from './feed-state.ts';
import type { FeedNote, FeedView } from './feed-view.ts';
import type { Lease, PollSeat } from './poll-coordinator.ts';
import { isRefusal } from './refusal.ts';
import { unionOf, type WatchScope } from './watch-scope.ts';

export interface FeedPollerOptions<Entity extends Observed, Reader, Memory> {
  readonly source: FeedSource<Entity, Reader, Memory>;
  readonly log: EventLog<Entity>;
  readonly view: FeedView<Entity, Memory>;
  readonly members: FeedMembers<Reader>;
  readonly clock: Pick<Clock, 'now'>;
}

/** How a round ended. */
export type RoundOutcome<Entity, Memory> =
  | {
      readonly kind: 'good';
      readonly result: RoundResult<Entity, Memory>;
      readonly told: readonly FeedChange<Entity>['kind'][];
      readonly discover: boolean;
      /** Something that is watched has not ended. */
      readonly running: boolean;
    }
  /** The owner of the reader left in the middle of it, or it was compared with an outdated state: it is to be made anew. */
  | { readonly kind: 'interrupted' }
  /** The lease has passed on, or is about to. Nothing was written. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'failed'; readonly error: unknown; readonly watchedElsewhere: boolean };

/** How many other readers are tried in one round when the platform refuses a credential. */
const maxHandOversPerRound = 3;

/** Makes the rounds of a feed while this replica holds its lease: the one who reads for all, and writes the log. */
export class FeedPoller<Entity extends Observed, Reader, Memory> {
  readonly #options: FeedPollerOptions<Entity, Reader, Memory>;
  readonly #state: FeedState<Entity, Memory>;
  /** That under which this replica has written last. */
  #term: number | null = null;
  #inFlight: { readonly member: FeedMember<Reader>; readonly controller: AbortController } | null = null;

  constructor(options: FeedPollerOptions<Entity, Reader, Memory>) {
    this.#options = options;
    this.#state = new FeedState(options);
  }

  /** Never throws. */
  async round(lease: Lease, seat: PollSeat): Promise<RoundOutcome<Entity, Memory>> {
    const { view, members } = this.#options;
    let others: WatchScope | null = null;
    try {
      others = await seat.others();
      const scope = unionOf([members.scope, others]) ?? members.scope;
      if (this.#term !== lease.term) await this.#takeOver(lease);
      const { known, note } = await view.load();
      const discovered = note?.term === lease.term && note.discovered;
      const discover = scope.everything && !discovered;
      const result = await this.#read(lease, { known, scope, discover, memory: note?.memory ?? null });
      if (result === null) return { kind: lease.lost.aborted ? 'lost' : 'interrupted' };
      const told = await this.#apply(lease, note, result, scope.everything && (discover || discovered));
      return { kind: 'good', result, told, discover, running: await this.#watchesSomethingRunning(scope) };
    } catch (error) {
      if (lease.lost.aborted || error instanceof LogFencedError) return { kind: 'lost' };
      if (error instanceof LogConflictError) return { kind: 'interrupted' };
      return { kind: 'failed', error, watchedElsewhere: others !== null };
    }
  }

  /**
   * Writes nothing, under the new term: what others wrote before has arrived here when this has, and what they still have
   * on its way is refused. A round that begins afterwards is compared with the state that its end is written over.
   */
  async #takeOver({ term }: Lease): Promise<void> {
    const { log, view } = this.#options;
    const { observedAt } = await view.load();
    await log.write({}, { observedAt, term });
    this.#term = term;
  }

  /** Gives up the round that is being read with this member's reader; without a member, whichever is being read. */
  interrupt(member: FeedMember<Reader> | null = null): void {
    if (member === null || this.#inFlight?.member === member) this.#inFlight?.controller.abort();
  }

  /**
   * What was read by name, here or in another replica; null: the platform does not know it.
   * @throws {LogFencedError} the lease has passed on
   * @throws {LogConflictError} it was compared with an outdated state
   */
  async record(lease: Lease, id: string, entity: Entity | null): Promise<void> {
    if (await this.shows(id, entity)) return;
    const { source, view, clock } = this.#options;
    const { note } = await view.load();
    const reading = {
      read: entity === null ? [] : [entity],
      gone: entity === null ? [id] : [],
      forgotten: [],
      // What one subscriber asks for by name may be news to those who watch everything.
      hasAppeared: (one: Entity) => source.hasAppeared(one, note?.memory ?? null),
    };
    await this.#state.apply(reading, { at: clock.now(), term: lease.term });
  }

  /** Whether the log shows already what was read by name, or something later. */
  shows(id: string, entity: Entity | null): Promise<boolean> {
    return this.#state.shows(id, entity);
  }

  /**
   * Tells that what is known may be out of date, unless that was told, or nothing is known.
   * @returns whether it is told now
   * @throws {LogFencedError} the lease has passed on
   */
  async stale({ term }: Lease): Promise<boolean> {
    const { view, clock } = this.#options;
    if ((await view.load()).note === null) return false;
    return this.#state.stale({ at: clock.now(), term });
  }

  /** @returns null when the owner of the reader left in the middle of it, or the lease was lost */
  async #read(
    { lost }: Lease,
    request: Omit<RoundRequest<Entity, Memory>, 'signal'>,
  ): Promise<RoundResult<Entity, Memory> | null> {
    const { source, members } = this.#options;
    for (let handOvers = 0; ; handOvers += 1) {
      const member = members.poller();
      if (member === null || lost.aborted) return null;
      const controller = new AbortController();
      const { signal } = controller;
      this.#inFlight = { member, controller };
      try {
        const result = await source.read(member.reader, { ...request, signal });
        return signal.aborted ? null : result;
      } catch (error) {
        if (signal.aborted) return null;
        if (!isRefusal(error)) throw error;
        member.onRefused();
        if (!members.refuse(member) || handOvers === maxHandOversPerRound) throw error;
      } finally {
        this.#inFlight = null;
      }
    }
  }

  #apply(
    { term }: Lease,
    before: FeedNote<Memory> | null,
    result: RoundResult<Entity, Memory>,
    discovered: boolean,
  ): Promise<readonly FeedChange<Entity>['kind'][]> {
    const { source, members, clock } = this.#options;
    const { read, memory } = result;
    const round: FeedNote<Memory> = {
      term,
      round: (before?.round ?? 0) + 1,
      discovered,
      read: new Set(read.map((entity) => source.key(entity))),
      memory,
    };
    // Who came in the middle of the round may have asked for what it would forget.
    const { ids } = members.scope;
    const forgotten = result.forgotten.filter((id) => !ids.has(id));
    const hasAppeared = (entity: Entity) => source.hasAppeared(entity, before?.memory ?? null);
    return this.#state.apply({ ...result, forgotten, hasAppeared }, { at: clock.now(), term, round });
  }

  async #watchesSomethingRunning({ everything, ids }: WatchScope): Promise<boolean> {
    const { source, view } = this.#options;
    for (const [key, entity] of (await view.load()).known) {
      if ((everything || ids.has(key)) && !source.isTerminal(entity)) return true;
    }
    return false;
  }
}
