import { z } from 'zod';
import type { GatewayContext } from '../../context/context.ts';
import { platformId, type ScheduleId, type SegmentId } from '../../domain/ids.ts';
import {
  type NewSchedule,
  type Schedule,
  type ScheduleChange,
  scheduleStates,
  scheduleTypes,
} from '../../domain/schedule.ts';
import { everySegment } from '../../domain/segment-job.ts';
import { ConflictError, NotFoundError, PlatformError } from '../../errors.ts';
import { parseQuartz, QuartzSyntaxError } from '../../runtime/quartz.ts';
import { builder } from '../builder.ts';
import { readAfterWrite, sendWrite } from '../common/after-write.ts';
import { writes } from '../common/audit.ts';
import { namedSegments, runChecks, segmentsCheck } from '../common/create-checks.ts';
import { mutationErrors } from '../common/errors.ts';
import { globalId, idInput, parseId } from '../common/global-id.ts';
import { createIdempotently, idempotencyKeyInput } from '../common/idempotency.ts';
import { distinct, listInput, maxSegments, nonEmpty, nullable, optional, parseInput } from '../common/input.ts';
import { ScheduleRef } from '../common/refs.ts';
import { ScheduleStateRef, ScheduleTypeRef } from './type.ts';

const CreateScheduleInput = builder.inputType('CreateScheduleInput', {
  description: 'The schedule to create. The platform allows one schedule per organization.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Name of the schedule.' }),
    type: t.field({ type: ScheduleTypeRef, required: true, description: 'Type of the jobs that the schedule starts.' }),
    schedule: t.string({
      required: true,
      description: 'Quartz cron expression in UTC. It may start at most one run per day.',
    }),
    segmentIds: t.idList({
      description:
        'Global or platform ids of the segments, or the single entry `*` for all segments. All segments by default.',
    }),
    state: t.field({ type: ScheduleStateRef, description: 'State of the schedule; INACTIVE by default.' }),
    idempotencyKey: t.string({
      description:
        'Makes the request safe to repeat: for 24 hours, the same key with the same input returns the first schedule and creates nothing. At most 200 characters.',
    }),
    skipChecks: t.boolean({
      description:
        'True creates without a check. By default the gateway first checks, with one call to the platform, that the first 100 segments exist.',
    }),
  }),
});

const UpdateScheduleInput = builder.inputType('UpdateScheduleInput', {
  description: 'The changes; at least one field is required. The platform applies them within 30 minutes.',
  fields: (t) => ({
    state: t.field({ type: ScheduleStateRef, description: 'New state of the schedule. By default it stays as it is.' }),
    schedule: t.string({
      description:
        'New Quartz cron expression in UTC. It may start at most one run per day. By default it stays as it is.',
    }),
  }),
});

/** The expression is checked before the request, because the platform's error does not name the mistake. */
const cronInput = nonEmpty(200).superRefine((expression, ctx) => {
  try {
    const { runsPerDay } = parseQuartz(expression);
    if (runsPerDay > 1) {
      ctx.addIssue(
        `would run ${runsPerDay} times a day, but the platform allows one run: specify one second, one minute and one hour`,
      );
    }
  } catch (error) {
    if (!(error instanceof QuartzSyntaxError)) throw error;
    ctx.addIssue(`is not a Quartz cron expression: ${error.message}`);
  }
});

const stateInput = z.enum(scheduleStates).exclude(['UNKNOWN'], 'must be ACTIVE or INACTIVE');

const createScheduleInput = z.object({
  name: nonEmpty(500),
  type: z.enum(scheduleTypes).exclude(['UNKNOWN'], 'must be BATCH_SEGMENTATION or EXPORT'),
  schedule: cronInput,
  segmentIds: optional(
    listInput(idInput<SegmentId>('SegmentDefinition'), {
      maximum: maxSegments,
      empty: 'must name at least one segment, or be omitted for all',
    })
      .superRefine(distinct((id) => id))
      .refine((ids) => ids.length === 1 || !ids.includes(platformId(everySegment)), '* must be the only entry'),
  ),
  state: optional(stateInput),
  idempotencyKey: idempotencyKeyInput,
  skipChecks: nullable(z.boolean()),
});

const updateScheduleInput = z
  .object({ state: optional(stateInput), schedule: optional(cronInput) })
  .refine(({ state, schedule }) => state !== undefined || schedule !== undefined, 'must change something');

const payload = (name: string, description: string) =>
  builder.objectRef<{ schedule: Schedule }>(name).implement({
    description,
    fields: (t) => ({
      schedule: t.expose('schedule', { type: ScheduleRef, description: 'State of the schedule after the change.' }),
    }),
  });

const CreateSchedulePayload = payload('CreateSchedulePayload', 'The schedule was created.');
const UpdateSchedulePayload = payload('UpdateSchedulePayload', 'The schedule was changed.');

const DeleteSchedulePayload = builder.objectRef<{ deletedId: ScheduleId }>('DeleteSchedulePayload').implement({
  description: 'The schedule was deleted.',
  fields: (t) => ({
    deletedId: t.id({
      description: 'Global id of the deleted schedule.',
      resolve: ({ deletedId }) => globalId('Schedule', deletedId),
    }),
  }),
});

const notFound = (id: string): NotFoundError => new NotFoundError(id, { message: `There is no schedule ${id}.` });

builder.mutationFields((t) => ({
  createSchedule: t.field({
    extensions: { ...writes('Schedule', 'create'), upstreamCalls: 'each' },
    type: CreateSchedulePayload,
    nullable: true,
    description: 'Creates a schedule.',
    errors: mutationErrors(ConflictError),
    args: { input: t.arg({ type: CreateScheduleInput, required: true, description: 'The schedule to create.' }) },
    resolve: async (_, args, ctx) => {
      const { idempotencyKey, skipChecks, ...input } = parseInput(createScheduleInput, args.input, 'input');
      const { created: schedule } = await createIdempotently(ctx, {
        operation: 'createSchedule',
        entity: 'Schedule',
        key: idempotencyKey,
        input,
        create: async (starting) => {
          const { segmentIds = [platformId<SegmentId>(everySegment)], state = 'INACTIVE', ...others } = input;
          if (skipChecks !== true) await runChecks(ctx, [segmentsCheck(ctx, namedSegments(segmentIds))]);
          await starting();
          return await createSchedule(ctx, { ...others, segmentIds, state });
        },
        find: (id) => ctx.loaders.schedule.load(platformId<ScheduleId>(id)),
      });
      return { schedule };
    },
  }),
  updateSchedule: t.field({
    extensions: { ...writes('Schedule', 'update'), upstreamCalls: 'each' },
    type: UpdateSchedulePayload,
    nullable: true,
    description: 'Changes the state or the time of a schedule.',
    errors: mutationErrors(NotFoundError, ConflictError),
    args: {
      id: t.arg.id({ required: true, description: 'Global id or platform id.' }),
      input: t.arg({ type: UpdateScheduleInput, required: true, description: 'The changes.' }),
    },
    resolve: async (_, args, ctx) => {
      const id = parseId<ScheduleId>('Schedule', args.id);
      const change = parseInput(updateScheduleInput, args.input, 'input');
      return { schedule: await updateSchedule(ctx, id, change) };
    },
  }),
  deleteSchedule: t.field({
    extensions: { ...writes('Schedule', 'delete'), upstreamCalls: 'each' },
    type: DeleteSchedulePayload,
    nullable: true,
    description: 'Deletes a schedule. Jobs that it has started continue.',
    errors: mutationErrors(NotFoundError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, ctx) => {
      const id = parseId<ScheduleId>('Schedule', args.id);
      if (!(await deleteSchedule(ctx, id))) throw notFound(id);
      return { deletedId: id };
    },
  }),
}));

/** Matches the platform's messages that a schedule already exists. */
const isAboutAnother =
  /\bschedules?\b.*\b(?:already|another|duplicate|exists?|limit|maximum|more than|multiple|one)\b/i;
const isAboutOnlyOne = /\b(?:already|another|duplicate|limit|maximum|more than|multiple|one)\b.*\bschedules?\b/i;

/**
 * The platform rejects a second schedule with the status of any invalid request. An existing schedule is the reason if
 * the message states it, or states no reason.
 */
async function createSchedule(
  { writes, watch }: Pick<GatewayContext, 'writes' | 'watch'>,
  schedule: NewSchedule,
): Promise<Schedule> {
  try {
    const created = await writes.schedules.create(schedule);
    watch('schedules').nudge();
    return created;
  } catch (error) {
    if (!(error instanceof PlatformError) || !rejectedStatuses.has(error.status)) throw error;
    const isSilent = error.upstream?.title === null;
    if (!isSilent && !isAboutAnother.test(error.message) && !isAboutOnlyOne.test(error.message)) throw error;
    // If the list cannot be read, the rejection itself is all that is known.
    const existing = await writes.schedules.list().catch(() => []);
    if (existing.length === 0) throw error;
    throw new ConflictError({
      message: `The platform allows one schedule, and one exists already: ${error.message}`,
      cause: error,
    });
  }
}

/** Statuses of an invalid request. */
const rejectedStatuses: ReadonlySet<number> = new Set([400, 422]);

/** The platform responds to an update without content, so that the schedule is read before and after it. */
async function updateSchedule(
  ctx: Pick<GatewayContext, 'writes' | 'watch' | 'clock'>,
  id: ScheduleId,
  change: ScheduleChange,
): Promise<Schedule> {
  const { schedules } = ctx.writes;
  const before = await schedules.get(id);
  if (before === null) throw notFound(id);
  const { state = before.state, schedule = before.schedule } = change;
  const isChanged = async () => {
    const now = await schedules.get(id);
    return now !== null && now.state === state && now.schedule === schedule.trim();
  };
  try {
    if (!(await sendWrite(() => schedules.update(id, change), isChanged))) throw notFound(id);
  } finally {
    ctx.watch('schedules').nudge();
  }
  const assumed = { ...before, state, schedule };
  return (await readAfterWrite(ctx, () => schedules.get(id), assumed)) ?? assumed;
}

/** @returns false if the schedule does not exist */
async function deleteSchedule(
  { writes, watch }: Pick<GatewayContext, 'writes' | 'watch'>,
  id: ScheduleId,
): Promise<boolean> {
  const isGone = async () => (await writes.schedules.get(id)) === null;
  try {
    return await sendWrite(() => writes.schedules.delete(id), isGone);
  } finally {
    watch('schedules').nudge();
  }
}
