import type { ExportJobId } from '../../domain/ids.ts';
import { awaitField } from '../common/await-field.ts';
import { ExportJobRef } from '../common/refs.ts';

awaitField('exportJobs', {
  typename: 'ExportJob',
  type: ExportJobRef,
  noun: 'an export job',
  load: (ctx, id: ExportJobId) => ctx.loaders.exportJob.load(id),
  // The batches of a query are read for it. The poller knows them only if a subscription watches them.
  shown: ({ observedBatches: _, ...job }) => job,
});
