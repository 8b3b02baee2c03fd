import type { Tenant } from '../domain/tenant.ts';
import type { PollFailure } from './poll-failure.ts';
import type { WatchScope } from './watch-scope.ts';

/** Names a feed alike in every replica. */
export interface FeedName {
  readonly tenant: Tenant;
  /** `kind` of the feed's source. */
  readonly kind: string;
}

/** The right to poll one feed and to write its log. */
export interface Lease {
  /** Fencing token: greater than the term of every earlier lease of this feed. The log rejects writes under an earlier one. */
  readonly term: number;
  /** Aborts before another replica may begin. Nothing may be read or written under this lease afterwards. */
  readonly lost: AbortSignal;
  /** Lets another replica take over at once. Never fails: what does not reach Redis is repeated. */
  release(): Promise<void>;
}

/** A message between the replicas of one feed. It may be lost, so its sender repeats it as long as it needs a response. */
export type PollMessage =
  /** This replica has changed something on the platform: the next round is due at once. */
  | { readonly kind: 'nudge' }
  /** This replica has its first subscriber. */
  | { readonly kind: 'joined' }
  /** A subscriber of this replica cannot begin without another round. */
  | { readonly kind: 'awaited' }
  /**
   * The round that others wait for has failed, or has failed to read this id. `id` is null for the whole round. `failure`
   * is null where clients may not see the reason.
   */
  | { readonly kind: 'failed'; readonly failure: PollFailure | null; readonly id: string | null };

export interface PollListener {
  /** A message of another replica. */
  received(message: PollMessage): void;
  /** `PollSeat.term` has changed: this replica holds the lease, another one does, or none. */
  termChanged(holder: 'here' | 'elsewhere' | 'nobody'): void;
  /** The other replicas cannot be reached, so the holder is unknown. Called after each failed attempt. */
  unreachable(error: unknown): void;
}

/** The place of this replica among those that serve one feed. */
export interface PollSeat extends AsyncDisposable {
  /** Term of the present holder, here or in another replica. Null: there is none, or it is unknown. */
  readonly term: number | null;
  /**
   * Resolves when this replica holds the lease.
   * @throws the reason of the signal
   */
  elected(signal: AbortSignal): Promise<Lease>;
  /**
   * Announces what the subscribers here watch; null: there are none. Other replicas receive it before every message that
   * this seat sends afterwards. It holds until the next call, or until this replica is gone.
   * @throws {GatewayError} the others cannot be reached. The announcement is repeated as soon as they can.
   */
  announce(scope: WatchScope | null): Promise<void>;
  /**
   * Returns what the subscribers of all other replicas watch; null: there are none.
   * @throws {GatewayError} the others cannot be reached
   */
  others(): Promise<WatchScope | null>;
  /** @throws {GatewayError} the others cannot be reached */
  send(message: PollMessage): Promise<void>;
}

/** Decides which of the replicas polls which feed. */
export interface PollCoordinator extends AsyncDisposable {
  /** Disposing the seat gives its lease back. */
  join(feed: FeedName, listener: PollListener): PollSeat;
  /**
   * Sends a message to all seats of a feed, from a replica that has none.
   * @throws {GatewayError} they cannot be reached
   */
  send(feed: FeedName, message: PollMessage): Promise<void>;
}
