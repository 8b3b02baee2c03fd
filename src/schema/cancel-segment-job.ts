import type { SegmentJobId } from '../domain/ids.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { builder } from './builder.ts';
import { cancelJob } from './cancel-job.ts';
import { mutationErrors } from './errors.ts';
import { parseId } from './global-id.ts';
import { SegmentJobRef } from './refs.ts';

const CancelSegmentJobPayload = builder.objectRef<{ segmentJob: SegmentJob }>('CancelSegmentJobPayload').implement({
  description: 'The job was marked for cancelling, which takes effect later: watch it until it is terminal.',
  fields: (t) => ({
    segmentJob: t.expose('segmentJob', {
      type: SegmentJobRef,
      description: 'Its state after the mark; the last known one when the platform no longer knows it.',
    }),
  }),
});

builder.mutationField('cancelSegmentJob', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: CancelSegmentJobPayload,
    nullable: true,
    description: 'Cancels a segment job that has not ended.',
    errors: mutationErrors(NotFoundError, ConflictError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, { loaders, writes, watch }) => ({
      segmentJob: await cancelJob({
        id: parseId<SegmentJobId>('SegmentJob', args.id),
        noun: 'segment job',
        load: loaders.segmentJob.load,
        writes: writes.segmentJobs,
        watch: watch.segmentJobs,
      }),
    }),
  }),
);
