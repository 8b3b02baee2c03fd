import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { createFeed, type Feed } from '../live/feed.ts';
import {
  ExportJobChangesDocument,
  type ExportJobRowFragment,
  ExportJobsPageDocument,
} from '../operations.generated.ts';
import { type BoardFilters, exportJobFilter } from './filters.ts';
import type { Job } from './job.ts';
import type { ReadPage } from './use-pages.ts';

export const exportJobOf = (row: ExportJobRowFragment): Job => ({
  ...row,
  segments: (row.filter?.segments ?? []).map(({ segmentId }) => segmentId),
  everything: (row.filter?.segments ?? []).length === 0 ? 'profiles' : null,
  profiles: row.metrics.totalExportedProfiles,
  startedAt: row.metrics.totalTime?.startedAt ?? null,
  endedAt: row.metrics.totalTime?.endedAt ?? null,
  target: { type: 'Dataset', id: row.destination.datasetId },
});

/** All export jobs that have not ended, those that ended within an hour, and every change. */
export const createExportJobFeed = (client: Client, clock: Pick<Clock, 'after'>): Feed<Job> =>
  createFeed(clock, (take) => {
    const { unsubscribe } = client.subscription(ExportJobChangesDocument, {}).subscribe(({ data, error }) => {
      const changed = data?.exportJobChanged;
      const row = changed?.job == null ? null : exportJobOf(changed.job);
      take({ event: changed === undefined ? null : { ...changed, row }, error });
    });
    return unsubscribe;
  });

export const readExportJobs =
  (client: Client, filters: BoardFilters): ReadPage<Job> =>
  async (after) => {
    const variables = { after, filter: exportJobFilter(filters) };
    // The live list is the cache of rows, and a page is only read when it is needed.
    const context = { requestPolicy: 'network-only' } as const;
    const { data, error } = await client.query(ExportJobsPageDocument, variables, context).toPromise();
    const page = data?.exportJobs ?? null;
    return { page: page === null ? null : { ...page.pageInfo, rows: page.nodes.map(exportJobOf) }, error };
  };
