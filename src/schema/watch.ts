import { z } from 'zod';
import type { Branded } from '../domain/tenant.ts';
import type { WatchEvent } from '../events/watch.ts';
import { describedEnum } from './enum.ts';
import { idInput, type NodeTypename } from './global-id.ts';
import { nullable, optional } from './input.ts';

export const WatchEventKindRef = describedEnum<WatchEvent<unknown>['kind']>(
  'WatchEventKind',
  'What an event of a live view says.',
  {
    SNAPSHOT: 'The state as the view begins, or as it is told again.',
    CREATED: 'New since the view began.',
    CHANGED: 'Different from what was sent before.',
    REMOVED: 'The platform no longer knows it; the event holds its last state.',
    STALE: 'The platform could not be read for a while: what was sent last may be out of date.',
    RECOVERED: 'The platform is readable again.',
    RESYNC: 'Events were lost to this subscriber; snapshots follow.',
  },
);

/** Ids that one subscription may name. */
const maxWatchedIds = 1_000;

/** The arguments that every live view has. Made once for each: making it costs thirty times what a check does. */
export const watchInput = <Id extends Branded<string>>(typename: NodeTypename) =>
  z.object({
    ids: nullable(
      z
        .array(idInput<Id>(typename))
        .min(1, 'must name at least one, or be left out')
        .max(maxWatchedIds, `must be at most ${maxWatchedIds}`),
    ),
    after: optional(z.string().max(200)),
  });
