import type { WatchEvent } from '../../events/watch.ts';
import { builder } from '../builder.ts';
import { describedEnum } from './enum.ts';

export const WatchEventKindRef = describedEnum<WatchEvent<unknown>['kind']>(
  'WatchEventKind',
  'Kind of an event of a subscription.',
  {
    SNAPSHOT:
      'Current state. It is emitted at the start of a subscription and when the state is sent again, for example after RESYNC.',
    CREATED: 'The entity was created after the subscription started.',
    CHANGED: 'The state of the entity differs from the state that was emitted before.',
    REMOVED: 'The platform no longer has the entity. The event contains its last state.',
    STALE: 'A part of the subscribed data could not be read for some time, so that it may be out of date.',
    RECOVERED: 'All subscribed data is readable again.',
    RESYNC: 'This subscriber missed events. SNAPSHOT events follow.',
    OVERDUE:
      'The job has run longer than nine of ten earlier runs. It is emitted once per job. A job that was overdue before the gateway watched it is only in SNAPSHOT events, with `isOverdue: true`.',
  },
);

/** The members that the events of every subscription have. */
export const WatchEventInterface = builder.interfaceRef<WatchEvent<unknown>>('WatchEvent').implement({
  description: 'An event of a subscription: a change of one entity, or of the subscription as a whole.',
  fields: (t) => ({
    kind: t.expose('kind', { type: WatchEventKindRef, description: 'Kind of the event.' }),
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
