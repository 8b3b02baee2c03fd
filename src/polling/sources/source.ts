import type { GatewayError } from '../../errors.ts';
import type { ResultRules } from '../../events/subscriber/result-rules.ts';
import type { ConnectOptions } from '../../upstream/platform-api.ts';
import type { LatenessRules } from '../lateness.ts';
import type { WatchScope } from '../scope.ts';

/** The round that causes calls: their id in log lines and on the platform, and their place in its trace. */
export type RoundOrigin = Pick<ConnectOptions, 'requestId' | 'trace'>;

/** The properties that the calls of one reading have in common. */
export interface RoundCalls extends RoundOrigin {
  /** Aborts the calls. */
  readonly signal: AbortSignal;
}

export interface RoundRequest<Entity, Checkpoint> extends RoundCalls {
  /** State of the feed at the start of the round. The result is compared with it. */
  readonly known: ReadonlyMap<string, Entity>;
  readonly scope: WatchScope;
  /**
   * Ids that this round must read by id unless the list shows them. They are unknown, or known but not followed so far.
   */
  readonly unread: readonly string[];
  /** Whether to search for unknown running entities as far back as the source can reach. */
  readonly discover: boolean;
  /** `checkpoint` of the previous round; null in the first one. */
  readonly checkpoint: Checkpoint | null;
  /**
   * Number of calls, possibly 0, that the round may spend in addition to the call for the newest page and the calls for
   * `unread` and `discover`. It keeps a feed below one call per second on average.
   */
  readonly allowance: number;
  /** Wall time of this process, for comparison with end times of entities. */
  readonly now: Date;
}

export interface RoundResult<Entity, Checkpoint> {
  /** Entities that were read, in the order in which CREATED events are emitted. */
  readonly read: readonly Entity[];
  /** Ids, known or unread, that this round requested and that the platform does not have. */
  readonly absent: readonly string[];
  /** Ids, known or unread, that this round failed to read, with the reason. */
  readonly failed: ReadonlyMap<string, GatewayError>;
  /** Keys of known entities that no longer need to be remembered. */
  readonly evicted: readonly string[];
  /**
   * Keys of known running entities without a watcher. They are remembered, so that a subscriber that resumes receives
   * their changes, but they are not read.
   */
  readonly unfollowed: readonly string[];
  /** The failure of a part of the round, which only delays the next reading; null: there was none. */
  readonly incomplete: GatewayError | null;
  /** The list holds more running or new entities than a round can read, so some of them are not followed. */
  readonly truncated: boolean;
  /**
   * Whether entities that were created since the last round are on several pages of the list. A lagging replica of the
   * platform may have answered one of these calls and left out entities between the pages, so running entities have to
   * be searched for again.
   */
  readonly spansPages: boolean;
  /** Number of calls to the platform, by kind, for the log. */
  readonly calls: Readonly<Record<string, number>>;
  readonly checkpoint: Checkpoint;
}

/**
 * Results that can change after the end of their entity, such as the batches of an export. In the feed they are part of
 * the state of the entity, but they are read only while a subscriber watches them, once per round for all such
 * subscribers. Other subscribers do not receive their changes.
 */
export interface ResultSource<Entity, Reader> extends ResultRules<Entity> {
  /** Ids of the results that can still change. Empty if the outcome of the entity leaves no results to wait for. */
  awaited(entity: Entity): readonly string[];
  /**
   * Reads the state of these results.
   * @throws {GatewayError} no result could be read
   */
  read(reader: Reader, ids: readonly string[], calls: RoundCalls): Promise<ResultReading<Entity>>;
  /** Returns the entity with its results marked as final. */
  settle(entity: Entity): Entity;
}

export interface ResultReading<Entity> {
  /**
   * Adds the state of the results to an entity. It sets `settled` if the entity has ended and no result is awaited. A
   * result that could not be read keeps its state.
   */
  apply(entity: Entity): Entity;
  /** Number of calls to the platform. */
  readonly calls: number;
  /** The failure of a call, which delays the next reading; null: there was none. */
  readonly incomplete: GatewayError | null;
}

/**
 * Reads one kind of entity. The feed adds rounds, pace, comparison and delivery; a source makes the calls. A source is
 * stateless.
 */
export interface FeedSource<Entity extends object, Reader, Checkpoint> {
  /** Name for logs, metrics and Redis keys, for example `export-jobs`. */
  readonly kind: string;
  /**
   * The platform's service that the source calls. Its `Retry-After` applies to all feeds of a tenant that use the
   * service.
   */
  readonly service: string;
  key(entity: Entity): string;
  /** Whether the entity has ended, so that its state no longer changes. */
  isTerminal(entity: Entity): boolean;
  /**
   * Whether a reading can be newer than the known state. An ended entity does not run again, and its outcome stays
   * known. A lagging replica of the platform may show an older state.
   */
  mayFollow(known: Entity, entity: Entity): boolean;
  /** Time of the last change as reported by the platform; null: the platform reports none. */
  updatedAt(entity: Entity): Date | null;
  /**
   * End time of an ended entity as reported by the platform; null: the platform reports no time, or the entity has no
   * end.
   */
  endedAt(entity: Entity): Date | null;
  /**
   * Whether an unknown entity was created after the round that returned `checkpoint`, so that CREATED is emitted.
   * Otherwise it is older and was not followed.
   */
  hasAppeared(entity: Entity, checkpoint: Checkpoint | null): boolean;
  /** Returns the part of the checkpoint that the next lease holder needs. It is written to the event log. */
  lasting(checkpoint: Checkpoint): Checkpoint;
  /** Comparator that sorts the newest entity first. */
  newestFirst(a: Entity, b: Entity): number;
  /**
   * Whether a search finds every entity that has not ended. If so, CREATED is emitted for a running entity that comes
   * within reach later. @default true
   */
  readonly searchFindsAll?: boolean;
  /** Absent if the entities have no expected end. */
  readonly lateness?: LatenessRules<Entity>;
  /** Absent if the entities have no results. */
  readonly results?: ResultSource<Entity, Reader>;
  /**
   * Makes one round.
   * @throws {GatewayError} nothing could be read, so the round has failed. After UNAUTHENTICATED or FORBIDDEN the
   *   round continues with another subscriber's reader.
   * @throws the reason of the signal, soon after it aborts
   */
  read(reader: Reader, request: RoundRequest<Entity, Checkpoint>): Promise<RoundResult<Entity, Checkpoint>>;
}
