import type { PullSource } from '../runtime/pull-source.ts';

/** An event for one subscriber. `kind` is the public `WatchEventKind`. */
export type WatchEvent<Entity> =
  | {
      readonly kind: 'SNAPSHOT' | 'CREATED' | 'REMOVED';
      readonly cursor: string;
      readonly observedAt: Date;
      readonly entity: Entity;
      readonly previous: null;
    }
  | {
      readonly kind: 'CHANGED' | 'OVERDUE';
      readonly cursor: string;
      readonly observedAt: Date;
      readonly entity: Entity;
      readonly previous: Entity;
    }
  | {
      readonly kind: 'STALE' | 'RECOVERED' | 'RESYNC';
      readonly cursor: string;
      readonly observedAt: Date;
      readonly entity: null;
      readonly previous: null;
    };

export interface WatchOptions<Entity> {
  /** Watches only these entities, and completes when all of them are terminal or removed. Null: the whole sandbox. */
  readonly ids: readonly string[] | null;
  /**
   * Also watches the results of the entities, such as the batches of an export. Their changes are sent, and an entity
   * counts as terminal only when no further change of them is awaited.
   * @default false
   */
  readonly withResults?: boolean;
  /**
   * Filter of the events that are sent. A change is sent when the entity matches before or after it, so that
   * subscribers learn when an entity leaves their view. Null: every entity.
   */
  readonly matches: ((entity: Entity) => boolean) | null;
  /**
   * Without `ids`, the first snapshot contains the entities that have not ended, and those that ended at most this many
   * seconds ago. A client that subscribes again with its original arguments therefore receives the ends that it missed.
   * @default 0
   */
  readonly endedWithinSeconds?: number | undefined;
  /** Cursor of the last event that the subscriber has seen. */
  readonly after?: string | undefined;
  /**
   * Expiry time of the token of the subscriber. The events end with TokenExpiredError then. Null: the token does not
   * expire.
   * @default null
   */
  readonly expiresAt?: Date | null;
  readonly signal: AbortSignal;
}

export interface WaitOptions extends Pick<WatchOptions<never>, 'expiresAt' | 'signal'> {
  readonly id: string;
  /** Maximum time after which the wait returns the state that is known then, in milliseconds. */
  readonly timeoutMs: number;
}

/** The state with which a wait has ended. */
export interface WaitResult<Entity> {
  readonly entity: Entity;
  /** Whether the entity has ended or was removed. Otherwise the time has passed, or the gateway shuts down. */
  readonly ended: boolean;
  /** Cursor of the event with this state. */
  readonly cursor: string;
}

/** Live views of one tenant's entities of one kind. */
export interface Watch<Entity> {
  /**
   * Begins with the current state, then delivers every change in order.
   * @throws {NotFoundError} the platform does not know one of the `ids`
   * @throws {GatewayError} the platform could not be read at all, so there is no current state to begin with
   */
  subscribe(options: WatchOptions<Entity>): Promise<PullSource<WatchEvent<Entity>>>;
  /**
   * Waits for the end of one entity. If its state is not known yet, the wait returns only when the state was read, even
   * if that takes longer than `timeoutMs`.
   * @returns null when the platform does not know the entity
   * @throws {ShuttingDownError} the gateway shuts down before the state was read
   * @throws {TokenExpiredError} the token of the caller expires
   * @throws {GatewayError} the state could not be read, or the caller has no right to it
   * @throws the reason of the signal
   */
  wait(options: WaitOptions): Promise<WaitResult<Entity> | null>;
  /**
   * Requests a round soon, because a mutation of this gateway has changed something. Has no effect without subscribers.
   */
  nudge(): void;
}
