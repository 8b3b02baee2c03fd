import type { Watch } from '../events/watch.ts';
import type { Caller } from '../upstream/caller.ts';
import { type HoldStore, PlatformHolds } from './holds.ts';
import * as sources from './sources/index.ts';
import type { KindFeeds, WatchKind, WatchServices } from './watch-kind.ts';

/** Name of a kind of entity that can be watched. */
export type WatchKindName = keyof typeof sources;

/** Type of the entities of a kind. */
export type WatchedEntity<Name extends WatchKindName> =
  (typeof sources)[Name] extends WatchKind<infer Entity extends object> ? Entity : never;

/** The watches of one caller. */
export type Watches = <Name extends WatchKindName>(kind: Name) => Watch<WatchedEntity<Name>>;

/** Watches of all kinds of entities. */
export interface PlatformWatches {
  /** Returns the watches of one caller. */
  of(caller: Caller): Watches;
  /** The feeds behind the watches, by kind. */
  readonly feeds: readonly Pick<KindFeeds<never>, 'kind' | 'stats' | 'endWaits' | 'close'>[];
}

export interface WatchesOptions extends Omit<WatchServices, 'holds'> {
  /** Pauses of the platform that all replicas share; null: this is the only replica. */
  readonly holdStore: HoldStore | null;
}

export function createWatches({ holdStore: store, ...options }: WatchesOptions): PlatformWatches {
  const { clock, logger } = options;
  const services = { ...options, holds: new PlatformHolds({ clock, logger, store }) };
  const feeds = Object.entries(sources).map(([name, source]) => [name, source.open(services)] as const);
  // `Object.fromEntries` loses the relation between the name of a kind and the type of its entities.
  const byName = Object.fromEntries(feeds) as unknown as FeedsByName;
  return {
    of: (caller) => (kind) => byName[kind].watchOf(caller),
    feeds: Object.values(byName),
  };
}

type FeedsByName = { readonly [Name in WatchKindName]: KindFeeds<WatchedEntity<Name>> };
