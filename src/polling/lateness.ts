import type { ReadingTimes } from '../domain/reading-times.ts';
import type { RunExpectation } from '../domain/runs/run-index.ts';
import type { FeedChange } from '../events/log.ts';
import type { TenantRuns } from '../runs/run-statistics.ts';
import type { Clock } from '../runtime/clock.ts';
import { type EndLimits, endLimits } from './cadence.ts';

/** The ended runs of the tenant, from which the end of running entities is expected. See JobRuns. */
export interface ExpectedRuns<Entity> {
  note(entities: Iterable<Entity>): void;
  ready(): Promise<void> | undefined;
  expectation(entity: Entity): RunExpectation | null;
}

/** How the entities of a kind are marked that run longer than expected. */
export interface LatenessRules<Entity> {
  readonly runsOf: (runs: TenantRuns) => ExpectedRuns<Entity>;
  readonly timesOf: (entity: Entity) => ReadingTimes & { readonly createdAt: Date };
  /** The mark of an entity; undefined: it has none. */
  readonly overdueAt: (entity: Entity) => Date | undefined;
  readonly marked: (entity: Entity, overdueAt: Date) => Entity;
}

export interface LatenessOptions<Entity> extends LatenessRules<Entity> {
  readonly runs: ExpectedRuns<Entity>;
  readonly key: (entity: Entity) => string;
  readonly isTerminal: (entity: Entity) => boolean;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** Shortest and longest pause between two rounds, in milliseconds. */
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
}

/** Entities of one round. */
export interface LatenessRound<Entity> {
  /** Entities that were read in the round. */
  readonly read: readonly Entity[];
  /** State before the round. */
  readonly known: ReadonlyMap<string, Entity>;
  /** Whether an unknown entity was created since the previous round. */
  readonly hasAppeared: (entity: Entity) => boolean;
}

/** Maximum number of running entities whose expected ends determine the next pause. */
const maxComputed = 200;
/** Difference between the clocks of gateway and platform that is ignored, in milliseconds. */
const toleranceMs = 60_000;

type Overdue<Entity> = Extract<FeedChange<Entity>, { readonly kind: 'OVERDUE' }>;

/**
 * Marks the running entities of a feed that run longer than expected. The mark is a part of the state in the log, so
 * that exactly one OVERDUE is written for each entity, whichever replica writes it.
 *
 * Ages of entities are differences between a clock of the platform and the wall clock of the gateway. A step of the wall
 * clock is therefore subtracted, and so is the part of the age of a new entity that exceeds the time since the previous
 * round.
 */
export class Lateness<Entity> {
  readonly #options: LatenessOptions<Entity>;
  /** Milliseconds by which the wall clock of the gateway is ahead of the clock of the platform. */
  #aheadMs = 0;
  /** Both clocks in the previous round. */
  #previous: { readonly wallMs: number; readonly monotonicMs: number } | null = null;

  constructor(options: LatenessOptions<Entity>) {
    this.#options = options;
  }

  /**
   * Adds the ended entities to the runs, and the known marks to the entities that still run.
   * @returns the entities that were read, with their marks
   */
  async carry({ read, known, hasAppeared }: LatenessRound<Entity>): Promise<readonly Entity[]> {
    const { runs, key, isTerminal, overdueAt, marked } = this.#options;
    await runs.ready();
    runs.note(read);
    this.#compareClocks(read.filter((entity) => !known.has(key(entity)) && hasAppeared(entity)));
    return read.map((entity) => {
      const previous = known.get(key(entity));
      const mark = previous === undefined ? undefined : overdueAt(previous);
      return mark === undefined || isTerminal(entity) ? entity : marked(entity, mark);
    });
  }

  /**
   * Returns the entities that are overdue and have no mark, with their marks, by key.
   * @param read entities that were read in this round, so that they ran when their state was requested
   * @param after state after the round
   */
  overdue(read: readonly Entity[], after: ReadonlyMap<string, Entity>): ReadonlyMap<string, Entity> {
    const { runs, key, isTerminal, timesOf, overdueAt, marked } = this.#options;
    const found = new Map<string, Entity>();
    for (const entity of read) {
      const current = after.get(key(entity));
      if (current === undefined || isTerminal(current) || isTerminal(entity) || overdueAt(current) !== undefined)
        continue;
      const expectation = runs.expectation(entity);
      const { requestedAt, observedAt } = timesOf(entity);
      const platformMs = requestedAt.getTime() - this.#aheadMs;
      if (expectation === null || platformMs <= expectation.latestEndAt.getTime()) continue;
      found.set(key(entity), marked(entity, observedAt));
    }
    return found;
  }

  /**
   * Returns the limits of the next pause. They are null if too many entities run to compute them in each round.
   * @param running entities that run and are watched
   * @param findsNew whether new entities must be found as well
   */
  limits(running: readonly Entity[], findsNew: boolean): EndLimits | null {
    if (running.length > maxComputed) return null;
    const { runs, clock, pollMinMs, pollMaxMs } = this.#options;
    const nowMs = clock.now().getTime() - this.#aheadMs;
    return endLimits(
      running.map((entity) => runs.expectation(entity)),
      { nowMs, findsNew, pollMinMs, pollMaxMs },
    );
  }

  /** @param created entities that were created since the previous round */
  #compareClocks(created: readonly Entity[]): void {
    const { clock, timesOf } = this.#options;
    const [wallMs, monotonicMs] = [clock.now().getTime(), clock.monotonicMs()];
    const previous = this.#previous;
    this.#previous = { wallMs, monotonicMs };
    if (previous === null) return;
    const passedMs = monotonicMs - previous.monotonicMs;
    this.#aheadMs += wallMs - previous.wallMs - passedMs;
    for (const entity of created) {
      const { requestedAt, createdAt } = timesOf(entity);
      const ageMs = requestedAt.getTime() - createdAt.getTime();
      const isPlausible = (aheadMs: number) =>
        ageMs - aheadMs >= -toleranceMs && ageMs - aheadMs <= passedMs + toleranceMs;
      if (!isPlausible(this.#aheadMs)) this.#aheadMs = isPlausible(0) ? 0 : ageMs;
    }
  }
}

/** The changes of entities that become overdue after all other changes of a round. */
export const overdueChanges = <Entity>(
  overdue: ReadonlyMap<string, Entity>,
  after: ReadonlyMap<string, Entity>,
): readonly Overdue<Entity>[] =>
  [...overdue].flatMap(([id, entity]) => {
    const previous = after.get(id);
    return previous === undefined ? [] : [{ kind: 'OVERDUE' as const, entity, previous }];
  });
