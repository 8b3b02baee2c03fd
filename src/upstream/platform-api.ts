import type { EndSignal } from '../runtime/end-signal.ts';
import type { RequestId } from '../runtime/request-id.ts';
import type { TracePosition } from '../tracing/trace.ts';
import type { BatchesApi } from './apis/batches.ts';
import type { DatasetsApi } from './apis/datasets.ts';
import type { ExportJobsApi } from './apis/export-jobs.ts';
import type { FilesApi } from './apis/files.ts';
import type { MergePoliciesApi } from './apis/merge-policies.ts';
import type { ProfilesApi } from './apis/profiles.ts';
import type { SandboxesApi } from './apis/sandboxes.ts';
import type { SchedulesApi } from './apis/schedules.ts';
import type { SegmentDefinitionsApi } from './apis/segment-definitions.ts';
import type { SegmentJobsApi } from './apis/segment-jobs.ts';
import type { Caller } from './caller.ts';
import type { OperationCalls, Priority, ReportWrite } from './types.ts';

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

export interface ConnectOptions {
  readonly signal: EndSignal;
  readonly priority?: Priority;
  readonly calls?: OperationCalls | undefined;
  /** Receives the end of each write. @default the connection cannot write */
  readonly reportWrite?: ReportWrite | undefined;
  /** Position below which each attempt of a call has a span; null: calls are not traced. @default null */
  readonly trace?: TracePosition | null | undefined;
  /** Id of the request that causes the calls. @default each call has a new id */
  readonly requestId?: RequestId | undefined;
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
  prove(caller: Caller, options: Pick<ConnectOptions, 'signal' | 'trace' | 'requestId'>): Promise<void>;
}
