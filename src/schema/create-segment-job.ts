import { z } from 'zod';
import { platformId, type SegmentId, type SegmentJobId } from '../domain/ids.ts';
import { everySegment, type SegmentJob } from '../domain/segment-job.ts';
import { ConflictError } from '../errors.ts';
import { builder } from './builder.ts';
import { mutationErrors } from './errors.ts';
import { idInput } from './global-id.ts';
import { createOnce, idempotencyKeyInput } from './idempotency.ts';
import { parseInput } from './input.ts';
import { SegmentJobRef } from './refs.ts';

const CreateSegmentJobInput = builder.inputType('CreateSegmentJobInput', {
  description: 'Which segments to evaluate.',
  fields: (t) => ({
    segmentIds: t.idList({ required: true, description: 'Global or platform ids, or the single entry `*` for all.' }),
    idempotencyKey: t.string({
      description: 'The same key with the same input answers with the first job and creates nothing.',
    }),
  }),
});

/** Beyond this the platform asks for `*`. */
const maxSegments = 1_500;

const createSegmentJobInput = z.object({
  segmentIds: z
    .array(idInput<SegmentId>('SegmentDefinition'))
    .min(1, 'must name at least one segment')
    .max(maxSegments, `must be at most ${maxSegments}; the single entry * stands for all`)
    .superRefine((ids, ctx) => {
      for (const [index, id] of ids.entries()) {
        if (ids.indexOf(id) < index) ctx.addIssue({ code: 'custom', path: [index], message: 'stands twice' });
        if (id === everySegment && ids.length > 1) {
          ctx.addIssue({ code: 'custom', path: [index], message: 'stands for all segments, so it must stand alone' });
        }
      }
    }),
  idempotencyKey: idempotencyKeyInput,
});

const CreateSegmentJobPayload = builder
  .objectRef<{ readonly created: SegmentJob; readonly replayed: boolean }>('CreateSegmentJobPayload')
  .implement({
    description: 'The segment job was accepted. Watch it with `segmentJobChanged`.',
    fields: (t) => ({
      segmentJob: t.expose('created', { type: SegmentJobRef, description: 'The job.' }),
      replayed: t.exposeBoolean('replayed', {
        description: 'True when the idempotency key had created this job before, and nothing was created now.',
      }),
    }),
  });

builder.mutationField('createSegmentJob', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: CreateSegmentJobPayload,
    nullable: true,
    description: 'Starts an evaluation of segments.',
    errors: mutationErrors(ConflictError),
    args: { input: t.arg({ type: CreateSegmentJobInput, required: true, description: 'What to evaluate.' }) },
    resolve: (_, args, ctx) => {
      const { idempotencyKey, segmentIds } = parseInput(createSegmentJobInput, args.input, 'input');
      return createOnce(ctx, {
        operation: 'createSegmentJob',
        key: idempotencyKey,
        input: segmentIds,
        create: async (starting) => {
          await starting();
          const job = await ctx.writes.segmentJobs.create(segmentIds);
          ctx.watch.segmentJobs.nudge();
          ctx.loaders.segmentJob.prime(job);
          return job;
        },
        find: (id) => ctx.loaders.segmentJob.load(platformId<SegmentJobId>(id)),
      });
    },
  }),
);
