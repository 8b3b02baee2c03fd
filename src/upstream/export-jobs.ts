import type { ExportJob } from '../domain/export-job.ts';
import { type Collection, createOne, deleteOne, getOne } from './collection.ts';
import { unreadable } from './errors.ts';
import type { ExportJobsApi } from './platform-api.ts';
import { decodeContextOf, type PlatformClient } from './platform-client.ts';
import { decodeExportJob } from './wire/export-job.ts';
import { decodeNextCursor, encodeExportCursor } from './wire/export-job-page.ts';
import { encodeNewExportJob } from './wire/new-export-job.ts';
import { asRecord } from './wire/readers.ts';

const root = '/data/core/ups/export/jobs';
const service = 'export';

/**
 * Export jobs, which the profile service keeps.
 *
 * In a list a record without id or status is left out and counted: one bad record must not hide the others. Of a single
 * job it is an UpstreamUnreadableError.
 */
export function createExportJobsApi(client: PlatformClient): ExportJobsApi {
  const { call, clock, metrics } = client;
  const context = decodeContextOf(metrics, 'ExportJob');

  const collection: Collection<ExportJob> = {
    service,
    root,
    unusable: 'It is not an export job: id or status is missing.',
    decode: (value, observedAt) => decodeExportJob(value, context, observedAt),
  };

  return {
    list: async ({ limit, cursor }) => {
      const query = new URLSearchParams({ limit: String(limit) });
      if (cursor !== undefined) query.set('offset', encodeExportCursor(cursor));
      const request = { service, method: 'GET', path: `${root}?${query}`, effect: 'read' } as const;
      const answer = await call(request);
      const records = asRecord<'records'>(answer.json)?.records;
      if (!Array.isArray(records)) throw unreadable(request, answer, 'It holds no list of export jobs.');
      const observedAt = clock.now();
      const jobs = records.flatMap((record: unknown) => collection.decode(record, observedAt) ?? []);
      return { jobs, next: decodeNextCursor(answer.json, jobs) };
    },

    get: (id) => getOne(client, collection, id),
    create: (job) => createOne(client, collection, encodeNewExportJob(job), job.datasetId),
    cancel: (id) => deleteOne(client, collection, id),
  };
}
