import { json, type Operation } from '../http/operation.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import {
  type SegmentJobColumn,
  type SegmentJobStatus,
  segmentJobStatuses,
} from '../store/platform-store-segment-jobs.ts';
import { childrenPage, childrenRange } from './children-page.ts';
import { embeddedSandbox } from './embedded-sandbox.ts';
import { segmentJobRecord } from './segment-job-record.ts';
import { fieldOrders, invalid } from './ups-query.ts';

/** Chosen values, because neither limit is documented. */
const limits = { default: 100, maximum: 100 } as const;

/** Columns by name in `sort=`. */
const sortColumns = {
  creationTime: 'creation_time',
  updateTime: 'update_time',
  id: 'id',
  status: 'status',
} as const satisfies Record<string, SegmentJobColumn>;

const sortFields = ['creationTime', 'updateTime', 'id', 'status'] as const satisfies (keyof typeof sortColumns)[];

/**
 * `GET /segment/jobs` with `start`, `limit`, `status`, `sort`, `snapshot.name`, and any number of `property` filters,
 * which must all hold.
 */
export const listSegmentJobs: Operation = async ({ query, sandbox }, { store, quirks }) => {
  const range = childrenRange(query, limits, quirks);
  const status = statusOf(query);
  const filters = filtersOf(query);
  const [order = { field: 'creationTime', direction: 'desc' } as const] = fieldOrders(query, sortFields) ?? [];
  const sort = { column: sortColumns[order.field], direction: order.direction === 'asc' ? 'ASC' : 'DESC' } as const;
  const embedded = await embeddedSandbox(sandbox, store);

  // Properties are filtered here, because they belong to the record and not to the store.
  const filtered = filters.length > 0;
  const page = filtered ? { limit: null, skip: 0 } : range;
  const jobs = await store.segmentJobs.list(sandbox, { status, sort, limit: page.limit, skip: page.skip });
  const records = jobs
    .map((job) => segmentJobRecord(job, embedded, quirks))
    .filter((record) => filters.every(({ path, value }) => holds(record, path, value)));
  const total = filtered ? records.length : await store.segmentJobs.count(sandbox, status);
  const children = filtered ? records.slice(range.skip, range.skip + range.limit) : records;
  const hasNextInPage = quirks.recordFields === 'observed';
  return json(childrenPage(children, total, range, { path: '/segment/jobs', query, hasNextInPage }, quirks));
};

function statusOf(query: URLSearchParams): SegmentJobStatus | null {
  const text = query.get('status');
  if (text === null) return null;
  const status = segmentJobStatuses.find((each) => each === text.toUpperCase());
  if (status === undefined) throw invalid(`status must be one of ${segmentJobStatuses.join(', ')}`);
  return status;
}

/** A condition on a property: its path in the record, and the expected text of one of its values. */
interface PropertyFilter {
  readonly path: readonly string[];
  readonly value: string;
}

/** Parses `property=source==api` and, for entries of arrays, `property=segments~segmentId==X`. */
function filtersOf(query: URLSearchParams): readonly PropertyFilter[] {
  const properties = query.getAll('property').map((expression) => {
    const [, path, value] = /^([\w.~]+)==(.*)$/s.exec(expression.trim()) ?? [];
    if (path === undefined || value === undefined) {
      throw invalid('property must be {path}=={value}, with ~ between an array and a property of its entries');
    }
    return { path: path.split(/[.~]/), value };
  });
  const snapshot = query.get('snapshot.name');
  return snapshot === null ? properties : [...properties, { path: ['snapshot', 'name'], value: snapshot }];
}

function holds(value: JsonValue | undefined, path: readonly string[], expected: string): boolean {
  // Array.isArray does not narrow to a readonly array.
  if (Array.isArray(value)) return value.some((entry: JsonValue) => holds(entry, path, expected));
  const [name, ...rest] = path;
  if (name === undefined) return value !== undefined && value !== null && String(value) === expected;
  return isJsonObject(value) && Object.hasOwn(value, name) && holds(value[name], rest, expected);
}
