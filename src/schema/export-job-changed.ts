import type { ExportJob } from '../domain/export-job.ts';
import { matchesExportJobFilter } from '../domain/export-job-filter.ts';
import type { ExportJobId } from '../domain/ids.ts';
import type { WatchEvent } from '../events/watch.ts';
import { builder } from './builder.ts';
import { ExportJobFilterInput, ExportJobStatusRef, parseExportJobFilter } from './export-job-filter.ts';
import { parseInput } from './input.ts';
import { ExportJobRef } from './refs.ts';
import { selects } from './selects.ts';
import { endedWithinDescription, endedWithinInput, WatchEventInterface, watchInput } from './watch.ts';

const ExportJobEvent = builder.objectRef<WatchEvent<ExportJob>>('ExportJobEvent').implement({
  description: 'A change of an export job, or of the subscription as a whole.',
  interfaces: [WatchEventInterface],
  fields: (t) => ({
    previousStatus: t.field({
      type: ExportJobStatusRef,
      nullable: true,
      description: 'Status before the change; null where there was none.',
      resolve: ({ previous }) => previous?.status ?? null,
    }),
    job: t.expose('entity', {
      type: ExportJobRef,
      nullable: true,
      description: 'Null on STALE, RECOVERED and RESYNC.',
    }),
  }),
});

const watchArgs = watchInput<ExportJobId>('ExportJob').extend({ endedWithinSeconds: endedWithinInput });

builder.subscriptionField('exportJobChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobEvent,
    description: [
      'Emits the current state (one SNAPSHOT event per job), then every change in order. With `ids`, the stream completes when all of these',
      'jobs have ended or are removed, regardless of `filter`. Without `ids` it starts with the jobs that have not ended, and with those that',
      'ended within the last `endedWithinSeconds`. `filter` selects the events that are sent; a job that leaves it is sent once more.',
      'A subscription that selects `job.destination.batches.batch` also receives each change of the status of these batches, and with `ids`',
      'it completes only when the batches of jobs that are SUCCEEDED are readable, have ended or are no longer in Catalog, or 15 minutes',
      'after the end of the job.',
      '`after` accepts the cursor of the last received event and replays the missed events. If the cursor is too old or unknown, the stream',
      'emits a RESYNC event followed by SNAPSHOT events.',
    ].join('\n'),
    args: {
      ids: t.arg.idList({ description: 'Only these jobs, as global or platform ids.' }),
      filter: t.arg({ type: ExportJobFilterInput, description: 'Only jobs that match.' }),
      after: t.arg.string({ description: 'Cursor of the last received event.' }),
      endedWithinSeconds: t.arg.int({ description: endedWithinDescription }),
    },
    subscribe: async (_, args, ctx, info) => {
      const { ids, after, endedWithinSeconds } = parseInput(watchArgs, args);
      const filter = parseExportJobFilter(args.filter);
      const matches = filter === null ? null : (job: ExportJob) => matchesExportJobFilter(job, filter);
      const { signal, expiresAt } = ctx;
      const withResults = selects(info, ['job', 'destination', 'batches', 'batch']);
      return ctx.watch.exportJobs.subscribe({
        ids,
        withResults,
        matches,
        after,
        endedWithinSeconds,
        signal,
        expiresAt,
      });
    },
    resolve: (event) => event,
  }),
);
