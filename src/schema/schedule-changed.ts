import type { ScheduleId } from '../domain/ids.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { WatchEvent } from '../events/watch.ts';
import { builder } from './builder.ts';
import { parseInput } from './input.ts';
import { ScheduleRef } from './refs.ts';
import { WatchEventInterface, watchInput } from './watch.ts';

const ScheduleEvent = builder.objectRef<WatchEvent<Schedule>>('ScheduleEvent').implement({
  description: 'A change of a schedule, or of the subscription as a whole.',
  interfaces: [WatchEventInterface],
  fields: (t) => ({
    schedule: t.expose('entity', {
      type: ScheduleRef,
      nullable: true,
      description: 'Null on STALE, RECOVERED and RESYNC.',
    }),
  }),
});

const watchArgs = watchInput<ScheduleId>('Schedule');

builder.subscriptionField('scheduleChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ScheduleEvent,
    description:
      'Like `exportJobChanged`, for schedules. A schedule never ends, so the stream completes only when all of `ids` are removed.',
    args: {
      ids: t.arg.idList({ description: 'Only these schedules, global or platform ids.' }),
      after: t.arg.string({ description: 'Cursor of the last received event.' }),
    },
    subscribe: async (_, args, ctx) => {
      const { ids, after } = parseInput(watchArgs, args);
      const { signal, expiresAt } = ctx;
      return ctx.watch.schedules.subscribe({ ids, matches: null, after, signal, expiresAt });
    },
    resolve: (event) => event,
  }),
);
