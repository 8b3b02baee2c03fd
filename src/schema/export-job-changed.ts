import type { ExportJob } from '../domain/export-job.ts';
import { matchesExportJobFilter } from '../domain/export-job-filter.ts';
import type { ExportJobId } from '../domain/ids.ts';
import type { WatchEvent } from '../events/watch.ts';
import { builder } from './builder.ts';
import { ExportJobFilterInput, ExportJobStatusRef, parseExportJobFilter } from './export-job-filter.ts';
import { parseInput } from './input.ts';
import { ExportJobRef } from './refs.ts';
import { WatchEventInterface, watchInput } from './watch.ts';

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

const watchArgs = watchInput<ExportJobId>('ExportJob');

builder.subscriptionField('exportJobChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobEvent,
    description: [
      'Starts with the present state (one SNAPSHOT event per job), then every change in order. With `ids`, the stream completes by itself',
      'when all of them are terminal. With neither `ids` nor `filter` it watches the whole sandbox and starts with the jobs that are not terminal.',
      'With `filter`, a job that leaves the filter is told once more.',
      '`after` takes the cursor of the last event seen: what was missed is replayed; a cursor too old or unknown gives a RESYNC event',
      'followed by SNAPSHOT events.',
    ].join('\n'),
    args: {
      ids: t.arg.idList({ description: 'Only these jobs, global or platform ids.' }),
      filter: t.arg({ type: ExportJobFilterInput, description: 'Only jobs that match.' }),
      after: t.arg.string({ description: 'Cursor of the last event seen.' }),
    },
    subscribe: async (_, args, ctx) => {
      const { ids, after } = parseInput(watchArgs, args);
      const filter = parseExportJobFilter(args.filter);
      const matches = filter === null ? null : (job: ExportJob) => matchesExportJobFilter(job, filter);
      const { signal, expiresAt } = ctx;
      return ctx.watch.exportJobs.subscribe({ ids, matches, after, signal, expiresAt });
    },
    resolve: (event) => event,
  }),
);
