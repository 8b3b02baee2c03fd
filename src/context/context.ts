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
import type { IdempotentCreate } from './idempotency.ts';

export type AuthMode = 'EMBEDDED' | 'PASSTHROUGH' | 'SERVICE';

/** The live views of one caller. */
export interface Watches {
  readonly exportJobs: Watch<ExportJob>;
  readonly segmentJobs: Watch<SegmentJob>;
  readonly schedules: Watch<Schedule>;
}

/** What a resolver may use: one operation of one caller, made once per operation, the same over every transport. */
export interface GatewayContext {
  readonly tenant: Tenant;
  /** Whom limits count. See Session. */
  readonly principal: string;
  readonly authMode: AuthMode;
  /** See Session. */
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** When the caller's token runs out; null where the gateway does not know it. */
  readonly expiresAt: Date | null;
  /** Reads. They are given up when the caller leaves. */
  readonly platform: PlatformApi;
  /** Writes. They go on when the caller leaves: a create that is cut off may have happened all the same. */
  readonly writes: Pick<PlatformApi, 'exportJobs' | 'datasets' | 'schedules' | 'segmentJobs'>;
  readonly loaders: Loaders;
  readonly watch: Watches;
  readonly clock: Pick<Clock, 'now' | 'deadline'>;
  /** See IdempotencyRecords; the tenant is that of the request. */
  once(
    request: Omit<IdempotentCreate, 'tenant'>,
    create: () => Promise<string>,
  ): Promise<{ readonly id: string; readonly replayed: boolean }>;
  readonly downloads: { linkTo(file: BatchFile): string };
  /** Aborts when the caller leaves or the gateway shuts down. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}
