import type { SqlExecutor } from './connection.ts';
import type { MetricSpan } from './platform-store-export-jobs.ts';
import type { SqlValue } from './values.ts';

export const segmentJobStatuses = [
  'NEW',
  'QUEUED',
  'PROCESSING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLING',
  'CANCELLED',
] as const;
export type SegmentJobStatus = (typeof segmentJobStatuses)[number];

/** Counts of an evaluation, by segment id. */
export interface SegmentJobCounts {
  readonly totalProfiles: number;
  readonly totalProfilesByMergePolicy: Readonly<Record<string, number>>;
  readonly segmentedProfileCounter: Readonly<Record<string, number>>;
  readonly segmentedProfileByNamespaceCounter: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly segmentedProfileByStatusCounter: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Copy of a definition that a job keeps, so that later changes of the definition do not affect the job. */
export interface SegmentSnapshot {
  readonly expression: { readonly type: string; readonly format: string; readonly value: string };
  readonly mergePolicy: { readonly id: string; readonly version: number };
}

/** A stored segment job; `operations/segment-job-record.ts` converts it to the API's format. */
export interface SegmentJob {
  readonly id: string;
  readonly sandbox: string;
  readonly status: SegmentJobStatus;
  /** Unix epoch milliseconds. */
  readonly creationTime: number;
  /** Unix epoch milliseconds. */
  readonly updateTime: number;
  readonly requestId: string;
  /** The schedule run that created the job; null for a job created through the API. */
  readonly run: { readonly scheduleId: string; readonly runId: string } | null;
  readonly batchId: string;
  /** Sequence number over all sandboxes. */
  readonly computeJobId: number;
  /** Assigned when the job becomes PROCESSING. */
  readonly computeGatewayJobId: string | null;
  /**
   * Segments of the job; null = all segments that exist when the job becomes PROCESSING. The snapshot is null if the
   * segment had no definition.
   */
  readonly segments: readonly { readonly segmentId: string; readonly segment: SegmentSnapshot | null }[] | null;
  readonly errors: readonly { readonly code: string; readonly msg: string; readonly callStack: string }[];
  /** null until the job becomes PROCESSING. */
  readonly metrics: {
    readonly totalTime: MetricSpan;
    readonly profileSegmentationTime: MetricSpan;
    readonly counts: SegmentJobCounts | null;
  } | null;
  /** Whether this is a seeded job that hangs. Only a cancel request changes its state. */
  readonly hanging: boolean;
}

export type SegmentJobColumn = 'creation_time' | 'update_time' | 'id' | 'status';

/** One page of a list; a filter with value null is not applied. */
export interface SegmentJobPage {
  readonly status: SegmentJobStatus | null;
  readonly sort: { readonly column: SegmentJobColumn; readonly direction: 'ASC' | 'DESC' };
  readonly limit: number | null;
  readonly skip: number;
}

export interface SegmentJobStore {
  list(sandbox: string, page: SegmentJobPage): Promise<SegmentJob[]>;
  count(sandbox: string, status: SegmentJobStatus | null): Promise<number>;
  findMany(sandbox: string, ids: readonly string[]): Promise<SegmentJob[]>;
  find(sandbox: string, id: string): Promise<SegmentJob | null>;
  /** Jobs of all sandboxes that have not ended, oldest first. */
  unfinished(): Promise<SegmentJob[]>;
  /** Number of jobs created through the API, and not by a schedule, at or after `since`. */
  countOnDemand(sandbox: string, since: number): Promise<number>;
  /** One more than the highest number in use. */
  nextComputeJobId(): Promise<number>;
  insert(jobs: readonly SegmentJob[]): Promise<void>;
  /** Replaces the job with the same id. */
  update(job: SegmentJob): Promise<void>;
}

interface Row {
  readonly document: string;
}

/** `computeJobId` of the first job of an empty platform. */
const firstComputeJobId = 11_001;

export function createSegmentJobStore(database: SqlExecutor): SegmentJobStore {
  const select = async (condition: string, parameters: readonly SqlValue[]) => {
    const rows = await database.all<Row>(`SELECT document FROM segment_jobs WHERE ${condition}`, parameters);
    return rows.map(parse);
  };

  return {
    list(sandbox, { status, sort: { column, direction }, limit, skip }) {
      return select(
        `sandbox = ? AND (? OR status = ?) ORDER BY ${column} ${direction}, compute_job_id ${direction} LIMIT ? OFFSET ?`,
        [sandbox, status === null, status ?? '', limit ?? Number.MAX_SAFE_INTEGER, skip],
      );
    },

    async count(sandbox, status) {
      const rows = await database.all<{ jobs: number }>(
        'SELECT count(*) AS jobs FROM segment_jobs WHERE sandbox = ? AND (? OR status = ?)',
        [sandbox, status === null, status ?? ''],
      );
      return rows[0]?.jobs ?? 0;
    },

    findMany: (sandbox, ids) => select('sandbox = ? AND list_contains(?, id)', [sandbox, ids]),

    async find(sandbox, id) {
      const [job] = await select('sandbox = ? AND id = ?', [sandbox, id]);
      return job ?? null;
    },

    unfinished: () => select("status IN ('NEW', 'QUEUED', 'PROCESSING', 'CANCELLING') ORDER BY compute_job_id", []),

    async countOnDemand(sandbox, since) {
      const jobs = await select('sandbox = ? AND creation_time >= ?', [sandbox, since]);
      return jobs.filter(({ run }) => run === null).length;
    },

    async nextComputeJobId() {
      const rows = await database.all<{ next: number }>(
        'SELECT coalesce(max(compute_job_id) + 1, ?) AS next FROM segment_jobs',
        [firstComputeJobId],
      );
      return rows[0]?.next ?? firstComputeJobId;
    },

    insert(jobs) {
      return database.run(
        `INSERT INTO segment_jobs (sandbox, id, compute_job_id, status, creation_time, update_time, document)
         SELECT unnest(?), unnest(?), unnest(?)::BIGINT, unnest(?), unnest(?)::BIGINT, unnest(?)::BIGINT, unnest(?)`,
        [
          jobs.map(({ sandbox }) => sandbox),
          jobs.map(({ id }) => id),
          jobs.map(({ computeJobId }) => String(computeJobId)),
          jobs.map(({ status }) => status),
          jobs.map(({ creationTime }) => String(creationTime)),
          jobs.map(({ updateTime }) => String(updateTime)),
          jobs.map((job) => JSON.stringify(job)),
        ],
      );
    },

    update(job) {
      return database.run(
        'UPDATE segment_jobs SET status = ?, update_time = ?, document = ? WHERE sandbox = ? AND id = ?',
        [job.status, job.updateTime, JSON.stringify(job), job.sandbox, job.id],
      );
    },
  };
}

function parse({ document }: Row): SegmentJob {
  return JSON.parse(document);
}
