import { json, type Operation } from '../http/operation.ts';
import { credential, type EmulatorQuirks } from '../options.ts';
import type { ExportJob, ExportJobPage, ExportJobStatus } from '../store/platform-store-export-jobs.ts';
import { exportJobRecord } from './export-job-record.ts';
import { integer, invalid } from './ups-query.ts';

/** Statuses for which the documentation allows a filter. */
const filterableStatuses: readonly ExportJobStatus[] = ['NEW', 'SUCCEEDED', 'FAILED'];

/** Columns by name in `sort=`. The platform uses `createdTime` for the creation time in the page that it returns. */
const sortColumns = {
  createdTime: 'creation_time',
  creationTime: 'creation_time',
  updateTime: 'update_time',
  id: 'id',
  status: 'status',
} as const satisfies Record<string, ExportJobPage['sort']['column']>;

/** An order, and its name in the page. */
interface NamedSort {
  readonly name: string;
  readonly sort: ExportJobPage['sort'];
}

const creationOrder: NamedSort = { name: 'createdTime', sort: { column: 'creation_time', direction: 'DESC' } };

/**
 * `GET /export/jobs` with the parameters of both documentation variants: `limit`, `offset` and `status` of the
 * Segmentation API, and `start`, `page` and `sort` of the Profile API.
 */
export const listExportJobs: Operation = async ({ query, sandbox }, { store, quirks }) => {
  const limit = Math.min(integer(query, 'limit', 1) ?? quirks.exportJobsDefaultLimit, quirks.exportJobsMaximumLimit);
  const status = statusOf(query);
  const { skip, after } = positionOf(query, limit, quirks);
  const requestedSort = sortOf(query);
  // The platform documents that sorting does not work when the result has several pages. Such a result keeps creation
  // order.
  const isSorted =
    requestedSort !== null && after === null && skip === 0 && (await store.exportJobs.count(sandbox, status)) <= limit;
  const { name, sort } = isSorted ? requestedSort : creationOrder;

  const found = await store.exportJobs.list(sandbox, { status, limit: limit + 1, skip, after, sort });
  const jobs = found.slice(0, limit);
  const last = jobs.at(-1);
  const cursor = last === undefined ? '' : cursorOf(last);
  return json({
    records: jobs.map((job) => exportJobRecord(job, 'list', credential.organization, quirks)),
    page: {
      sortField: name,
      sort: sort.direction.toLowerCase(),
      pageOffset: cursor,
      pageSize: jobs.length,
    },
    // The platform's link contains only these two parameters.
    link: { next: found.length > limit ? `/export/jobs/?limit=${limit}&offset=${cursor}` : '' },
  });
};

function cursorOf({ creationTime, id }: ExportJob): string {
  return `${creationTime}_${id}`;
}

function positionOf(
  query: URLSearchParams,
  limit: number,
  { exportJobsFirstPage, exportJobsStart }: EmulatorQuirks,
): Pick<ExportJobPage, 'skip' | 'after'> {
  const offset = query.get('offset');
  const [, creationTime, id] = /^(\d{1,15})_(\d{1,15})$/.exec(offset ?? '') ?? [];
  if (creationTime !== undefined && id !== undefined) {
    return { skip: 0, after: { creationTime: Number(creationTime), id: Number(id) } };
  }
  // In older tutorials, `offset` is a number of rows.
  const rows = integer(query, 'offset', 0);
  if (rows !== null) return { skip: rows, after: null };
  const start = integer(query, 'start', 0);
  if (start !== null) return { skip: exportJobsStart === 'row' ? start : start * limit, after: null };
  const page = integer(query, 'page', exportJobsFirstPage);
  if (page !== null) return { skip: (page - exportJobsFirstPage) * limit, after: null };
  return { skip: 0, after: null };
}

function statusOf(query: URLSearchParams): ExportJobStatus | null {
  const text = query.get('status');
  if (text === null) return null;
  const status = filterableStatuses.find((each) => each === text.toUpperCase());
  if (status === undefined) throw invalid(`status must be one of ${filterableStatuses.join(', ')}`);
  return status;
}

function sortOf(query: URLSearchParams): NamedSort | null {
  const text = query.get('sort');
  if (text === null) return null;
  const [name = '', direction = 'asc'] = text.split(':');
  const column = Object.entries(sortColumns).find(([known]) => known === name)?.[1];
  if (column === undefined || !['asc', 'desc'].includes(direction.toLowerCase())) {
    throw invalid(`sort must be {field}:asc or {field}:desc with a field of ${Object.keys(sortColumns).join(', ')}`);
  }
  return { name, sort: { column, direction: direction.toLowerCase() === 'asc' ? 'ASC' : 'DESC' } };
}
