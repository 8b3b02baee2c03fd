import type { SegmentJobId } from '../../domain/ids.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';
import { ConflictError, NotFoundError } from '../../errors.ts';
import { builder } from '../builder.ts';
import { writes } from '../common/audit.ts';
import { cancelJob } from '../common/cancel-job.ts';
import { mutationErrors } from '../common/errors.ts';
import { parseId } from '../common/global-id.ts';
import { SegmentJobRef } from '../common/refs.ts';

const CancelSegmentJobPayload = builder.objectRef<{ segmentJob: SegmentJob }>('CancelSegmentJobPayload').implement({
  description: 'The job is marked for cancelling, and the platform stops it later. Watch the job until it is terminal.',
  fields: (t) => ({
    segmentJob: t.expose('segmentJob', {
      type: SegmentJobRef,
      description:
        'State of the job after it was marked. If the platform cannot be read, the last known state with the status CANCELLING. If the platform no longer has the job, its last known state.',
    }),
  }),
});

builder.mutationField('cancelSegmentJob', (t) =>
  t.field({
    extensions: { ...writes('SegmentJob', 'cancel'), upstreamCalls: 'each' },
    type: CancelSegmentJobPayload,
    nullable: true,
    description: 'Requests the cancellation of a segment job that has not ended.',
    errors: mutationErrors(NotFoundError, ConflictError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, ctx) => ({
      segmentJob: await cancelJob(ctx, {
        id: parseId<SegmentJobId>('SegmentJob', args.id),
        noun: 'segment job',
        load: ctx.loaders.segmentJob.load,
        writes: ctx.writes.segmentJobs,
        watch: ctx.watch('segmentJobs'),
        withStatus: (job, status) => ({ ...job, ...status }),
      }),
    }),
  }),
);
