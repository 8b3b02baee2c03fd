import type { ExportJob } from '../domain/export-job.ts';
import type { ExportJobId } from '../domain/ids.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { builder } from './builder.ts';
import { cancelJob } from './cancel-job.ts';
import { mutationErrors } from './errors.ts';
import { parseId } from './global-id.ts';
import { ExportJobRef } from './refs.ts';

const CancelExportJobPayload = builder.objectRef<{ exportJob: ExportJob }>('CancelExportJobPayload').implement({
  description: 'The job was marked for cancelling, which takes effect later: watch it until it is terminal.',
  fields: (t) => ({
    exportJob: t.expose('exportJob', {
      type: ExportJobRef,
      description: 'Its state after the mark; the last known one when the platform no longer knows it.',
    }),
  }),
});

builder.mutationField('cancelExportJob', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: CancelExportJobPayload,
    nullable: true,
    description: 'Cancels an export job that has not ended.',
    errors: mutationErrors(NotFoundError, ConflictError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, { loaders, writes, watch }) => ({
      exportJob: await cancelJob({
        id: parseId<ExportJobId>('ExportJob', args.id),
        noun: 'export job',
        load: loaders.exportJob.load,
        writes: writes.exportJobs,
        watch: watch.exportJobs,
      }),
    }),
  }),
);
