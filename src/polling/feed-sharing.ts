import type { WatchRegistryOptions } from './feed-registry.ts';
import type { FeedSource, Observed } from './sources/source.ts';

/** The parts of a registry that connect its feeds with those of other replicas. */
export type FeedSharing = <Entity extends Observed>(
  source: Pick<FeedSource<Entity, never, never>, 'kind' | 'key'>,
) => Pick<WatchRegistryOptions<Entity, never, never>, 'createLog' | 'coordinator' | 'retentionMs'>;

/** No sharing: each replica polls for its own subscribers. */
export const unshared: FeedSharing = () => ({});
