import { type ExportJob, wholeExportJob } from '../../domain/export-job.ts';
import type { ExportJobId } from '../../domain/ids.ts';
import { ConflictError, NotFoundError } from '../../errors.ts';
import { builder } from '../builder.ts';
import { writes } from '../common/audit.ts';
import { cancelJob } from '../common/cancel-job.ts';
import { mutationErrors } from '../common/errors.ts';
import { parseId } from '../common/global-id.ts';
import { ExportJobRef } from '../common/refs.ts';

const CancelExportJobPayload = builder.objectRef<{ exportJob: ExportJob }>('CancelExportJobPayload').implement({
  description: 'The job is marked for cancelling, and the platform stops it later. Watch the job until it is terminal.',
  fields: (t) => ({
    exportJob: t.expose('exportJob', {
      type: ExportJobRef,
      description:
        'State of the job after it was marked. If the platform cannot be read, the last known state with the status CANCELLING. If the platform no longer has the job, its last known state.',
    }),
  }),
});

builder.mutationField('cancelExportJob', (t) =>
  t.field({
    extensions: { ...writes('ExportJob', 'cancel'), upstreamCalls: 'each' },
    type: CancelExportJobPayload,
    nullable: true,
    description: 'Requests the cancellation of an export job that has not ended.',
    errors: mutationErrors(NotFoundError, ConflictError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, ctx) => ({
      exportJob: await cancelJob(ctx, {
        id: parseId<ExportJobId>('ExportJob', args.id),
        noun: 'export job',
        load: ctx.loaders.exportJob.load,
        writes: ctx.writes.exportJobs,
        watch: ctx.watch('exportJobs'),
        withStatus: (job, status) => ({ ...wholeExportJob(job), ...status }),
      }),
    }),
  }),
);
