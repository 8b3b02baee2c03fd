import type { ReadingTimes } from '../domain/reading-times.ts';
import type { GatewayError } from '../errors.ts';
import type { WatchScope } from './watch-scope.ts';

/** What every watched entity carries. */
export type Observed = ReadingTimes;

export interface RoundRequest<Entity, Memory> {
  /** State of the feed at the start of the round. The result is compared with it. */
  readonly known: ReadonlyMap<string, Entity>;
  readonly scope: WatchScope;
  /** Ids that this round must read by id unless the list shows them: unknown, or known but not followed until now. */
  readonly unread: readonly string[];
  /** Search for unknown running entities as far back as the source can reach. */
  readonly discover: boolean;
  /** `memory` of the previous round; null in the first one. */
  readonly memory: Memory | null;
  /**
   * Number of calls, perhaps 0, that the round may spend besides the call for the newest page and the calls for
   * `unread` and `discover`. It keeps a feed below one call per second on average.
   */
  readonly allowance: number;
  /** Wall time of this process, to be compared with end times of entities. */
  readonly now: Date;
  readonly signal: AbortSignal;
}

export interface RoundResult<Entity, Memory> {
  /** Entities that were read, in the order in which CREATED events are emitted. */
  readonly read: readonly Entity[];
  /** Ids, known or unread, that this round asked for and that the platform did not have. */
  readonly absent: readonly string[];
  /** Ids, known or unread, that this round had to read and could not, with the reason. */
  readonly failed: ReadonlyMap<string, GatewayError>;
  /** Keys of known entities that no longer need to be remembered. */
  readonly forgotten: readonly string[];
  /**
   * Keys of known running entities that nobody watches. They are remembered, so that a subscriber that resumes receives
   * their change, but not read.
   */
  readonly unfollowed: readonly string[];
  /** The failure of a part of the round that only delays the next reading; null when there was none. */
  readonly incomplete: GatewayError | null;
  /** The list holds more running or new entities than a round can read, so some of them are not followed. */
  readonly truncated: boolean;
  /** Number of calls to the platform, by kind, for the log. */
  readonly calls: Readonly<Record<string, number>>;
  readonly memory: Memory;
}

/**
 * What entities leave behind that goes on changing after their end, such as the batches of an export. It is part of the
 * state of the entity in the feed, but it is read only while a subscriber watches it, in the rounds, for all of these
 * subscribers together. No other subscriber receives a change of it.
 */
export interface ResultSource<Entity, Reader> {
  /** Whether results of the entity have been read, or do not have to be. */
  isKnown(entity: Entity): boolean;
  /** Whether no further change of them is awaited. */
  isSettled(entity: Entity): boolean;
  /** Ids of the results that can still change; none if the entity has ended in such a way that nobody waits for them. */
  awaited(entity: Entity): readonly string[];
  /**
   * Reads the state of these results.
   * @returns the entity with what was read. `settled` is set where the entity has ended and nothing is awaited any longer.
   * @throws {GatewayError} they could not be read
   */
  read(reader: Reader, ids: readonly string[], signal: AbortSignal): Promise<(entity: Entity) => Entity>;
  /** The entity, of which no further change of the results is awaited. */
  settle(entity: Entity): Entity;
  /** A newer reading of the entity, with the results that are known. */
  carry(known: Entity, entity: Entity): Entity;
  /** What differs between two states: the entity, its results alone, or nothing that a subscriber sees. */
  difference(previous: Entity, entity: Entity): 'entity' | 'results' | 'nothing';
}

/**
 * How one kind of entity is read. The feed adds rounds, pace, comparison and delivery; a source makes the calls. A source
 * is stateless.
 */
export interface FeedSource<Entity extends Observed, Reader, Memory> {
  /** Name for logs, metrics and Redis keys: `export-jobs`, … */
  readonly kind: string;
  /** The platform's service that the source calls. A `Retry-After` concerns all feeds of a tenant that use it. */
  readonly service: string;
  key(entity: Entity): string;
  /** Whether the entity has ended: its state cannot change any more. */
  isTerminal(entity: Entity): boolean;
  /**
   * Whether a reading can be newer than the known state: an ended entity does not run again, and how it ended stays known.
   * A lagging replica of the platform may show an older state.
   */
  mayFollow(known: Entity, entity: Entity): boolean;
  /** When an ended entity ended, as the platform reports it; null when it reports no time or the entity has no end. */
  endedAt(entity: Entity): Date | null;
  /**
   * Whether an unknown entity was created after the round that returned `memory`, so that CREATED is emitted. Otherwise
   * it is older and was not followed.
   */
  hasAppeared(entity: Entity, memory: Memory | null): boolean;
  /** The part of the memory that a successor on another replica needs. It is written to the event log. */
  lasting(memory: Memory): Memory;
  /** A comparison for sorting. */
  newestFirst(a: Entity, b: Entity): number;
  /** Absent: the entities leave nothing behind. */
  readonly results?: ResultSource<Entity, Reader>;
  /**
   * Makes one round.
   * @throws {GatewayError} nothing could be read: the round has failed. UNAUTHENTICATED and FORBIDDEN pass it on to another
   *   subscriber's reader.
   * @throws the reason of the signal, soon after it aborts.
   */
  read(reader: Reader, request: RoundRequest<Entity, Memory>): Promise<RoundResult<Entity, Memory>>;
}
