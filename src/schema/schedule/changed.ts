import type { ScheduleId } from '../../domain/ids.ts';
import type { Schedule } from '../../domain/schedule.ts';
import type { WatchEvent } from '../../events/watch.ts';
import { builder } from '../builder.ts';
import { parseInput } from '../common/input.ts';
import { ScheduleRef } from '../common/refs.ts';
import { WatchEventInterface, watchInput } from '../common/watch.ts';

const ScheduleEvent = builder.objectRef<WatchEvent<Schedule>>('ScheduleEvent').implement({
  description: 'A change of a schedule, or of the subscription as a whole.',
  interfaces: [WatchEventInterface],
  fields: (t) => ({
    schedule: t.expose('entity', {
      type: ScheduleRef,
      nullable: true,
      description: 'State of the entity. Null if `kind` is STALE, RECOVERED or RESYNC.',
    }),
  }),
});

const watchArgs = watchInput<ScheduleId>('Schedule');

builder.subscriptionField('scheduleChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ScheduleEvent,
    description:
      'Emits the current state (one SNAPSHOT event per schedule), then every change in order, as `exportJobChanged` does for export jobs. A schedule never ends, so that the stream completes only when all schedules of `ids` are removed.',
    args: {
      ids: t.arg.idList({
        description: 'Global or platform ids of the schedules to watch. By default all schedules are watched.',
      }),
      after: t.arg.string({
        description: 'Cursor of the last event that the client received. Omit it to start with the current state.',
      }),
    },
    subscribe: async (_, args, ctx) => {
      const { ids, after } = parseInput(watchArgs, args);
      const { signal, expiresAt } = ctx;
      return ctx.watch.schedules.subscribe({ ids, matches: null, after, signal, expiresAt });
    },
    resolve: (event) => event,
  }),
);
