import type { MadeEntity } from '../support/history/check-creates.ts';
import type { TrueEntity } from '../support/history/check-views.ts';
import { isLastStatus } from '../support/history/watch-history.ts';
import type { PlatformReading, WireExportJob, WireSegmentJob } from '../support/platform-reading.ts';
import type { Created } from './journal.ts';
import { jobState } from './subscriber.ts';
import { scheduleState, segmentMark } from './writers.ts';

/** Final state of the platform, in the form of histories. */
export interface FinalTruth {
  readonly views: Readonly<Record<'exportJobs' | 'segmentJobs' | 'schedules', readonly TrueEntity[]>>;
  /** Entities that did not exist before the run. */
  readonly made: Readonly<Record<Created, readonly MadeEntity[]>>;
}

/** @param before the state of the platform before the first create of the run */
export function truthOf(before: PlatformReading, after: PlatformReading): FinalTruth {
  const newOnes = <Wire extends { readonly id: string | number }>(was: readonly Wire[], is: readonly Wire[]) => {
    const known = new Set(was.map(({ id }) => id));
    return is.filter(({ id }) => !known.has(id));
  };
  const knownDatasets = new Set(before.datasets.map(([id]) => id));
  return {
    views: {
      exportJobs: after.exportJobs.map((job) => ({
        id: `ExportJob:${job.id}`,
        status: job.status,
        state: jobState(job.status, job.metrics.totalExportedProfileCounter),
        createdAt: new Date(job.creationTime),
        endedAt: endOf(job),
      })),
      segmentJobs: after.segmentJobs.map((job) => ({
        id: `SegmentJob:${job.id}`,
        status: job.status,
        state: jobState(job.status, job.metrics?.totalProfiles),
        createdAt: new Date(job.creationTime),
        endedAt: endOf(job),
      })),
      schedules: after.schedules.map(({ id, state, schedule, createEpoch }) => ({
        id: `Schedule:${id}`,
        status: null,
        state: scheduleState(state.toUpperCase(), schedule),
        createdAt: new Date(createEpoch),
        endedAt: null,
      })),
    },
    made: {
      exportJobs: newOnes(before.exportJobs, after.exportJobs).map((job) => ({
        id: `ExportJob:${job.id}`,
        mark: job.filter?.fromIngestTimestamp ?? 'no mark',
      })),
      segmentJobs: newOnes(before.segmentJobs, after.segmentJobs.filter(isAskedFor)).map((job) => ({
        id: `SegmentJob:${job.id}`,
        mark: segmentMark(job.segments.map(({ segmentId }) => segmentId)),
      })),
      schedules: newOnes(before.schedules, after.schedules).map(({ id, name }) => ({
        id: `Schedule:${id}`,
        mark: name,
      })),
      datasets: after.datasets.flatMap(([id, { name = 'no name' }]) =>
        knownDatasets.has(id) ? [] : [{ id: `Dataset:${id}`, mark: name }],
      ),
    },
  };
}

/** Time of the end of a job, after which nothing changes it. */
const endOf = ({ status, updateTime }: WireExportJob | WireSegmentJob): Date | null =>
  isLastStatus(status) ? new Date(updateTime) : null;

/** Whether a client requested a job. A schedule that becomes due during a run also creates jobs. */
const isAskedFor = ({ source }: WireSegmentJob): boolean => source !== 'scheduler';

/** Unfinished jobs, except those that existed before and hang. */
export function runningJobs(
  before: PlatformReading,
  now: Pick<PlatformReading, 'exportJobs' | 'segmentJobs'>,
): readonly (WireExportJob | WireSegmentJob)[] {
  const hanging = new Set(
    [...before.exportJobs, ...before.segmentJobs].filter(({ status }) => !isLastStatus(status)).map(({ id }) => id),
  );
  return [...now.exportJobs, ...now.segmentJobs].filter(({ id, status }) => !isLastStatus(status) && !hanging.has(id));
}
