import type { Tenant } from '../domain/tenant.ts';
import type { QuietStream } from '../runtime/quiet-stream.ts';

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
      readonly kind: 'CHANGED';
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
  /** Watch these alone, and complete when all of them are terminal or removed. Null: the whole sandbox. */
  readonly ids: readonly string[] | null;
  /**
   * Watch what the entities leave behind as well, such as the batches of an export: its changes are sent, and an entity
   * counts as terminal only when no such change is awaited.
   * @default false
   */
  readonly withResults?: boolean;
  /**
   * Filter of the events that are sent. A change is sent when the entity matches before or after it, so that a view
   * receives what leaves it. Null: every entity.
   */
  readonly matches: ((entity: Entity) => boolean) | null;
  /**
   * Without `ids`, the first snapshot holds the entities that have not ended, and those that ended at most this many
   * seconds ago: a client that subscribes again with its original arguments receives the ends that it missed.
   * @default 0
   */
  readonly endedWithinSeconds?: number | undefined;
  /** Cursor of the last event seen. */
  readonly after?: string | undefined;
  /** When the token runs out by which the subscriber may watch: its events then end with TokenExpiredError. @default null */
  readonly expiresAt?: Date | null;
  readonly signal: AbortSignal;
}

/** Live views of one tenant's entities of one kind. */
export interface Watch<Entity> {
  /**
   * Begins with the present state, then every change in order.
   * @throws {NotFoundError} one of `ids` is not known to the platform.
   * @throws {GatewayError} the platform could not be read at all, so there is no present state to begin with.
   */
  subscribe(options: WatchOptions<Entity>): Promise<QuietStream<WatchEvent<Entity>>>;
  /** Something was just changed here: look at the platform soon. Has no effect without subscribers. */
  nudge(): void;
}

/** Makes the watch of one caller; `Reader` is what the feed reads the platform through. */
export interface WatchRegistry<Entity, Reader> {
  connect(tenant: Tenant, reader: Reader): Watch<Entity>;
}
