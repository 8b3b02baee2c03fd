import type { MergePolicyId, ScheduleId, SegmentId, SegmentJobId } from '../domain/ids.ts';
import type { MergePolicy } from '../domain/merge-policy.ts';
import type { Profile, ProfileQuery } from '../domain/profile.ts';
import type { NewSchedule, Schedule, ScheduleChange } from '../domain/schedule.ts';
import type { SegmentDefinition } from '../domain/segment-definition.ts';
import type { SegmentJob } from '../domain/segment-job.ts';

/** An id whose entity a bulk read could not return, with the platform's error about this id alone. */
export interface BulkFailure<Id extends string> {
  readonly id: Id;
  readonly error: Error;
}

/** The result of a bulk read, in any order. An id that the platform does not have is in neither list. */
export interface BulkResult<Id extends string, Entity> {
  readonly found: readonly Entity[];
  readonly failed: readonly BulkFailure<Id>[];
}

/** A page with the number of rows of the whole list. */
export interface Counted {
  /** Number of rows of the whole list under the conditions that were sent. Null if the platform reports no count. */
  readonly total: number | null;
}

export interface SchedulesApi {
  /**
   * All schedules of the sandbox, in the platform's order. One upstream call per 100 schedules; usually there is one
   * schedule.
   */
  list(): Promise<readonly Schedule[]>;
  /** One upstream call. */
  get(id: ScheduleId): Promise<Schedule | null>;
  /** One upstream call, which is sent once. If its outcome is unknown, the list is read to look for the schedule. */
  create(schedule: NewSchedule): Promise<Schedule>;
  /** One upstream call. False if the platform does not have the schedule. */
  update(id: ScheduleId, change: ScheduleChange): Promise<boolean>;
  /** One upstream call. False if the platform does not have the schedule. */
  delete(id: ScheduleId): Promise<boolean>;
}

export interface SegmentJobsApi {
  /**
   * One upstream call. Jobs are sorted by time of creation or of the last change. `start` is the `next` of the previous
   * page, which is null on the last page. The platform's documentation differs on whether it counts pages or rows, and
   * rows shift while jobs are added, so that a row may be returned twice. The caller must drop ids that it has seen,
   * and stop at a page without new ids.
   */
  list(
    options: SegmentJobListOptions,
  ): Promise<Counted & { readonly jobs: readonly SegmentJob[]; readonly next: number | null }>;
  /** Reads in bulk, with one upstream call per 100 ids. */
  getMany(ids: readonly SegmentJobId[]): Promise<BulkResult<SegmentJobId, SegmentJob>>;
  /** One upstream call. */
  get(id: SegmentJobId): Promise<SegmentJob | null>;
  /** One upstream call, which is sent once. If its outcome is unknown, a second call looks for the job. */
  create(segmentIds: readonly SegmentId[]): Promise<SegmentJob>;
  /** Marks the job for cancelling; the platform stops it later. False if the platform does not have it. */
  cancel(id: SegmentJobId): Promise<boolean>;
}

export interface SegmentJobListOptions {
  /** 1 to 100. */
  readonly limit: number;
  /** @default 0 */
  readonly start?: number;
  /** The platform filters by one status at a time, and has no status UNKNOWN. */
  readonly status?: Exclude<SegmentJob['status'], 'UNKNOWN'> | undefined;
  readonly segmentId?: SegmentId | undefined;
  /** @default creationTime, newest first */
  readonly orderBy?: { readonly field: 'creationTime' | 'updateTime'; readonly direction: 'asc' | 'desc' };
}

/** The platform may ignore the order. It compares names in its own collation. */
export interface SegmentDefinitionOrder {
  readonly field: 'creationTime' | 'updateTime' | 'name';
  readonly direction: 'asc' | 'desc';
}

export interface SegmentDefinitionsApi {
  /**
   * One upstream call. `page` starts at 0, and `next` is null on the last page. A row may be returned twice. If the
   * platform counts its pages from 1, the second page repeats the first one, so that a page without new rows is not yet
   * the end.
   */
  list(options: {
    readonly limit: number;
    readonly page?: number;
    /** @default creationTime, newest first */
    readonly orderBy?: SegmentDefinitionOrder | undefined;
  }): Promise<Counted & { readonly definitions: readonly SegmentDefinition[]; readonly next: number | null }>;
  /** Reads in bulk, with one upstream call per 100 ids. */
  getMany(ids: readonly SegmentId[]): Promise<BulkResult<SegmentId, SegmentDefinition>>;
}

export interface MergePoliciesApi {
  /** One upstream call. `start` is the opaque `next` of the previous page. */
  list(options: {
    readonly limit: number;
    readonly start?: string | undefined;
  }): Promise<Counted & { readonly policies: readonly MergePolicy[]; readonly next: string | null }>;
  /** Reads in bulk, with one upstream call per 100 ids. */
  getMany(ids: readonly MergePolicyId[]): Promise<BulkResult<MergePolicyId, MergePolicy>>;
}

export interface ProfilesApi {
  /**
   * Finds profiles by identity. The results are in the order of the queries; null if no person has the identity.
   * Queries with the same fields and merge policy are sent together, with one upstream call per 100 queries.
   */
  getMany(queries: readonly ProfileQuery[]): Promise<readonly (Profile | Error | null)[]>;
}
