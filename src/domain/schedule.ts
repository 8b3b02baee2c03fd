import type { ScheduleId, SegmentId } from './ids.ts';
import type { ReadingTimes } from './reading-times.ts';

export const scheduleTypes = ['BATCH_SEGMENTATION', 'EXPORT', 'UNKNOWN'] as const;
export type ScheduleType = (typeof scheduleTypes)[number];

export const scheduleStates = ['ACTIVE', 'INACTIVE', 'UNKNOWN'] as const;
export type ScheduleState = (typeof scheduleStates)[number];

/** A job that the platform repeats at the times of a cron expression. */
export interface Schedule extends ReadingTimes {
  readonly id: ScheduleId;
  readonly name: string | null;
  readonly type: ScheduleType;
  /** The type exactly as returned by the platform; empty if omitted. */
  readonly rawType: string;
  readonly state: ScheduleState;
  /** Quartz cron expression, UTC. */
  readonly schedule: string;
  /** The platform's name of the interval, such as `daily`; null if omitted. */
  readonly frequency: string | null;
  /** The single entry `*` stands for all segments. */
  readonly segmentIds: readonly SegmentId[];
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

export interface NewSchedule {
  readonly name: string;
  readonly type: Exclude<ScheduleType, 'UNKNOWN'>;
  readonly schedule: string;
  readonly segmentIds: readonly SegmentId[];
  readonly state: Exclude<ScheduleState, 'UNKNOWN'>;
}

/** The parts of a schedule that can be changed. At least one of them is present. */
export interface ScheduleChange {
  readonly state?: Exclude<ScheduleState, 'UNKNOWN'> | undefined;
  readonly schedule?: string | undefined;
}
