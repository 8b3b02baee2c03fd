import { z } from 'zod';
import { maxEndedWithinSeconds } from '../domain/job.ts';
import type { Branded } from '../domain/tenant.ts';
import type { WatchEvent } from '../events/watch.ts';
import { builder } from './builder.ts';
import { describedEnum } from './enum.ts';
import { idInput, type NodeTypename } from './global-id.ts';
import { listInput, nullable, optional, textInput } from './input.ts';

export const WatchEventKindRef = describedEnum<WatchEvent<unknown>['kind']>(
  'WatchEventKind',
  'What an event of a live view says.',
  {
    SNAPSHOT: 'The state as the view begins, or as it is sent again.',
    CREATED: 'New since the view began.',
    CHANGED: 'Different from what was sent before.',
    REMOVED: 'The platform no longer knows it; the event holds its last state.',
    STALE: 'A part of what the view shows could not be read for a while, so it may be out of date.',
    RECOVERED: 'All of what the view shows is readable again.',
    RESYNC: 'Events were lost to this subscriber; snapshots follow.',
  },
);

/** The members that the events of every subscription have. */
export const WatchEventInterface = builder.interfaceRef<WatchEvent<unknown>>('WatchEvent').implement({
  description: 'An event of a subscription: a change of one entity, or of the subscription as a whole.',
  fields: (t) => ({
    kind: t.expose('kind', { type: WatchEventKindRef, description: 'What happened.' }),
    cursor: t.exposeString('cursor', {
      description:
        'Position of this event. Pass it as `after` to resume after this event. Several SNAPSHOT events can have the same cursor.',
    }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'Time at which the gateway read this state from the platform.',
    }),
  }),
});

/** Number of ids in one subscription. */
const maxWatchedIds = 1_000;

/** Jobs that a client may have missed while it connected again, in seconds. */
const defaultEndedWithinSeconds = 900;

/** The argument of live views of jobs. */
export const endedWithinInput = z
  .number()
  .int()
  .min(0, 'must be at least 0')
  .max(maxEndedWithinSeconds, `must be at most ${maxEndedWithinSeconds}`)
  .nullish()
  .transform((seconds) => seconds ?? defaultEndedWithinSeconds);

export const endedWithinDescription = [
  'Without `ids`, the stream also starts with the jobs that ended within this number of seconds, so that a client that',
  `reconnects with its original variables receives their final states. 0 to ${maxEndedWithinSeconds}, ${defaultEndedWithinSeconds} by default, 0 for none.`,
].join('\n');

/** The arguments that every live view has. Made once for each: making it costs thirty times what a check does. */
export const watchInput = <Id extends Branded<string>>(typename: NodeTypename) =>
  z.object({
    ids: nullable(
      listInput(idInput<Id>(typename), { maximum: maxWatchedIds, empty: 'must name at least one, or be omitted' }),
    ),
    after: optional(textInput(200)),
  });
