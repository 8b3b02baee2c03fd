import type { Tenant } from '../domain/tenant.ts';
import type { PollFailure } from './poll-failure.ts';
import type { WatchScope } from './watch-scope.ts';

/** Which feed is meant, in every replica. */
export interface FeedName {
  readonly tenant: Tenant;
  /** That of the feed's source. */
  readonly kind: string;
}

/** The right to poll one feed and to write its log. */
export interface Lease {
  /** Greater than that of every lease of this feed before: the log refuses what is written under an earlier one. */
  readonly term: number;
  /** Aborts before another replica may begin: under this lease nothing is to be read or written any more. */
  readonly lost: AbortSignal;
  /** Lets another replica take over at once. Never fails: a lease that cannot be given back runs out. */
  release(): Promise<void>;
}

/** What replicas tell each other about one feed. A message may be lost; who depends on it says it again. */
export type PollMessage =
  /** Something was just changed here: look at the platform soon. */
  | { readonly kind: 'nudge' }
  /** This replica has its first subscriber. */
  | { readonly kind: 'joined' }
  /** A subscriber of this replica cannot begin without another round. */
  | { readonly kind: 'awaited' }
  /** The round that others wait for has failed, or has failed to read this id. `id` is null for the whole round. */
  | { readonly kind: 'failed'; readonly failure: PollFailure; readonly id: string | null };

export interface PollListener {
  /** A message of another replica. */
  received(message: PollMessage): void;
  /** `PollSeat.term` is another one: that of a lease which this replica holds, or another, or nobody. */
  termChanged(holder: 'here' | 'elsewhere' | 'nobody'): void;
  /** The coordination cannot be reached, so nobody knows who polls. Said again with each attempt. */
  unreachable(error: unknown): void;
}

/** The place of this replica among those that serve one feed. */
export interface PollSeat extends AsyncDisposable {
  /** The term under which the feed is polled, here or in another replica. Null: by nobody, as far as is known here. */
  readonly term: number | null;
  /**
   * Resolves when this replica is the one that polls, and not before.
   * @throws the reason of the signal
   */
  elected(signal: AbortSignal): Promise<Lease>;
  /**
   * Tells the others what the subscribers here watch; null: there are none. Only once this has resolved can others
   * count on it. It holds until the next call, or until this replica is gone.
   * @throws {GatewayError} the others cannot be reached. It is told as soon as they can.
   */
  announce(scope: WatchScope | null): Promise<void>;
  /**
   * What the subscribers of all other replicas watch; null: there are none.
   * @throws {GatewayError} the others cannot be reached
   */
  others(): Promise<WatchScope | null>;
  /** @throws {GatewayError} the others cannot be reached */
  send(message: PollMessage): Promise<void>;
}

/** Settles which of the replicas polls which feed. */
export interface PollCoordinator extends AsyncDisposable {
  /** Disposing the seat gives its lease back. */
  join(feed: FeedName, listener: PollListener): PollSeat;
  /**
   * To all who have joined, from one who has not.
   * @throws {GatewayError} they cannot be reached
   */
  send(feed: FeedName, message: PollMessage): Promise<void>;
}
