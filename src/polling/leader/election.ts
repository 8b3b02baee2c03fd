import type { Tenant } from '../../domain/tenant.ts';
import type { PollFailure } from '../failure.ts';
import type { WatchScope } from '../scope.ts';

/** Identifies a feed in the same way on every replica. */
export interface FeedName {
  readonly tenant: Tenant;
  /** `kind` of the feed's source. */
  readonly kind: string;
}

/** The right to poll one feed and to write its log. */
export interface Lease {
  /**
   * Fencing token. It is greater than the term of every earlier lease of this feed. The log rejects writes with an
   * earlier term.
   */
  readonly term: number;
  /** Aborts before another replica may begin. The holder must not read or write under this lease afterwards. */
  readonly lost: AbortSignal;
  /** Lets another replica take over at once. Never fails, because a release that does not reach Redis is repeated. */
  release(): Promise<void>;
}

/**
 * A message between the replicas of one feed. It may be lost, so the sender repeats it as long as it needs a response.
 */
export type PollMessage =
  /** A mutation on the sending replica has changed the platform, so the next round is due at once. */
  | { readonly kind: 'nudge' }
  /** The sending replica has its first subscriber. */
  | { readonly kind: 'joined' }
  /** A subscriber of the sending replica cannot begin without another round. */
  | { readonly kind: 'awaited' }
  /**
   * The round that other replicas wait for has failed, or has failed to read this id. `id` is null for the whole round.
   * `failure` is null if clients may not see the reason.
   */
  | { readonly kind: 'failed'; readonly failure: PollFailure | null; readonly id: string | null };

export interface PollListener {
  /** Called with each message of another replica. */
  received(message: PollMessage): void;
  /** Called when `LeaderElection.term` has changed, with the new lease holder: this replica, another one, or none. */
  termChanged(holder: 'here' | 'elsewhere' | 'none'): void;
  /** Called after each failed attempt to reach the other replicas. The lease holder is unknown. */
  unreachable(error: unknown): void;
}

/** The leader election of one feed, with this replica as a candidate. */
export interface LeaderElection extends AsyncDisposable {
  /** Term of the current lease holder, which may be another replica. Null: there is none, or it is unknown. */
  readonly term: number | null;
  /**
   * Resolves when this replica holds the lease.
   * @throws the reason of the signal
   */
  acquireLease(signal: AbortSignal): Promise<Lease>;
  /**
   * Publishes the scope that the subscribers of this replica watch; null: it has none. Other replicas receive it before
   * every message that this candidate sends afterwards. It holds until the next call, or until this replica is gone.
   * @throws {GatewayError} the other replicas cannot be reached. The scope is published again when they can be.
   */
  publishScope(scope: WatchScope | null): Promise<void>;
  /**
   * Returns the scope that the subscribers of all other replicas watch; null: they have none.
   * @throws {GatewayError} the other replicas cannot be reached
   */
  otherScopes(): Promise<WatchScope | null>;
  /** @throws {GatewayError} the other replicas cannot be reached */
  send(message: PollMessage): Promise<void>;
}

/** The leader elections of all feeds. They decide which replica polls which feed. */
export interface LeaderElections extends AsyncDisposable {
  /** Makes this replica a candidate of a feed. Disposing of the result releases its lease. */
  join(feed: FeedName, listener: PollListener): LeaderElection;
  /**
   * Sends a message to all candidates of a feed, from a replica that may be none of them.
   * @throws {GatewayError} the candidates cannot be reached
   */
  send(feed: FeedName, message: PollMessage): Promise<void>;
}
