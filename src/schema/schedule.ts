import { platformId, type ScheduleId } from '../domain/ids.ts';
import type { ScheduleState, ScheduleType } from '../domain/schedule.ts';
import { parseQuartz, QuartzSyntaxError } from '../runtime/quartz.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './connection.ts';
import { describedEnum } from './enum.ts';
import { entityKeys } from './federation-directives.ts';
import { globalId, parseId } from './global-id.ts';
import { countInput, parseInput } from './input.ts';
import { Node, registerNode } from './node.ts';
import { ScheduleConnection, ScheduleRef, SegmentJobRef } from './refs.ts';

export const ScheduleTypeRef = describedEnum<ScheduleType>('ScheduleType', 'What a schedule runs.', {
  BATCH_SEGMENTATION: 'Segment jobs.',
  EXPORT: 'Export jobs.',
  UNKNOWN: 'A type that the gateway does not know.',
});

export const ScheduleStateRef = describedEnum<ScheduleState>('ScheduleState', 'Whether a schedule runs.', {
  ACTIVE: 'It runs.',
  INACTIVE: 'It does not run until it is made active.',
  UNKNOWN: 'A state that the gateway does not know.',
});

/** Number of runs of a schedule that are reported. */
const runsInput = countInput(5);

ScheduleRef.implement({
  description: 'What is run again and again, and when. An inactive schedule keeps its expression.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (schedule) => globalId('Schedule', schedule.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    name: t.exposeString('name', { nullable: true, description: 'Its name.' }),
    type: t.expose('type', { type: ScheduleTypeRef, description: 'What it runs.' }),
    rawType: t.exposeString('rawType', {
      description: 'Type exactly as returned by the platform; empty if the platform omits it.',
    }),
    state: t.expose('state', { type: ScheduleStateRef, description: 'Whether it runs.' }),
    schedule: t.exposeString('schedule', { description: 'Quartz cron expression, UTC.' }),
    nextRuns: t.field({
      type: ['DateTime'],
      description: 'Next runs computed from `schedule`; empty while inactive.',
      args: { count: t.arg.int({ description: 'How many, 1 to 100; 5 by default.' }) },
      resolve: ({ state, schedule }, args, ctx) => {
        const count = parseInput(runsInput, args.count, 'count');
        return state === 'ACTIVE' ? nextRuns(schedule, ctx.clock.now(), count) : [];
      },
    }),
    frequency: t.exposeString('frequency', {
      nullable: true,
      description: 'Interval in the platform’s own word, such as `daily`; null if the platform omits it.',
    }),
    segmentIds: t.exposeIDList('segmentIds', { description: 'Segment ids, or the single entry "*" for all.' }),
    recentRuns: t.field({
      extensions: { upstreamCalls: 'each' },
      type: [SegmentJobRef],
      nullable: true,
      description:
        'Segment jobs that this schedule started, newest first. The gateway finds them among the newest 1,000 segment jobs.',
      args: { first: t.arg.int({ description: 'How many, 1 to 100; 5 by default.' }) },
      resolve: ({ id }, args, ctx) => ctx.loaders.runsOfSchedule(id, parseInput(runsInput, args.first, 'first')),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', nullable: true, description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', nullable: true, description: 'When it last changed.' }),
  }),
});

/** An expression that the platform took and that is not understood here has runs, but nobody here knows when. */
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
    description: 'A schedule by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.schedule.load(parseId<ScheduleId>('Schedule', id)),
  }),
  schedules: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ScheduleConnection,
    nullable: true,
    description: 'Schedules, newest first.',
    args: connectionArgs(t),
    resolve: (_, args, ctx) => ctx.loaders.schedules(parsePage(args)),
  }),
}));
