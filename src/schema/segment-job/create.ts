import { z } from 'zod';
import { platformId, type SegmentId, type SegmentJobId } from '../../domain/ids.ts';
import { everySegment, type SegmentJob } from '../../domain/segment-job.ts';
import { ConflictError } from '../../errors.ts';
import { builder } from '../builder.ts';
import { writes } from '../common/audit.ts';
import { namedSegments, runChecks, segmentsCheck } from '../common/create-checks.ts';
import { mutationErrors } from '../common/errors.ts';
import { idInput } from '../common/global-id.ts';
import { createIdempotently, idempotencyKeyInput } from '../common/idempotency.ts';
import { distinct, listInput, maxSegments, nullable, parseInput } from '../common/input.ts';
import { SegmentJobRef } from '../common/refs.ts';

const CreateSegmentJobInput = builder.inputType('CreateSegmentJobInput', {
  description: 'The segments to evaluate.',
  fields: (t) => ({
    segmentIds: t.idList({
      required: true,
      description: 'Global or platform ids of the segments, or the single entry `*` for all segments.',
    }),
    idempotencyKey: t.string({
      description:
        'Makes the request safe to repeat: for 24 hours, the same key with the same input returns the first job and creates nothing. At most 200 characters.',
    }),
    skipChecks: t.boolean({
      description:
        'True creates without a check. By default the gateway first checks, with one call to the platform, that the first 100 segments exist.',
    }),
  }),
});

const createSegmentJobInput = z.object({
  segmentIds: listInput(idInput<SegmentId>('SegmentDefinition'), {
    maximum: maxSegments,
    hint: '; the single entry * means every segment',
    empty: 'must name at least one segment',
  })
    .superRefine(distinct((id) => id))
    .superRefine((ids, ctx) => {
      const index = ids.indexOf(platformId(everySegment));
      if (index < 0 || ids.length === 1) return;
      ctx.addIssue({ code: 'custom', path: [index], message: 'means every segment, so it must be the only entry' });
    }),
  idempotencyKey: idempotencyKeyInput,
  skipChecks: nullable(z.boolean()),
});

const CreateSegmentJobPayload = builder
  .objectRef<{ readonly created: SegmentJob; readonly replayed: boolean }>('CreateSegmentJobPayload')
  .implement({
    description: 'The segment job was accepted. Watch it with `segmentJobChanged`.',
    fields: (t) => ({
      segmentJob: t.expose('created', { type: SegmentJobRef, description: 'The created job.' }),
      replayed: t.exposeBoolean('replayed', {
        description:
          'True if an earlier request with the same idempotency key created this job, so that this request created nothing.',
      }),
    }),
  });

builder.mutationField('createSegmentJob', (t) =>
  t.field({
    extensions: { ...writes('SegmentJob', 'create'), upstreamCalls: 'each' },
    type: CreateSegmentJobPayload,
    nullable: true,
    description: 'Starts a job that evaluates segments.',
    errors: mutationErrors(ConflictError),
    args: { input: t.arg({ type: CreateSegmentJobInput, required: true, description: 'The segments to evaluate.' }) },
    resolve: (_, args, ctx) => {
      const { idempotencyKey, segmentIds, skipChecks } = parseInput(createSegmentJobInput, args.input, 'input');
      return createIdempotently(ctx, {
        operation: 'createSegmentJob',
        entity: 'SegmentJob',
        key: idempotencyKey,
        input: segmentIds,
        create: async (starting) => {
          if (skipChecks !== true) await runChecks(ctx, [segmentsCheck(ctx, namedSegments(segmentIds))]);
          await starting();
          const job = await ctx.writes.segmentJobs.create(segmentIds);
          // Before a subscription can emit the job.
          await ctx.saveRequester({ type: 'SegmentJob', id: job.id });
          ctx.watch('segmentJobs').nudge();
          ctx.loaders.segmentJob.prime(job);
          return job;
        },
        find: (id) => ctx.loaders.segmentJob.load(platformId<SegmentJobId>(id)),
      });
    },
  }),
);
