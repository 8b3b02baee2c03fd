import { platformId, type ScheduleId } from '../../domain/ids.ts';
import type { ScheduleState, ScheduleType } from '../../domain/schedule.ts';
import { parseQuartz, QuartzSyntaxError } from '../../runtime/quartz.ts';
import { builder } from '../builder.ts';
import { connectionArgs, parsePage } from '../common/connection.ts';
import { describedEnum } from '../common/enum.ts';
import { globalId, parseId } from '../common/global-id.ts';
import { countInput, parseInput } from '../common/input.ts';
import { ScheduleConnection, ScheduleRef, SegmentJobRef } from '../common/refs.ts';
import { entityKeys } from '../federation/directives.ts';
import { Node, registerNode } from '../node.ts';

export const ScheduleTypeRef = describedEnum<ScheduleType>('ScheduleType', 'Type of the jobs that a schedule starts.', {
  BATCH_SEGMENTATION: 'The schedule starts segment jobs.',
  EXPORT: 'The schedule starts export jobs.',
  UNKNOWN: 'A type that the gateway does not know.',
});

export const ScheduleStateRef = describedEnum<ScheduleState>('ScheduleState', 'State of a schedule.', {
  ACTIVE: 'The schedule starts jobs.',
  INACTIVE: 'The schedule starts no jobs until its state is ACTIVE.',
  UNKNOWN: 'A state that the gateway does not know.',
});

/** Number of runs of a schedule that are reported. */
const runsInput = countInput(5);

ScheduleRef.implement({
  description: 'A schedule that starts jobs at recurring times. An inactive schedule keeps its expression.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({
      description: 'Global id, unique across all types.',
      resolve: (schedule) => globalId('Schedule', schedule.id),
    }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Name of the schedule. Null if the platform does not report it.',
    }),
    type: t.expose('type', { type: ScheduleTypeRef, description: 'Type of the jobs that the schedule starts.' }),
    rawType: t.exposeString('rawType', {
      description: 'Type exactly as returned by the platform; empty if the platform omits it.',
    }),
    state: t.expose('state', { type: ScheduleStateRef, description: 'State of the schedule.' }),
    schedule: t.exposeString('schedule', { description: 'Quartz cron expression in UTC.' }),
    nextRuns: t.field({
      type: ['DateTime'],
      description: 'Times of the next runs, computed from `schedule`. Empty while the schedule is inactive.',
      args: { count: t.arg.int({ description: 'Number of entries, 1 to 100; 5 by default.' }) },
      resolve: ({ state, schedule }, args, ctx) => {
        const count = parseInput(runsInput, args.count, 'count');
        return state === 'ACTIVE' ? nextRuns(schedule, ctx.clock.now(), count) : [];
      },
    }),
    frequency: t.exposeString('frequency', {
      nullable: true,
      description:
        'Interval exactly as returned by the platform, for example `daily`. Null if the platform does not report it.',
    }),
    segmentIds: t.exposeIDList('segmentIds', {
      description: 'The platform’s ids of the segments, or the single entry `*` for all segments.',
    }),
    recentRuns: t.field({
      extensions: { upstreamCalls: 'each' },
      type: [SegmentJobRef],
      nullable: true,
      description:
        'Segment jobs that this schedule started, newest first. The gateway finds them among the newest 1,000 segment jobs.',
      args: { first: t.arg.int({ description: 'Number of entries, 1 to 100; 5 by default.' }) },
      resolve: ({ id }, args, ctx) => ctx.loaders.runsOfSchedule(id, parseInput(runsInput, args.first, 'first')),
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of creation. Null if the platform does not report it.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the last change. Null if the platform does not report it.',
    }),
  }),
});

/** Returns an empty list for an expression that the platform accepts and the gateway cannot parse. */
function nextRuns(expression: string, after: Date, count: number): readonly Date[] {
  try {
    return parseQuartz(expression).nextRuns(after, count);
  } catch (error) {
    if (error instanceof QuartzSyntaxError) return [];
    throw error;
  }
}

registerNode('Schedule', (id, ctx) => ctx.loaders.schedule.load(platformId<ScheduleId>(id)));

builder.queryFields((t) => ({
  schedule: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ScheduleRef,
    nullable: true,
    description: 'The schedule with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.schedule.load(parseId<ScheduleId>('Schedule', id)),
  }),
  schedules: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ScheduleConnection,
    nullable: true,
    description: 'Schedules of the sandbox, newest first.',
    args: connectionArgs(t),
    resolve: (_, args, ctx) => ctx.loaders.schedules(parsePage(args)),
  }),
}));
