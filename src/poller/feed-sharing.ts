import type { FeedSource, Observed } from './feed-source.ts';
import type { WatchRegistryOptions } from './watch-registry.ts';

/** The parts of a registry that the feeds of one kind share with those of other replicas. */
export type FeedSharing = <Entity extends Observed>(
  source: Pick<FeedSource<Entity, never, never>, 'kind' | 'key'>,
) => Pick<WatchRegistryOptions<Entity, never, never>, 'createLog' | 'coordinator' | 'retentionMs'>;

/** Each replica is on its own. */
export const unshared: FeedSharing = () => ({});
