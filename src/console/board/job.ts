import type { LiveRow } from '../live/live-list.ts';
import type { ExportJobStatus } from '../operations.generated.ts';

/** The segment id that stands for all segments. */
export const everySegment = '*';

/** The fields of an export job or a segment job that a row shows. Both kinds have the same statuses. */
export interface Job extends LiveRow {
  readonly platformId: string;
  readonly status: ExportJobStatus;
  readonly rawStatus: string;
  readonly isTerminal: boolean;
  readonly isOverdue: boolean;
  readonly createdAt: string;
  /** The caller that created the job through the gateway; null: it is not known. */
  readonly requestedBy: string | null;
  readonly elapsedMs: number | null;
  readonly progress: number | null;
  readonly expectation: {
    readonly likelyEndAt: string;
    readonly latestEndAt: string;
  } | null;
  readonly comparison: {
    readonly previousDurationMs: number | null;
    readonly profilesChange: number | null;
  } | null;
  readonly errors: readonly { readonly message: string }[];
  /** Platform ids of the segments that are exported or evaluated. */
  readonly segments: readonly string[];
  /** Set if all profiles or all segments are exported or evaluated; null: only `segments`. */
  readonly everything: 'profiles' | 'segments' | null;
  /** Number of profiles; null if the platform does not report it. */
  readonly profiles: number | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** The dataset that an export writes to, or the schedule that started a segment job, by its platform id. */
  readonly target: { readonly type: 'Dataset' | 'Schedule'; readonly id: string } | null;
}
