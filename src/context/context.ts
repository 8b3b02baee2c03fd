import type { AuditedMutation } from '../audit/mutation-audit.ts';
import type { AuthMode } from '../domain/auth-mode.ts';
import type { BatchFile } from '../domain/batch.ts';
import type { CreatedJob } from '../domain/created-job.ts';
import type { NewExportJob } from '../domain/export-job.ts';
import type { ExportJobId } from '../domain/ids.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Loaders } from '../loaders/index.ts';
import type { OperationRecord } from '../observation/operation-record.ts';
import type { Watches } from '../polling/watches.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { TracePosition } from '../tracing/trace.ts';
import type { PlatformApi } from '../upstream/platform-api.ts';
import type { WrittenEntity } from '../upstream/types.ts';
import type { DownloadLink } from './download-links.ts';
import type { FileContents } from './file-contents.ts';
import type { Create, IdempotencyOutcome, IdempotentCreate } from './idempotency/idempotency.ts';

/** A create with an idempotency key, within the operation's tenant. */
export interface ContextCreate extends Omit<IdempotentCreate, 'tenant' | 'signal' | 'logger'> {
  readonly entity: WrittenEntity;
}

/** The context of resolvers. One is created for each operation of a caller, in the same way for every transport. */
export interface GatewayContext {
  readonly tenant: Tenant;
  /** Name of the caller for which limits are counted. See Session. */
  readonly principal: string;
  /** Identifies the credential for calls to the platform without revealing any of it. */
  readonly credentialFingerprint: string;
  readonly authMode: AuthMode;
  /** See Session. */
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** See Session. */
  readonly canReadData: boolean;
  /**
   * Checks that the caller may read. It protects data that needs no platform call, such as the schema.
   * @throws {ForbiddenError} the caller's token does not allow reading
   * @throws {GatewayError} the platform has not accepted the caller's own credential
   */
  assertReader(): Promise<void>;
  /** Expiry time of the caller's token; null: the gateway does not know it. */
  readonly expiresAt: Date | null;
  /**
   * Executes a mutation field. Its writes, and its failure without a write, are recorded in the audit log.
   * @throws {UpstreamUnreachableError} the audit log cannot be written, so that nothing is executed
   * @throws the error of `run`
   */
  recordMutation<Result>(mutation: AuditedMutation, run: () => Result | Promise<Result>): Promise<Result>;
  /**
   * Writes of the mutation field that is executed. They continue when the caller leaves, because an interrupted create
   * may still have happened.
   */
  readonly writes: Pick<PlatformApi, 'exportJobs' | 'datasets' | 'schedules' | 'segmentJobs'>;
  /** Reads. They are aborted when the caller leaves. */
  readonly loaders: Loaders;
  /**
   * Counts a waiting call of the caller as one of its subscriptions, until the result is disposed of.
   * @throws {RateLimitedError} the caller, its tenant or the replica has reached its limit
   */
  countSubscription(): Disposable;
  /** Returns the watch of a kind of entity. */
  readonly watch: Watches;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'deadline'>;
  /** See IdempotencyRecords. Tenant and signal of the operation are added. */
  idempotent(request: ContextCreate, create: Create): Promise<IdempotencyOutcome>;
  /** See ExportRequests. The tenant of the operation is added. */
  readonly exportRequests: {
    save(id: ExportJobId, request: NewExportJob): Promise<void>;
    find(id: ExportJobId): Promise<NewExportJob | null>;
  };
  /** See Requesters. The tenant and the name of the caller are added. */
  saveRequester(job: CreatedJob): Promise<void>;
  /** URL at which the caller reaches the gateway, without a trailing slash. Links begin with it. */
  readonly publicUrl: string;
  /** See DownloadLinks. The same file gets the same link, so that its URL and its expiry belong together. */
  readonly downloads: { linkTo(file: BatchFile): DownloadLink };
  /** See FileContents. */
  readonly contents: FileContents;
  /** Aborts when the caller leaves or the gateway shuts down. */
  readonly signal: AbortSignal;
  /** Its lines contain the id of the caller's request. */
  readonly logger: Logger;
  /** The record of the operation that the caller sent; null: this context is for an event. */
  readonly record: OperationRecord | null;
  /** Position of the operation in its trace; null: it is not traced. */
  readonly trace: TracePosition | null;
  /** Creates the context of the same operation at another position. Its loaders have read nothing yet. */
  withTrace(trace: TracePosition): GatewayContext;
  /** Creates the context for the start of a subscription. Its loaders have read nothing yet. */
  forStart(): GatewayContext;
  /**
   * Creates the context for executing one event of a subscription, once for all subscriptions with the same credential.
   * Its loaders have read nothing yet.
   * @param signal aborts when no caller waits for the result
   * @param trace position of the event in its trace; null: it is not traced
   */
  forEvent(signal: AbortSignal, trace: TracePosition | null): GatewayContext;
  /**
   * Creates the context for executing events whose results every subscriber of the tenant receives. It contains no data
   * of this caller, and every member that depends on a caller throws.
   */
  forTenant(): GatewayContext;
}
