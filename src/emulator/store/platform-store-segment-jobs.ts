import type { SqlValue } from './database.ts';
import type { Executor } from './platform-store.ts';
import type { MetricSpan } from './platform-store-export-jobs.ts';

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

/** What an evaluation counted, by segment id. */
export interface SegmentJobCounts {
  readonly totalProfiles: number;
  readonly totalProfilesByMergePolicy: Readonly<Record<string, number>>;
  readonly segmentedProfileCounter: Readonly<Record<string, number>>;
  readonly segmentedProfileByNamespaceCounter: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly segmentedProfileByStatusCounter: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What of a definition a job keeps: later changes of the definition do not change the job. */
export interface SegmentSnapshot {
  readonly expression: { readonly type: string; readonly format: string; readonly value: string };
  readonly mergePolicy: { readonly id: string; readonly version: number };
}

/** A segment job as it is stored; `operations/segment-job-record.ts` makes the record of the API from it. */
export interface SegmentJob {
  readonly id: string;
  readonly sandbox: string;
  readonly status: SegmentJobStatus;
  /** Unix epoch milliseconds. */
  readonly creationTime: number;
  /** Unix epoch milliseconds. */
  readonly updateTime: number;
  readonly requestId: string;
  /** The run of a schedule that made it; null for a job that was asked for over the API. */
  readonly run: { readonly scheduleId: string; readonly runId: string } | null;
  readonly batchId: string;
  /** Counted up over all sandboxes. */
  readonly computeJobId: number;
  /** Given when it is PROCESSING. */
  readonly computeGatewayJobId: string | null;
  /** Null means all that there are when the job is PROCESSING. A segment without a snapshot had no definition. */
  readonly segments: readonly { readonly segmentId: string; readonly segment: SegmentSnapshot | null }[] | null;
  readonly errors: readonly { readonly code: string; readonly msg: string; readonly callStack: string }[];
  /** Null until it is PROCESSING. */
  readonly metrics: {
    readonly totalTime: MetricSpan;
    readonly profileSegmentationTime: MetricSpan;
    readonly counts: SegmentJobCounts | null;
  } | null;
  /** A seeded job that hangs: nothing moves it on but a request to cancel. */
  readonly hanging: boolean;
}

export type SegmentJobColumn = 'creation_time' | 'update_time' | 'id' | 'status';

/** One page of a list; null does not narrow. */
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
  /** The jobs of all sandboxes that have not ended, oldest first. */
  unfinished(): Promise<SegmentJob[]>;
  /** How many jobs were asked for over the API, not made by a schedule, at that time or later. */
  countOnDemand(sandbox: string, since: number): Promise<number>;
  /** One more than the highest number in use. */
  nextComputeJobId(): Promise<number>;
  insert(jobs: readonly SegmentJob[]): Promise<void>;
  /** Replaces the job of the same id. */
  update(job: SegmentJob): Promise<void>;
}

interface Row {
  readonly document: string;
}

/** `computeJobId` of the first job of an empty platform. */
const firstComputeJobId = 11_001;

export function createSegmentJobStore(database: Executor): SegmentJobStore {
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
