import type { MergePolicyId, ScheduleId, SegmentId, SegmentJobId } from '../domain/ids.ts';
import type { MergePolicy } from '../domain/merge-policy.ts';
import type { Profile, ProfileQuery } from '../domain/profile.ts';
import type { NewSchedule, Schedule, ScheduleChange } from '../domain/schedule.ts';
import type { SegmentDefinition } from '../domain/segment-definition.ts';
import type { SegmentJob } from '../domain/segment-job.ts';

/** One of many ids that a bulk read could not give, although the others could: what the platform said of it alone. */
export interface BulkFailure<Id extends string> {
  readonly id: Id;
  readonly error: Error;
}

/** The answer of a bulk read, in any order. An id that the platform does not know is in neither list. */
export interface BulkResult<Id extends string, Entity> {
  readonly found: readonly Entity[];
  readonly failed: readonly BulkFailure<Id>[];
}

/** A page with the number of rows of the whole list. */
export interface Counted {
  /** Rows of the whole list with the conditions that were sent. Null if the platform reports no count. */
  readonly total: number | null;
}

export interface SchedulesApi {
  /** All schedules of the sandbox, in the platform's order: one upstream call for each 100. There are few; usually one. */
  list(): Promise<readonly Schedule[]>;
  /** One upstream call. */
  get(id: ScheduleId): Promise<Schedule | null>;
  /** One upstream call, which is sent once. If its outcome is unknown, the list is read to look for the schedule. */
  create(schedule: NewSchedule): Promise<Schedule>;
  /** One upstream call. False when the platform does not know the schedule. */
  update(id: ScheduleId, change: ScheduleChange): Promise<boolean>;
  /** One upstream call. False when the platform does not know the schedule. */
  delete(id: ScheduleId): Promise<boolean>;
}

export interface SegmentJobsApi {
  /**
   * One upstream call: by time of creation or of the last change. `start` is what the page before gave as `next`, which
   * is null on the last page. Descriptions of the platform differ on whether it counts pages or rows, and rows shift while
   * jobs are added: a row may come twice. So whoever reads on drops the ids that it has seen, and stops when a page
   * brings none that is new.
   */
  list(
    options: SegmentJobListOptions,
  ): Promise<Counted & { readonly jobs: readonly SegmentJob[]; readonly next: number | null }>;
  /** Bulk reads, in chunks: one upstream call for each 100 ids. */
  getMany(ids: readonly SegmentJobId[]): Promise<BulkResult<SegmentJobId, SegmentJob>>;
  /** One upstream call. */
  get(id: SegmentJobId): Promise<SegmentJob | null>;
  /** One upstream call, which is sent once. If its outcome is unknown, a second call looks for the job. */
  create(segmentIds: readonly SegmentId[]): Promise<SegmentJob>;
  /** Marks the job for cancelling, which takes effect later. False when the platform does not know it. */
  cancel(id: SegmentJobId): Promise<boolean>;
}

export interface SegmentJobListOptions {
  /** 1 to 100. */
  readonly limit: number;
  /** @default 0 */
  readonly start?: number;
  /** The platform filters by one status at a time; UNKNOWN is none of its own. */
  readonly status?: Exclude<SegmentJob['status'], 'UNKNOWN'> | undefined;
  readonly segmentId?: SegmentId | undefined;
  /** @default creationTime, newest first */
  readonly orderBy?: { readonly field: 'creationTime' | 'updateTime'; readonly direction: 'asc' | 'desc' };
}

/** The platform may ignore the order. It compares names in a collation of its own. */
export interface SegmentDefinitionOrder {
  readonly field: 'creationTime' | 'updateTime' | 'name';
  readonly direction: 'asc' | 'desc';
}

export interface SegmentDefinitionsApi {
  /**
   * One upstream call. `page` begins at 0; `next` is null on the last page. A row may come twice, and where the platform
   * counts its pages from 1 the second page is the first one over again: a page with nothing new is not yet the end.
   */
  list(options: {
    readonly limit: number;
    readonly page?: number;
    /** @default creationTime, newest first */
    readonly orderBy?: SegmentDefinitionOrder | undefined;
  }): Promise<Counted & { readonly definitions: readonly SegmentDefinition[]; readonly next: number | null }>;
  /** Bulk reads, in chunks: one upstream call for each 100 ids. */
  getMany(ids: readonly SegmentId[]): Promise<BulkResult<SegmentId, SegmentDefinition>>;
}

export interface MergePoliciesApi {
  /** One upstream call. `start` is the opaque text that the page before gave as `next`. */
  list(options: {
    readonly limit: number;
    readonly start?: string | undefined;
  }): Promise<Counted & { readonly policies: readonly MergePolicy[]; readonly next: string | null }>;
  /** Bulk reads, in chunks: one upstream call for each 100 ids. */
  getMany(ids: readonly MergePolicyId[]): Promise<BulkResult<MergePolicyId, MergePolicy>>;
}

export interface ProfilesApi {
  /**
   * Looks people up by identity; the answers stand in the order of the queries, null where nobody is known by it. Queries
   * of the same fields and merge policy go together: one upstream call for each 100 of them.
   */
  getMany(queries: readonly ProfileQuery[]): Promise<readonly (Profile | Error | null)[]>;
}
