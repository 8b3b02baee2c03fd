import type { Batch, BatchFile } from '../../../src/domain/batch.ts';
import type { Dataset } from '../../../src/domain/dataset.ts';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import type { BatchesApi } from '../../../src/upstream/apis/batches.ts';
import { catalogPage } from '../../../src/upstream/apis/catalog-page.ts';
import type { TimeBounds } from '../../../src/upstream/apis/catalog-query.ts';
import type { DatasetListOptions, DatasetsApi } from '../../../src/upstream/apis/datasets.ts';
import type { ExportJobsApi } from '../../../src/upstream/apis/export-jobs.ts';
import type { FilesApi } from '../../../src/upstream/apis/files.ts';

/** A list of the platform with its current rows. Tests change `rows` between calls. */
interface FakeList<Row, Api, Call> {
  rows: Row[];
  readonly calls: Call[];
  readonly api: Api;
}

type ExportJobsCall = Parameters<ExportJobsApi['list']>[0];

/** Export jobs by keyset, newest first. Rows after a cursor do not move when rows are added or removed. */
export function fakeExportJobs(
  rows: readonly ExportJob[],
): FakeList<ExportJob, Pick<ExportJobsApi, 'list'>, ExportJobsCall> {
  const list: ReturnType<typeof fakeExportJobs> = {
    rows: [...rows],
    calls: [],
    api: {
      list: async (options) => {
        const { limit, cursor, status } = options;
        list.calls.push(options);
        const behind = list.rows
          .filter((row) => status === undefined || row.status === status)
          .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || compareText(b.id, a.id))
          .filter(({ createdAt, id }) => {
            const ms = createdAt.getTime();
            return !cursor || ms < cursor.createdAtMs || (ms === cursor.createdAtMs && id < cursor.id);
          });
        const jobs = behind.slice(0, limit);
        const last = jobs.at(-1);
        const next = last && behind.length > limit ? { createdAtMs: last.createdAt.getTime(), id: last.id } : null;
        return { jobs, next };
      },
    },
  };
  return list;
}

/** Datasets by row offset, in the requested order. Rows with the same key are ordered by id. */
export function fakeDatasets(
  rows: readonly Dataset[],
): FakeList<Dataset, Pick<DatasetsApi, 'list'>, DatasetListOptions> {
  const list: ReturnType<typeof fakeDatasets> = {
    rows: [...rows],
    calls: [],
    api: {
      list: async (options) => {
        const { limit, start = 0, name, created, updated } = options;
        const { field, direction } = options.orderBy ?? { field: 'created', direction: 'desc' };
        list.calls.push(options);
        const sign = direction === 'asc' ? 1 : -1;
        const keyOf = (row: Dataset): string | number =>
          field === 'name' ? (row.name ?? '') : ((field === 'created' ? row.createdAt : row.updatedAt)?.getTime() ?? 0);
        const objects = list.rows
          .filter((row) => name === undefined || row.name === name)
          .filter((row) => isWithin(row.createdAt, created) && isWithin(row.updatedAt, updated))
          .toSorted((a, b) => sign * compare(keyOf(a), keyOf(b)) || compareText(a.id, b.id))
          .slice(start, start + limit);
        return catalogPage(objects);
      },
    },
  };
  return list;
}

type BatchesCall = Parameters<BatchesApi['list']>[0];

/** The batches of a dataset by row offset, newest first. */
export function fakeBatches(rows: readonly Batch[]): FakeList<Batch, Pick<BatchesApi, 'list'>, BatchesCall> {
  const list: ReturnType<typeof fakeBatches> = {
    rows: [...rows],
    calls: [],
    api: {
      list: async (options) => {
        const { datasetId, statuses, createdAfter, limit, start = 0, created } = options;
        list.calls.push(options);
        const objects = list.rows
          .filter((row) => datasetId === undefined || row.datasetId === datasetId)
          .filter((row) => statuses === undefined || statuses.some((status) => status === row.status))
          .filter((row) => isWithin(row.createdAt, { after: createdAfter, ...created }))
          .toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0) || compareText(a.id, b.id))
          .slice(start, start + limit);
        return catalogPage(objects);
      },
    },
  };
  return list;
}

type FilesCall = Parameters<FilesApi['list']>[0];

/** The files of a batch: entries by row offset, each with any number of parts. */
export function fakeFiles(
  rows: readonly (readonly BatchFile[])[],
): FakeList<readonly BatchFile[], Pick<FilesApi, 'list'>, FilesCall> {
  const list: ReturnType<typeof fakeFiles> = {
    rows: [...rows],
    calls: [],
    api: {
      list: async (options) => {
        const { start, limit } = options;
        list.calls.push(options);
        const next = start + limit < list.rows.length ? start + limit : null;
        return { files: list.rows.slice(start, start + limit).flat(), next };
      },
    },
  };
  return list;
}

function isWithin(time: Date | null, { after, before, from, to }: TimeBounds = {}): boolean {
  for (const bound of [after, before, from, to]) {
    if (bound !== undefined && Number.isNaN(bound.getTime())) throw new Error('The platform received an invalid time.');
  }
  if (after === undefined && before === undefined && from === undefined && to === undefined) return true;
  return (
    time !== null &&
    !(after && time <= after) &&
    !(before && time >= before) &&
    !(from && time < from) &&
    !(to && time > to)
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);
