import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { EmulatorPace, EmulatorQuirks } from '../options.ts';
import type { Database } from '../store/connection.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import type { SegmentJob } from '../store/platform-store-segment-jobs.ts';
import type { Activity, Slots } from './activity.ts';
import { evaluateSnapshots } from './evaluate-snapshots.ts';
import { RunningJobs, sleepUntil } from './running-jobs.ts';
import { SegmentJobTransitions } from './segment-job-transitions.ts';
import { allSnapshots } from './segment-snapshots.ts';
import { stageDurationMs } from './stage-times.ts';

export interface SegmentJobRunnerOptions {
  readonly database: Database;
  readonly store: PlatformStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly activity: Activity;
  readonly pace: EmulatorPace;
  readonly quirks: Pick<EmulatorQuirks, 'membershipModel'>;
}

/**
 * Number of segment jobs that are PROCESSING at the same time, because evaluations change the same memberships. The
 * others wait in QUEUED.
 */
const concurrentSegmentJobs = 1;

/**
 * Runs segment jobs from NEW to their end. Each job sleeps until its next stage is due, so nothing polls. Memberships
 * change at the end of PROCESSING, so a job that is cancelled or interrupted earlier has changed none. `resume`
 * continues a job that was interrupted by the end of the process.
 */
export class SegmentJobRunner implements AsyncDisposable {
  readonly #options: SegmentJobRunnerOptions;
  readonly #transitions: SegmentJobTransitions;
  readonly #slots: Slots;
  readonly #jobs: RunningJobs<SegmentJob>;

  constructor(options: SegmentJobRunnerOptions) {
    this.#options = options;
    this.#transitions = new SegmentJobTransitions(options.store, () => options.clock.now().getTime());
    this.#slots = options.activity.slots(concurrentSegmentJobs);
    this.#jobs = new RunningJobs<SegmentJob>(
      {
        carryOut: (job, signal) => this.#evaluate(job, signal),
        fail: async (job) => {
          await this.#transitions.fail(job, unexpected);
        },
        finishCancelling: (job, signal) => this.#finishCancelling(job, signal),
      },
      options,
    );
  }

  /** Resumes the jobs that had not ended when the emulator last stopped. */
  async resume(): Promise<void> {
    for (const job of await this.#options.store.segmentJobs.unfinished()) this.start(job);
  }

  /** Runs a stored job. A hanging job is not started. */
  start(job: SegmentJob): void {
    this.#jobs.start(job);
  }

  /** Marks a job for cancelling. A job that has ended or is already being cancelled does not change. */
  async cancel(job: SegmentJob): Promise<void> {
    const marked = await this.#transitions.startCancelling(job);
    if (marked !== null) this.#jobs.cancel(marked);
  }

  /** Interrupts running jobs without changing the stored jobs, and waits until all have stopped. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#jobs[Symbol.asyncDispose]();
  }

  async #evaluate(job: SegmentJob, signal: AbortSignal): Promise<void> {
    const { pace, database, clock, store, quirks } = this.#options;
    let current = job;
    if (current.status === 'NEW') {
      await sleepUntil(clock, job.creationTime + stageDurationMs(pace, 'newMs', job.id), signal);
      const queued = await this.#transitions.queue(job);
      if (queued === null) return;
      current = queued;
    }
    if (current.status === 'QUEUED') {
      await sleepUntil(clock, current.updateTime + stageDurationMs(pace, 'queuedMs', job.id), signal);
    }
    await this.#slots.hold(async () => {
      signal.throwIfAborted();
      const processing = await this.#transitions.startProcessing(job);
      if (processing === null) return;
      const since = processing.metrics?.profileSegmentationTime.startTimeInMs ?? processing.updateTime;
      await sleepUntil(clock, since + stageDurationMs(pace, 'segmentingMs', job.id), signal);
      const segments = processing.segments ?? (await allSnapshots(store, job.sandbox));
      const settings = { now: clock.now(), membershipModel: quirks.membershipModel };
      const outcome = await evaluateSnapshots(database, job.sandbox, segments, settings, signal);
      if (outcome.kind === 'failed') await this.#transitions.fail(job, outcome.error);
      else await this.#transitions.succeed(job, outcome.counts);
    }, signal);
  }

  async #finishCancelling(job: SegmentJob, signal: AbortSignal): Promise<void> {
    const { store, pace, clock } = this.#options;
    const current = await store.segmentJobs.find(job.sandbox, job.id);
    if (current?.status !== 'CANCELLING') return;
    await sleepUntil(clock, current.updateTime + stageDurationMs(pace, 'cancellingMs', job.id), signal);
    await this.#transitions.cancel(job);
  }
}

const unexpected = {
  code: 'unknown',
  msg: 'Job aborted.',
  callStack: 'com.adobe.aep.unifiedprofile.segmentation.SegmentJob',
};
