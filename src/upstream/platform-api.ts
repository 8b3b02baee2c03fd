import type { Batch, BatchField, BatchFile } from '../domain/batch.ts';
import type { Dataset, DatasetField, NewDataset } from '../domain/dataset.ts';
import type { ExportJob, NewExportJob } from '../domain/export-job.ts';
import type { ReportedExportJob } from '../domain/export-request.ts';
import type { FileVersion } from '../domain/file-version.ts';
import type { BatchId, DataSetFileId, DatasetId, ExportJobId } from '../domain/ids.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { EndSignal } from '../runtime/end-signal.ts';
import type {
  MergePoliciesApi,
  ProfilesApi,
  SchedulesApi,
  SegmentDefinitionsApi,
  SegmentJobsApi,
} from './segmentation-api.ts';
import type { OperationCalls, Priority } from './types.ts';
import type { LazyExportJob } from './wire/export-job.ts';

export type { LazyExportJob } from './wire/export-job.ts';

/** The credential for the platform. Only `headers` returns its secrets. */
export interface Credential {
  /**
   * Digest that distinguishes credentials without containing them. It is part of every key under which fetched data is
   * kept.
   */
  readonly fingerprint: string;
  /** Owner of the credential, who can correct a rejection: the caller, or the operator of the gateway. */
  readonly owner: 'caller' | 'gateway';
  /**
   * The `Authorization` and `x-api-key` headers of one call.
   * @param rejected the `Authorization` value that the platform has just rejected with 401. A credential that can
   *   obtain a new token does so. Any other credential returns null, and the rejection is final.
   * @returns the headers synchronously if they are available. A failure is always a promise that rejects.
   */
  headers(signal: EndSignal, rejected?: string): Promise<CredentialHeaders | null> | CredentialHeaders | null;
}

export type CredentialHeaders = Readonly<Record<string, string>>;

/** The caller of a platform call: its organization, sandbox and credential. */
export interface Caller {
  readonly tenant: Tenant;
  readonly credential: Credential;
}

/**
 * The platform for one caller. Every method may throw a GatewayError: UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED,
 * PLATFORM_ERROR, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, UPSTREAM_UNREADABLE; writes also INVALID_INPUT, CONFLICT. If
 * the signal that was passed to `connect` aborts, methods throw its reason. An id that does not exist in the platform
 * is null or missing in the result and never an error.
 */
export interface PlatformApi {
  readonly exportJobs: ExportJobsApi;
  readonly schedules: SchedulesApi;
  readonly segmentJobs: SegmentJobsApi;
  readonly segmentDefinitions: SegmentDefinitionsApi;
  readonly mergePolicies: MergePoliciesApi;
  readonly profiles: ProfilesApi;
  readonly datasets: DatasetsApi;
  readonly batches: BatchesApi;
  readonly files: FilesApi;
  readonly sandboxes: SandboxesApi;
}

/** Reads of export jobs. */
export interface ExportJobReads<Job extends ExportJob> {
  /** One upstream call. Jobs are sorted newest first; `limit` is 1 to 1,000. */
  list(options: {
    readonly limit: number;
    readonly cursor?: ExportJobCursor | undefined;
    readonly status?: ListedExportJobStatus | undefined;
  }): Promise<ExportJobPage<Job>>;
  /** One upstream call. */
  get(id: ExportJobId): Promise<Job | null>;
}

export interface ExportJobsApi extends ExportJobReads<ExportJob> {
  /** Reads a job with all that its record shows of its request. One upstream call. */
  getReported(id: ExportJobId): Promise<ReportedExportJob | null>;
  /** The same reads for one operation. They decode only the fields that the operation reads. */
  readonly lazy: ExportJobReads<LazyExportJob>;
  /** One upstream call, which is sent once. If its outcome is unknown, a second call looks for the job. */
  create(job: NewExportJob): Promise<ExportJob>;
  /** Marks the job for cancelling; the platform stops it later. False if the platform does not have it. */
  cancel(id: ExportJobId): Promise<boolean>;
}

/** A status by which the platform can filter export jobs. */
export type ListedExportJobStatus = Extract<ExportJob['status'], 'NEW' | 'SUCCEEDED' | 'FAILED'>;

/** Creation time (epoch milliseconds) and id of a job. The list continues with older jobs. */
export interface ExportJobCursor {
  readonly createdAtMs: number;
  readonly id: ExportJobId;
}

export interface ExportJobPage<Job extends ExportJob = ExportJob> {
  readonly jobs: readonly Job[];
  /** Cursor of the next page; null on the last page. */
  readonly next: ExportJobCursor | null;
}

export interface DatasetsApi {
  /** One upstream call. `limit` 1 to 100; a page shorter than `limit` is the last one. */
  list(options: DatasetListOptions): Promise<readonly Dataset[]>;
  /** Reads datasets or batches in chunks, with one upstream call per 100 ids of the usual length. */
  getMany(ids: readonly DatasetId[], fields?: ReadonlySet<DatasetField>): Promise<readonly Dataset[]>;
  /**
   * Returns the new id, because the platform returns nothing else. If the outcome is unknown, a second call looks for a
   * new dataset of this name.
   */
  create(dataset: NewDataset): Promise<DatasetId>;
  /** False when the platform does not know the dataset. */
  delete(id: DatasetId): Promise<boolean>;
}

/** Catalog cannot filter by schema, because it filters by top-level fields only. */
export interface DatasetListOptions {
  readonly limit: number;
  /** Fields to request. The field of the order is requested too; all others are null. @default every field */
  readonly fields?: ReadonlySet<DatasetField> | undefined;
  /** Row offset. @default 0 */
  readonly start?: number;
  readonly orderBy?: { readonly field: 'created' | 'updated' | 'name'; readonly direction: 'asc' | 'desc' };
  /** The platform returns datasets of this name, and may return others, so that the caller must compare the names. */
  readonly name?: string | undefined;
  readonly created?: TimeBounds | undefined;
  readonly updated?: TimeBounds | undefined;
}

/** `from` and `to` are inclusive, `after` and `before` exclusive. */
export interface TimeBounds {
  readonly after?: Date | undefined;
  readonly before?: Date | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** A status by which the platform can filter batches. */
export type ListedBatchStatus = Exclude<Batch['status'], 'UNKNOWN'>;

export interface BatchesApi {
  /** One upstream call. Batches are sorted newest first. */
  list(options: {
    /** Batches of this dataset. @default batches of all datasets */
    readonly datasetId?: DatasetId | undefined;
    /** Batches with one of these statuses of the platform. */
    readonly statuses?: readonly ListedBatchStatus[] | undefined;
    /** Exclusive. */
    readonly createdAfter?: Date | undefined;
    readonly limit: number;
    readonly start?: number;
    readonly created?: TimeBounds | undefined;
    /** Fields to request. `createdAt` is requested too; all others are null. @default every field */
    readonly fields?: ReadonlySet<BatchField> | undefined;
  }): Promise<readonly Batch[]>;
  /** Reads datasets or batches in chunks, with one upstream call per 100 ids of the usual length. */
  getMany(ids: readonly BatchId[], fields?: ReadonlySet<BatchField>): Promise<readonly Batch[]>;
}

export interface FilesApi {
  /**
   * The files of a batch, including files in directories. One upstream call for the list and one per entry.
   * @param start row offset among the entries of the batch
   */
  list(options: { readonly batchId: BatchId; readonly start: number; readonly limit: number }): Promise<BatchFilePage>;
  /**
   * Bytes of one part. Null if the platform does not have the file. The body is read as fast as its reader consumes it.
   * It ends with an error if the connection breaks or the signal of `connect` aborts. An unread body holds its
   * connection until then, so that the caller must read it, leave the loop, or abort.
   */
  read(options: {
    readonly fileId: DataSetFileId;
    readonly name: string;
    /**
     * First and last byte, both inclusive. Without `last` the range ends with the file. Without a range the whole file
     * is read.
     */
    readonly range?: { readonly first: number; readonly last?: number | undefined } | undefined;
  }): Promise<FileBytes | UnsatisfiableRange | null>;
  /** Properties of the whole file, as `read` returns them, without its bytes. */
  stat(options: { readonly fileId: DataSetFileId; readonly name: string }): Promise<FileInfo | null>;
}

export interface BatchFilePage {
  readonly files: readonly BatchFile[];
  /** Row offset of the next entry; null at the end. */
  readonly next: number | null;
}

export interface FileInfo extends FileVersion {
  readonly contentType: string;
  /** Length of the whole file in bytes; null if the platform does not report it. */
  readonly totalBytes: number | null;
}

export interface FileBytes extends FileInfo {
  readonly kind: 'bytes';
  /** The bytes of the response, which need not be the requested ones. */
  readonly first: number;
  /** Null if the platform does not report the last byte. The bytes then end with the file. */
  readonly last: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The range lies outside the file (416). */
export interface UnsatisfiableRange {
  readonly kind: 'unsatisfiable-range';
  /** Length of the whole file in bytes; null if the platform does not report it. */
  readonly totalBytes: number | null;
}

export interface SandboxesApi {
  /** The sandboxes that the caller may use, all pages. */
  available(): Promise<readonly Sandbox[]>;
}

export interface ConnectOptions {
  readonly signal: EndSignal;
  readonly priority?: Priority;
  readonly calls?: OperationCalls | undefined;
}

/** The platform, without a caller. */
export interface Upstream extends AsyncDisposable {
  /**
   * Binds a caller and a lifetime. When `signal` aborts, calls in flight are cancelled and later calls are rejected. A
   * client waits for `interactive` calls (the default); `poll` calls come from the feeds of subscriptions. Each sent
   * call counts against `calls`, and fails with its InvalidInputError when the limit is reached. Without `calls` no
   * call is counted.
   */
  connect(caller: Caller, options: ConnectOptions): PlatformApi;
  /**
   * Whether the platform accepts this credential for this organization: its last conclusive response was a success or
   * about the request itself (such as 404), and no rejection. Always true for the gateway's own credential.
   */
  isAccepted(caller: Caller): boolean;
  /**
   * Resolves if the platform accepts the credential: without a call if `isAccepted`, else after one read (at most four,
   * if the platform forbids the first ones). These calls count against no operation.
   * @throws {UnauthenticatedError} the platform rejects the credential
   * @throws {ForbiddenError} the platform forbids all of these reads
   * @throws {GatewayError} the platform could not be reached or failed; the reason of `signal` if it aborts
   */
  prove(caller: Caller, signal: EndSignal): Promise<void>;
}
