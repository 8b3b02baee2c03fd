import type { GatewayContext } from '../context/context.ts';
import type { WatchEvent } from '../events/watch.ts';
import { describedEnum } from './enum.ts';

export const WatchEventKindRef = describedEnum<WatchEvent<unknown>['kind']>(
  'WatchEventKind',
  'What an event of a live view says.',
  {
    SNAPSHOT: 'The state as the view begins.',
    CREATED: 'New since the view began.',
    CHANGED: 'Different from what was sent before.',
    REMOVED: 'The platform no longer knows it; the event holds its last state.',
    STALE: 'The platform could not be read for a while: what was sent last may be out of date.',
    RECOVERED: 'The platform is readable again.',
    RESYNC: 'Events were lost to this subscriber; snapshots follow.',
  },
);

/** Ids that one subscription may name. */
export const maxWatchedIds = 1_000;

/**
 * The events of a subscription field. The context of a subscription lives as long as it does, so what its loaders have
 * read for one event is forgotten before the next.
 */
export async function* liveEvents<Entity>(
  { loaders }: Pick<GatewayContext, 'loaders'>,
  events: AsyncIterable<WatchEvent<Entity>>,
): AsyncGenerator<WatchEvent<Entity>, void> {
  for await (const event of events) {
    loaders.clear();
    yield event;
  }
}
