import { type ExportJob, unreadBatches } from '../../domain/export-job.ts';
import { matchesExportJobFilter } from '../../domain/export-job-filter.ts';
import type { ExportJobId } from '../../domain/ids.ts';
import { isTerminalJob } from '../../domain/job.ts';
import type { WatchEvent } from '../../events/watch.ts';
import { builder } from '../builder.ts';
import { parseInput } from '../common/input.ts';
import { ExportJobRef } from '../common/refs.ts';
import { selects } from '../common/selects.ts';
import { endedWithinDescription, endedWithinInput, WatchEventInterface, watchInput } from '../common/watch.ts';
import { ExportJobFilterInput, ExportJobStatusRef, parseExportJobFilter } from './filter.ts';

const ExportJobEvent = builder.objectRef<WatchEvent<ExportJob>>('ExportJobEvent').implement({
  description: 'A change of an export job, or of the subscription as a whole.',
  interfaces: [WatchEventInterface],
  fields: (t) => ({
    previousStatus: t.field({
      type: ExportJobStatusRef,
      nullable: true,
      description: 'Status before the change. Null if there was no earlier status.',
      resolve: ({ previous }) => previous?.status ?? null,
    }),
    job: t.field({
      type: ExportJobRef,
      nullable: true,
      description: 'State of the entity. Null if `kind` is STALE, RECOVERED or RESYNC.',
      resolve: ({ entity }) => (entity === null ? null : withFollowedBatches(entity)),
    }),
  }),
});

/**
 * The job of an event. Batches of a running job belong to the event from the start: their status at the time of the
 * request would be newer than that of the next event, if the feed has read them before.
 */
function withFollowedBatches(job: ExportJob): ExportJob {
  if (job.observedBatches !== undefined || isTerminalJob(job)) return job;
  return { ...job, observedBatches: unreadBatches };
}

const watchArgs = watchInput<ExportJobId>('ExportJob').extend({ endedWithinSeconds: endedWithinInput });

builder.subscriptionField('exportJobChanged', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobEvent,
    description: [
      'Emits the current state (one SNAPSHOT event per job), then every change in order. With `ids`, the stream completes when all of these',
      'jobs have ended or are removed, regardless of `filter`. Without `ids`, it starts with the jobs that have not ended and the jobs that',
      'ended within the last `endedWithinSeconds`. `filter` selects the events that are emitted; a job that leaves it is emitted once more.',
      'A subscription that selects `job.destination.batches.batch` also receives each status change of these batches. With `ids`, it then',
      'stays open until the batches of each SUCCEEDED job are readable, have ended or are no longer in Catalog, but at most 15 minutes',
      'after the end of the job.',
      '`after` accepts the cursor of the last received event and replays the missed events. If the cursor is too old or unknown, the stream',
      'emits a RESYNC event followed by SNAPSHOT events.',
    ].join('\n'),
    args: {
      ids: t.arg.idList({
        description: 'Global or platform ids of the jobs to watch. By default all jobs are watched.',
      }),
      filter: t.arg({ type: ExportJobFilterInput, description: 'Conditions that the jobs meet.' }),
      after: t.arg.string({
        description: 'Cursor of the last event that the client received. Omit it to start with the current state.',
      }),
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
