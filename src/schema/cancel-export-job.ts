import { type ExportJob, isTerminalExportJobStatus } from '../domain/export-job.ts';
import type { ExportJobId } from '../domain/ids.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { builder } from './builder.ts';
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
    type: CancelExportJobPayload,
    description: 'Cancels an export job that has not ended.',
    errors: mutationErrors(NotFoundError, ConflictError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, { loaders, writes, watch }) => {
      const id = parseId<ExportJobId>('ExportJob', args.id);
      const job = await loaders.exportJob.load(id);
      if (job === null) throw new NotFoundError(args.id, { message: `There is no export job ${id}.` });
      if (isTerminalExportJobStatus(job.status)) {
        throw new ConflictError({ message: `Export job ${id} has already ended: it is ${job.status}.` });
      }
      const known = await writes.exportJobs.cancel(id);
      watch.exportJobs.nudge();
      return { exportJob: (known ? await writes.exportJobs.get(id) : null) ?? job };
    },
  }),
);
