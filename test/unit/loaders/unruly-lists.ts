import type { BatchFile } from '../../../src/domain/batch.ts';
import { type BatchId, type DataSetFileId, type DatasetId, platformId } from '../../../src/domain/ids.ts';
import { readBatches } from '../../../src/loaders/lists/batches.ts';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import { readExportJobs } from '../../../src/loaders/lists/export-jobs.ts';
import { readFiles } from '../../../src/loaders/lists/files.ts';
import { readMergePolicies } from '../../../src/loaders/lists/merge-policies.ts';
import { readSchedules } from '../../../src/loaders/lists/schedules.ts';
import { readSegmentDefinitions } from '../../../src/loaders/lists/segment-definitions.ts';
import { readSegmentJobs, type SegmentJobOrder } from '../../../src/loaders/lists/segment-jobs.ts';
import type { Connection } from '../../../src/loaders/pagination/connection.ts';
import { catalogPage } from '../../../src/upstream/apis/catalog-page.ts';
import type { CatalogOrder } from '../../../src/upstream/apis/catalog-query.ts';
import { batch, dataset, exportJob, mergePolicy, schedule, segmentDefinition, segmentJob } from './entities.ts';

/** A row with its id and the time by which its list is ordered; null: the platform does not report the time. */
export interface UnrulyRow {
  readonly id: string;
  readonly key: number | null;
}

/** Arranges a page, given in the order of the list. */
export type Arrange = <Row>(page: readonly Row[]) => readonly Row[];

/**
 * A list of the platform with the rows in the order of `rows`. The requested order is ignored. It may contain a row twice.
 */
export interface UnrulyList {
  rows: UnrulyRow[];
  arrange: Arrange;
  /** Whether the list may contain a row without a time. */
  readonly hasRowsWithoutTime: boolean;
  /** The requested order. */
  readonly direction: 'asc' | 'desc';
  read(first: number, after: string | null): Promise<Connection<object>>;
  idOf(node: object): string;
}

type Make = () => UnrulyList;

const time = (key: number | null) => (key === null ? null : new Date(key));
const idOf = (node: object): string => ('id' in node ? String(node.id) : '');

/** Returns the part of `rows` after a cursor or from an offset on, as one page. */
function slice(list: UnrulyList, start: number, limit: number) {
  return { page: list.arrange(list.rows.slice(start, start + limit)), hasNext: start + limit < list.rows.length };
}

function unruly(
  read: (list: UnrulyList, first: number, after: string | null) => Promise<Connection<object>>,
  {
    hasRowsWithoutTime = false,
    direction = 'desc',
    nodeId = idOf,
  }: Partial<Pick<UnrulyList, 'hasRowsWithoutTime' | 'direction'>> & { nodeId?: typeof idOf } = {},
): Make {
  return () => {
    const list: UnrulyList = {
      rows: [],
      arrange: (page) => page,
      hasRowsWithoutTime,
      direction,
      read: (first, after) => read(list, first, after),
      idOf: nodeId,
    };
    return list;
  };
}

const exportJobs = (filtered: boolean) =>
  unruly((list, first, after) =>
    readExportJobs(
      {
        list: async ({ limit, cursor }) => {
          // The platform finds its position by a job, so a job that the list contains twice would be on every page.
          const rows = list.rows.filter(({ id }, index) => list.rows.findIndex((each) => each.id === id) === index);
          const again = list.rows.filter(({ id }, index) => list.rows.findIndex((each) => each.id === id) < index);
          const start = cursor === undefined ? 0 : rows.findIndex(({ id }) => id === cursor.id) + 1;
          const page = rows.slice(start, start + limit);
          const last = page.at(-1);
          return {
            jobs: list.arrange([...page, ...again]).map(({ id, key }) => exportJob(id, key ?? 0)),
            next: start + limit < rows.length && last ? { createdAtMs: last.key ?? 0, id: platformId(last.id) } : null,
          };
        },
      },
      { first, after, filter: filtered ? { datasetId: platformId<DatasetId>('dataset') } : null },
    ),
  );

const datasets = (orderBy: CatalogOrder | null, schemaId?: string) =>
  unruly(
    (list, first, after) =>
      readDatasets(
        {
          list: async ({ limit, start = 0 }) => {
            const objects = slice(list, start, limit).page.map(({ id, key }) =>
              dataset(id, {
                createdAt: time(key),
                updatedAt: time(key),
                schemaRef: { id: 'https://a', contentType: null },
              }),
            );
            return catalogPage(objects);
          },
        },
        { first, after, orderBy, filter: schemaId === undefined ? null : { schemaId } },
      ),
    { hasRowsWithoutTime: true, direction: orderBy?.direction ?? 'desc' },
  );

const batches = unruly(
  (list, first, after) =>
    readBatches(
      {
        list: async ({ limit, start = 0 }) => {
          const objects = slice(list, start, limit).page.map(({ id, key }) => batch(id, { createdAt: time(key) }));
          return catalogPage(objects);
        },
      },
      { first, after, filter: null, of: platformId<DatasetId>('dataset') },
    ),
  { hasRowsWithoutTime: true },
);

const fileId = (node: object): string => ('name' in node ? String(node.name) : '');
/** Each entry of the batch has three files. */
const filesPerEntry = 3;
const files = unruly(
  (list, first, after) =>
    readFiles(
      {
        list: async ({ start, limit }) => {
          const from = start * filesPerEntry;
          const { page, hasNext } = slice(list, from, limit * filesPerEntry);
          const file = ({ id }: UnrulyRow): BatchFile => ({
            fileId: platformId<DataSetFileId>('file'),
            name: id,
            sizeBytes: null,
          });
          return { files: page.map(file), next: hasNext ? start + limit : null };
        },
      },
      { first, after, batchId: platformId<BatchId>('batch') },
    ),
  { nodeId: fileId },
);

/** How a list counts: pages from 0, pages from 1 (the number of the first page is optional), or rows. */
export type Numbering = 'page' | 'page from 1' | 'row';

function numbered(list: UnrulyList, numbering: Numbering, start: number, limit: number) {
  const index = numbering === 'row' ? start : Math.max(0, numbering === 'page' ? start : start - 1) * limit;
  const { page, hasNext } = slice(list, index, limit);
  return { page, next: hasNext ? (numbering === 'row' ? start + limit : start + 1) : null };
}

const segmentJobs = (
  orderBy: SegmentJobOrder | null,
  numbering: Numbering,
  statuses?: readonly ['FAILED', 'SUCCEEDED'],
) =>
  unruly(
    (list, first, after) =>
      readSegmentJobs(
        {
          list: async ({ start = 0, limit }) => {
            const { page, next } = numbered(list, numbering, start, limit);
            return { jobs: page.map(({ id, key }) => segmentJob(id, key ?? 0)), next, total: list.rows.length };
          },
        },
        { first, after, orderBy, filter: statuses === undefined ? null : { statuses } },
      ),
    { direction: orderBy?.direction ?? 'desc' },
  );

const segmentDefinitions = (numbering: Numbering) =>
  unruly(
    (list, first, after) =>
      readSegmentDefinitions(
        {
          list: async ({ page: start = 0, limit }) => {
            const { page, next } = numbered(list, numbering, start, limit);
            const definitions = page.map(({ id, key }) => segmentDefinition(id, { createdAt: time(key) }));
            return { definitions, next, total: list.rows.length };
          },
        },
        { first, after, filter: null, orderBy: null },
      ),
    { hasRowsWithoutTime: true },
  );

const mergePolicies = unruly((list, first, after) =>
  readMergePolicies(
    {
      list: async ({ start = '0', limit }) => {
        const { page, hasNext } = slice(list, Number(start), limit);
        return {
          policies: page.map(({ id }) => mergePolicy(id)),
          next: hasNext ? String(Number(start) + limit) : null,
          total: list.rows.length,
        };
      },
    },
    { first, after },
  ),
);

const schedules = unruly(
  (list, first, after) =>
    readSchedules(
      {
        list: async () => {
          const rows = new Map(list.arrange(list.rows).map((row) => [row.id, row]));
          return [...rows.values()].map(({ id, key }) => schedule(id, { createdAt: time(key) }));
        },
      },
      { first, after },
    ),
  { hasRowsWithoutTime: true },
);

export const unrulyLists: readonly (readonly [name: string, make: Make])[] = [
  ['export jobs', exportJobs(false)],
  ['export jobs that the gateway filters', exportJobs(true)],
  ['datasets', datasets(null)],
  ['datasets, oldest first', datasets({ field: 'created', direction: 'asc' })],
  ['datasets by their last change', datasets({ field: 'updated', direction: 'desc' })],
  ['datasets by name', datasets({ field: 'name', direction: 'asc' })],
  ['datasets that the gateway filters', datasets(null, 'https://a')],
  ['datasets by name that the gateway filters', datasets({ field: 'name', direction: 'desc' }, 'https://a')],
  ['batches of a dataset', batches],
  ['files', files],
  ['segment jobs', segmentJobs(null, 'page')],
  ['segment jobs by row', segmentJobs(null, 'row')],
  ['segment jobs by their last change', segmentJobs({ field: 'updateTime', direction: 'desc' }, 'page')],
  ['segment jobs, oldest first', segmentJobs({ field: 'creationTime', direction: 'asc' }, 'row')],
  ['segment jobs that the gateway filters', segmentJobs(null, 'page', ['FAILED', 'SUCCEEDED'])],
  ['segment definitions', segmentDefinitions('page')],
  ['segment definitions in pages that begin with 1', segmentDefinitions('page from 1')],
  ['merge policies', mergePolicies],
  ['schedules', schedules],
];
