import type { BatchFile } from '../domain/batch.ts';
import type { ExportJob } from '../domain/export-job.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Watch } from '../events/watch.ts';
import type { Loaders } from '../loaders/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { PlatformApi } from '../upstream/platform-api.ts';
import type { DownloadLink } from './download-links.ts';
import type { Create, IdempotencyOutcome, IdempotentCreate } from './idempotency.ts';

export type AuthMode = 'EMBEDDED' | 'PASSTHROUGH' | 'SERVICE';

/** The live views of one caller. */
export interface Watches {
  readonly exportJobs: Watch<ExportJob>;
  readonly segmentJobs: Watch<SegmentJob>;
  readonly schedules: Watch<Schedule>;
}

/** The context of resolvers: one operation of one caller, created once per operation, the same over every transport. */
export interface GatewayContext {
  readonly tenant: Tenant;
  /** The caller for whom limits are counted. See Session. */
  readonly principal: string;
  /** Identifies the credential with which the platform is called, without revealing any of it. */
  readonly credentialFingerprint: string;
  readonly authMode: AuthMode;
  /** See Session. */
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /**
   * Checks that the caller may read, for data that no platform call protects: the schema.
   * @throws {ForbiddenError} the caller's token does not allow reading
   * @throws {GatewayError} the platform has not accepted the caller's own credential
   */
  assertReader(): Promise<void>;
  /** When the caller's token runs out; null where the gateway does not know it. */
  readonly expiresAt: Date | null;
  /** Writes. They continue when the caller leaves, because an interrupted create may still have happened. */
  readonly writes: Pick<PlatformApi, 'exportJobs' | 'datasets' | 'schedules' | 'segmentJobs'>;
  /** Reads. They are given up when the caller leaves. */
  readonly loaders: Loaders;
  readonly watch: Watches;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'deadline'>;
  /** See IdempotencyRecords. Tenant and signal are those of the operation. */
  once(request: Omit<IdempotentCreate, 'tenant' | 'signal'>, create: Create): Promise<IdempotencyOutcome>;
  /** URL at which the caller reaches the gateway, without a trailing slash. Links begin with it. */
  readonly publicUrl: string;
  /** See DownloadLinks. The same file gets the same link, so that its URL and its expiry fit. */
  readonly downloads: { linkTo(file: BatchFile): DownloadLink };
  /** Aborts when the caller leaves or the gateway shuts down. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * The context in which one event of a subscription is executed, once for all subscriptions of the same credential. Its
   * loaders have read nothing yet.
   * @param signal aborts when no caller waits for the result
   */
  forEvent(signal: AbortSignal): GatewayContext;
  /**
   * The context in which events are executed whose results go to every subscriber of the tenant. It holds nothing of this
   * caller, and everything that depends on a caller throws.
   */
  forTenant(): GatewayContext;
}
