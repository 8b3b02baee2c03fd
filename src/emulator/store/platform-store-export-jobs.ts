import type { SqlExecutor } from './connection.ts';
import type { ExportRequest, ReceivedExportRequest } from './export-request.ts';
import type { WrittenBatch } from './platform-store-batch-files.ts';

export type ExportJobStatus = 'NEW' | 'PROCESSING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLING' | 'CANCELLED';

/** A time span in a job's `metrics`, in milliseconds. A span that has not ended has only a start. */
export interface MetricSpan {
  readonly startTimeInMs: number;
  readonly endTimeInMs?: number;
  readonly totalTimeInMs?: number;
}

export interface ExportJobMetrics {
  readonly totalTime: MetricSpan;
  readonly profileExportTime?: MetricSpan;
  readonly aCPDatasetWriteTime?: MetricSpan;
  readonly totalExportedProfileCounter?: number;
  readonly exportedProfileByNamespaceCounter?: Readonly<Record<string, number>>;
}

/** Batch of one segment, for a job that writes one batch per segment. */
export interface SegmentBatch {
  readonly segmentId: string;
  readonly segmentNs: string;
  readonly status: readonly string[];
  readonly batchId: string;
}

/** A stored export job; `operations/export-job-record.ts` converts it to the API's format. */
export interface ExportJob {
  readonly id: number;
  readonly sandbox: string;
  readonly status: ExportJobStatus;
  /** Unix epoch milliseconds. */
  readonly creationTime: number;
  /** Unix epoch milliseconds. */
  readonly updateTime: number;
  readonly requestId: string;
  /** The schedule run that created the job; absent for a job created through the API. */
  readonly run?: { readonly scheduleId: string; readonly runId: string };
  readonly request: ExportRequest;
  /** Values of `filter`, `additionalFields` and `properties`, returned exactly as the client sent them. */
  readonly sent: ReceivedExportRequest['sent'];
  readonly mergePolicy: { readonly id: string; readonly version: number };
  /** One id for a job with a single batch; otherwise one entry per segment. */
  readonly output:
    | { readonly kind: 'single'; readonly batchId: string }
    | { readonly kind: 'per-segment'; readonly batches: readonly SegmentBatch[] };
  readonly errors: readonly { readonly code: string; readonly msg: string; readonly callStack: string }[];
  readonly metrics: ExportJobMetrics;
  readonly computeGatewayJobId: { readonly exportJob?: string; readonly pushJob?: string };
  /**
   * Time at which the segments of an export with segmentation were evaluated, in Unix epoch milliseconds. A job that is
   * resumed after an interruption must not evaluate them again, because new members would change from `realized` to
   * `existing`.
   */
  readonly segmentedAt?: number;
  /** Written batches that are not promoted yet: they are `loaded` or `staging`. Absent before and after this stage. */
  readonly unpromoted?: readonly WrittenBatch[];
  /** Whether this is a seeded job that hangs. Only a cancel request changes its state. */
  readonly hanging: boolean;
}

/** One page of a list; a filter with value null is not applied. */
export interface ExportJobPage {
  readonly status: ExportJobStatus | null;
  readonly limit: number;
  /** Number of rows to skip. */
  readonly skip: number;
  /** Only jobs after this one, in the order newest first; null = from the newest job. */
  readonly after: { readonly creationTime: number; readonly id: number } | null;
  readonly sort: {
    readonly column: 'creation_time' | 'update_time' | 'id' | 'status';
    readonly direction: 'ASC' | 'DESC';
  };
}

export interface ExportJobStore {
  list(sandbox: string, page: ExportJobPage): Promise<ExportJob[]>;
  count(sandbox: string, status: ExportJobStatus | null): Promise<number>;
  find(sandbox: string, id: number): Promise<ExportJob | null>;
  /** Jobs of all sandboxes that have not ended, or whose batches are not promoted, oldest first. */
  unfinished(): Promise<ExportJob[]>;
  /** Finds the job that writes or wrote a batch. */
  findByBatch(sandbox: string, batchId: string): Promise<ExportJob | null>;
  /** One more than the highest id in use. All sandboxes share one sequence of ids. */
  nextId(): Promise<number>;
  insert(jobs: readonly ExportJob[]): Promise<void>;
  /** Replaces the job with the same id. */
  update(job: ExportJob): Promise<void>;
}

interface Row {
  readonly document: string;
}

/** Id of the first job of an empty platform. */
const firstId = 24_001;

export function createExportJobStore(database: SqlExecutor): ExportJobStore {
  return {
    async list(sandbox, { status, limit, skip, after, sort }) {
      const conditions = ['sandbox = ?'];
      const parameters: (string | number)[] = [sandbox];
      if (status !== null) {
        conditions.push('status = ?');
        parameters.push(status);
      }
      if (after !== null) {
        conditions.push('(creation_time < ? OR (creation_time = ? AND id < ?))');
        parameters.push(after.creationTime, after.creationTime, after.id);
      }
      const rows = await database.all<Row>(
        `SELECT document FROM export_jobs WHERE ${conditions.join(' AND ')}
         ORDER BY ${sort.column} ${sort.direction}, id ${sort.direction} LIMIT ? OFFSET ?`,
        [...parameters, limit, skip],
      );
      return rows.map(parse);
    },

    async count(sandbox, status) {
      const rows = await database.all<{ jobs: number }>(
        `SELECT count(*) AS jobs FROM export_jobs WHERE sandbox = ? ${status === null ? '' : 'AND status = ?'}`,
        status === null ? [sandbox] : [sandbox, status],
      );
      return rows[0]?.jobs ?? 0;
    },

    async find(sandbox, id) {
      const [row] = await database.all<Row>('SELECT document FROM export_jobs WHERE id = ? AND sandbox = ?', [
        id,
        sandbox,
      ]);
      return row === undefined ? null : parse(row);
    },

    async unfinished() {
      const rows = await database.all<Row>(
        `SELECT document FROM export_jobs
         WHERE status IN ('NEW', 'PROCESSING', 'CANCELLING') OR contains(document, '"unpromoted":') ORDER BY id`,
      );
      // The text search can match a value that a client sent, so the parsed job is checked.
      return rows.map(parse).filter(({ status, unpromoted }) => status !== 'SUCCEEDED' || unpromoted !== undefined);
    },

    async findByBatch(sandbox, batchId) {
      const rows = await database.all<Row>(
        'SELECT document FROM export_jobs WHERE sandbox = ? AND contains(document, ?) ORDER BY id',
        [sandbox, JSON.stringify(batchId)],
      );
      return rows.map(parse).find((job) => batchIdsOf(job).includes(batchId)) ?? null;
    },

    async nextId() {
      const rows = await database.all<{ next: number }>('SELECT coalesce(max(id) + 1, ?) AS next FROM export_jobs', [
        firstId,
      ]);
      return rows[0]?.next ?? firstId;
    },

    insert(jobs) {
      return database.run(
        `INSERT INTO export_jobs (id, sandbox, status, creation_time, update_time, document)
         SELECT unnest(?)::BIGINT, unnest(?), unnest(?), unnest(?)::BIGINT, unnest(?)::BIGINT, unnest(?)`,
        [
          jobs.map(({ id }) => String(id)),
          jobs.map(({ sandbox }) => sandbox),
          jobs.map(({ status }) => status),
          jobs.map(({ creationTime }) => String(creationTime)),
          jobs.map(({ updateTime }) => String(updateTime)),
          jobs.map((job) => JSON.stringify(job)),
        ],
      );
    },

    update(job) {
      return database.run('UPDATE export_jobs SET status = ?, update_time = ?, document = ? WHERE id = ?', [
        job.status,
        job.updateTime,
        JSON.stringify(job),
        job.id,
      ]);
    },
  };
}

/** Ids of the batches that a job writes. */
export function batchIdsOf({ output }: Pick<ExportJob, 'output'>): readonly string[] {
  return output.kind === 'single' ? [output.batchId] : output.batches.map(({ batchId }) => batchId);
}

function parse({ document }: Row): ExportJob {
  return JSON.parse(document);
}
