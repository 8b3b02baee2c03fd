import { type ExportJob, matchesExportJobFilter, unreadBatches } from '../../domain/export-job.ts';
import { isTerminalJob } from '../../domain/job.ts';
import { ExportJobRef } from '../common/refs.ts';
import { selects } from '../common/selects.ts';
import { watchField } from '../common/watch-field.ts';
import { ExportJobFilterInput, ExportJobStatusRef, parseExportJobFilter } from './filter.ts';

/**
 * The job of an event. Batches of a running job belong to the event from the start: their status at the time of the
 * request would be newer than that of the next event, if the feed has read them before.
 */
function withFollowedBatches(job: ExportJob): ExportJob {
  if (job.observedBatches !== undefined || isTerminalJob(job)) return job;
  return { ...job, observedBatches: unreadBatches };
}

watchField('exportJobs', {
  typename: 'ExportJob',
  type: ExportJobRef,
  member: 'job',
  noun: 'an export job',
  plural: 'jobs',
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
  status: { type: ExportJobStatusRef, of: ({ status }) => status },
  filter: {
    type: ExportJobFilterInput,
    parse: (input) => {
      const filter = parseExportJobFilter(input);
      return filter === null ? null : (job) => matchesExportJobFilter(job, filter);
    },
  },
  ended: 'argument',
  withResults: (info) => selects(info, ['job', 'destination', 'batches', 'batch']),
  shown: withFollowedBatches,
});
