import type { ExportJob } from '../domain/export-job.ts';
import type { BoundCall } from './call.ts';
import { type Collection, createOne, deleteOne, getOne } from './collection.ts';
import { createOnce } from './create-once.ts';
import { unreadable } from './errors.ts';
import type { ExportJobsApi } from './platform-api.ts';
import { decodeContextOf, type PlatformClient } from './platform-client.ts';
import { isExportJobOf } from './same-job.ts';
import { decodeExportJob } from './wire/export-job.ts';
import { decodeNextCursor, encodeExportCursor } from './wire/export-job-page.ts';
import { encodeNewExportJob } from './wire/new-export-job.ts';
import { asRecord } from './wire/readers.ts';

const root = '/data/core/ups/export/jobs';
const service = 'export';
/** Jobs among which the result of a lost create is looked for: the platform's largest page. */
const newestPageSize = 100;

/**
 * Export jobs, which the profile service keeps.
 *
 * In a list a record without id or status is left out and counted: one bad record must not hide the others. Of a single
 * job it is an UpstreamUnreadableError.
 */
export function createExportJobsApi(client: PlatformClient): ExportJobsApi {
  const { metrics } = client;
  const context = decodeContextOf(metrics, 'ExportJob');

  const collection: Collection<ExportJob> = {
    service,
    root,
    unusable: 'It is not an export job: id or status is missing.',
    decode: (value, reading) => decodeExportJob(value, context, reading),
  };

  const list = async (call: BoundCall, { limit, cursor }: Parameters<ExportJobsApi['list']>[0]) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (cursor !== undefined) query.set('offset', encodeExportCursor(cursor));
    const request = { service, method: 'GET', path: `${root}?${query}`, effect: 'read' } as const;
    const answer = await call(request);
    const records = asRecord<'records'>(answer.json)?.records;
    if (!Array.isArray(records)) throw unreadable(request, answer, 'It holds no list of export jobs.');
    const jobs = records.flatMap((record: unknown) => collection.decode(record, answer.reading) ?? []);
    return { jobs, next: decodeNextCursor(answer.json, jobs) };
  };

  return {
    list: (options) => list(client.call, options),
    get: (id) => getOne(client, collection, id),
    create: (job) => {
      const body = encodeNewExportJob(job);
      return createOnce(client, {
        service,
        group: job.datasetId,
        body,
        send: () => createOne(client, collection, body, job.datasetId),
        newest: async (call) => (await list(call, { limit: newestPageSize })).jobs,
        fits: (candidate: ExportJob) => isExportJobOf(job, candidate),
      });
    },
    cancel: (id) => deleteOne(client, collection, id),
  };
}
