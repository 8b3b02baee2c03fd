import { randomUUID } from 'node:crypto';
import type { PlatformStore } from '../store/platform-store.ts';
import type { MetricSpan } from '../store/platform-store-export-jobs.ts';
import type { SegmentJob, SegmentJobCounts, SegmentJobStatus } from '../store/platform-store-segment-jobs.ts';
import type { JobError } from './job-transitions.ts';

/**
 * State transitions of a segment job. If the job is no longer in a state from which the transition may start, it
 * changes nothing and returns null.
 */
export class SegmentJobTransitions {
  readonly #store: PlatformStore;
  readonly #now: () => number;

  /** @param now returns Unix epoch milliseconds */
  constructor(store: PlatformStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** NEW → QUEUED. */
  queue(job: SegmentJob): Promise<SegmentJob | null> {
    return this.#step(job, ['NEW'], (current) => ({ ...current, status: 'QUEUED' }));
  }

  /** QUEUED → PROCESSING. A job that was already PROCESSING when the emulator stopped repeats this transition. */
  startProcessing(job: SegmentJob): Promise<SegmentJob | null> {
    return this.#step(job, ['QUEUED', 'PROCESSING'], (current, now) => ({
      ...current,
      status: 'PROCESSING',
      computeGatewayJobId: current.computeGatewayJobId ?? randomUUID(),
      metrics: current.metrics ?? {
        totalTime: { startTimeInMs: current.creationTime },
        profileSegmentationTime: { startTimeInMs: now },
        counts: null,
      },
    }));
  }

  /** PROCESSING → SUCCEEDED. */
  succeed(job: SegmentJob, counts: SegmentJobCounts): Promise<SegmentJob | null> {
    return this.#step(job, ['PROCESSING'], (current, now) => ({
      ...current,
      status: 'SUCCEEDED',
      metrics: endedMetrics(current, now, counts),
    }));
  }

  /** Any unfinished state except CANCELLING → FAILED. */
  fail(job: SegmentJob, error: JobError): Promise<SegmentJob | null> {
    return this.#step(job, ['NEW', 'QUEUED', 'PROCESSING'], (current, now) => ({
      ...current,
      status: 'FAILED',
      errors: [error],
      metrics: endedMetrics(current, now, null),
    }));
  }

  /** NEW, QUEUED or PROCESSING → CANCELLING. */
  startCancelling(job: Pick<SegmentJob, 'sandbox' | 'id'>): Promise<SegmentJob | null> {
    return this.#step(job, ['NEW', 'QUEUED', 'PROCESSING'], (current) => ({
      ...current,
      status: 'CANCELLING',
      hanging: false,
    }));
  }

  /** CANCELLING → CANCELLED. */
  cancel(job: SegmentJob): Promise<SegmentJob | null> {
    return this.#step(job, ['CANCELLING'], (current, now) => ({
      ...current,
      status: 'CANCELLED',
      metrics: endedMetrics(current, now, null),
    }));
  }

  #step(
    { sandbox, id }: Pick<SegmentJob, 'sandbox' | 'id'>,
    from: readonly SegmentJobStatus[],
    change: (job: SegmentJob, now: number) => SegmentJob,
  ): Promise<SegmentJob | null> {
    return this.#store.transaction(async ({ segmentJobs }) => {
      const job = await segmentJobs.find(sandbox, id);
      if (job === null || !from.includes(job.status)) return null;
      const now = this.#now();
      const changed = { ...change(job, now), updateTime: now };
      await segmentJobs.update(changed);
      return changed;
    });
  }
}

/** Metrics of an ended job; null if the job never was PROCESSING. */
function endedMetrics({ metrics }: SegmentJob, now: number, counts: SegmentJobCounts | null): SegmentJob['metrics'] {
  return (
    metrics && {
      totalTime: ended(metrics.totalTime, now),
      profileSegmentationTime: ended(metrics.profileSegmentationTime, now),
      counts,
    }
  );
}

function ended({ startTimeInMs }: MetricSpan, endTimeInMs: number): MetricSpan {
  return { startTimeInMs, endTimeInMs, totalTimeInMs: endTimeInMs - startTimeInMs };
}
