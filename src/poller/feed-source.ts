import type { ReadingTimes } from '../domain/reading-times.ts';
import type { GatewayError } from '../errors.ts';
import type { WatchScope } from './watch-scope.ts';

/** What every watched entity carries. */
export type Observed = ReadingTimes;

export interface RoundRequest<Entity, Memory> {
  /** What the last rounds found; the basis on which the next state is told. */
  readonly known: ReadonlyMap<string, Entity>;
  readonly scope: WatchScope;
  /** Look for entities that are not known yet, as far back as the source goes. */
  readonly discover: boolean;
  /** What the source returned with the last good round of this feed; null in the first. */
  readonly memory: Memory | null;
  readonly signal: AbortSignal;
}

export interface RoundResult<Entity, Memory> {
  /** What was read, in the order in which creations shall be told. */
  readonly read: readonly Entity[];
  /** Keys of known entities that the platform does not know any more. */
  readonly gone: readonly string[];
  /** Keys of known entities that need not be followed any more. */
  readonly forgotten: readonly string[];
  /** The failure of a part of the round whose loss does no harm beyond a delay; null when everything was read. */
  readonly incomplete: GatewayError | null;
  /** So much came into being since the last round that a limit ended this one before all of it was read. */
  readonly cutShort: boolean;
  /** Calls to the platform, for the log. */
  readonly calls: Readonly<Record<string, number>>;
  /**
   * Handed to the next round once this one is in the event log, in which it is kept: plain data, Dates, Maps and Sets.
   * The next round may be that of another replica.
   */
  readonly memory: Memory;
}

/**
 * How one kind of entity is read. The feed brings rounds, cadence, comparison and delivery; a source brings the calls.
 * It holds no state of its own.
 */
export interface FeedSource<Entity extends Observed, Reader, Memory> {
  /** For logs: `export-jobs`, … */
  readonly kind: string;
  key(entity: Entity): string;
  /** Whether nothing more will happen to it. */
  isTerminal(entity: Entity): boolean;
  /**
   * Whether an entity that was not known came into being since the round that left `memory`: then it is told as
   * created. Otherwise nobody had asked for it before, and it is taken in silently.
   */
  hasAppeared(entity: Entity, memory: Memory | null): boolean;
  /** A comparison for sorting. */
  newestFirst(a: Entity, b: Entity): number;
  /**
   * One round.
   * @throws {GatewayError} nothing could be read: the round counts as failed, and UNAUTHENTICATED and FORBIDDEN pass it on to
   *   another subscriber's reader.
   * @throws the reason of the signal, soon after it aborts.
   */
  read(reader: Reader, request: RoundRequest<Entity, Memory>): Promise<RoundResult<Entity, Memory>>;
  /** One entity by name, null when the platform does not know it. Throws as `read` does. */
  find(reader: Reader, id: string, signal: AbortSignal): Promise<Entity | null>;
}
