import { randomUUID } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { PlatformError } from '../errors.ts';
import type { EmulatorQuirks } from '../options.ts';
import type { PlatformRecords, PlatformStore } from '../store/platform-store.ts';
import type { ExportJob } from '../store/platform-store-export-jobs.ts';
import type { Schedule } from '../store/platform-store-schedules.ts';
import type { SegmentJob } from '../store/platform-store-segment-jobs.ts';
import type { Activity } from './activity.ts';
import { createJob } from './create-job.ts';
import { createSegmentJob } from './create-segment-job.ts';
import { nextRunOf } from './schedule-request.ts';
import { defaultExportDataset, parseScheduledExport } from './scheduled-export.ts';

export interface SchedulerOptions {
  readonly store: PlatformStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly activity: Activity;
  readonly quirks: Pick<EmulatorQuirks, 'defaultSegmentStatus' | 'unknownDatasetStatus'>;
  /** Runners of the jobs that schedules create. */
  readonly exportJobs: { start(job: ExportJob): void };
  readonly segmentJobs: { start(job: SegmentJob): void };
}

type Run =
  | { readonly kind: 'export'; readonly job: ExportJob }
  | { readonly kind: 'segmentation'; readonly job: SegmentJob };

/** Longest single wait, because a timer of the machine is limited to 24.8 days. */
const longestWaitMs = 24 * 60 * 60 * 1_000;
/** Pause after a failure of the store, in milliseconds. */
const retryMs = 60_000;

/**
 * Creates the jobs of active schedules when they are due. It waits for the earliest next run and is woken when a
 * schedule changes. The job and the time of the next run are stored in one transaction, so each run creates exactly one
 * job, even if the process is killed. A run that was due while the emulator was stopped is made up for at the next
 * start, once.
 */
export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #stopping = new AbortController();
  #changes = new AbortController();
  #done: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#done ??= this.#options.activity.work(() => this.#loop());
  }

  /** Notifies the scheduler that a schedule was added, changed or removed. */
  notify(): void {
    this.#changes.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #loop(): Promise<void> {
    const { store, clock, logger } = this.#options;
    while (!this.#stopping.signal.aborted) {
      // Created before the store is read, so that a later change ends the wait.
      this.#changes = new AbortController();
      let waitMs = retryMs;
      try {
        const schedule = await store.schedules.next();
        const due = schedule?.nextRun ?? null;
        waitMs = due === null ? longestWaitMs : due - clock.now().getTime();
        if (schedule !== null && waitMs <= 0) await this.#fire(schedule);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        waitMs = retryMs;
        logger.error({ err: error }, 'the schedules could not be run');
      }
      if (waitMs > 0) await this.#wait(Math.min(waitMs, longestWaitMs));
    }
  }

  async #fire({ sandbox, id }: Schedule): Promise<void> {
    const { store, clock, logger, exportJobs, segmentJobs } = this.#options;
    try {
      const run = await store.transaction((records) => this.#makeJob(records, sandbox, id));
      if (run?.kind === 'export') exportJobs.start(run.job);
      else if (run?.kind === 'segmentation') segmentJobs.start(run.job);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      // For example, the dataset was deleted. The next run may succeed.
      logger.warn({ err: error, scheduleId: id }, 'a schedule could not create its job');
      await store.transaction((records) => this.#passRun(records, sandbox, id, clock.now()));
    }
  }

  async #makeJob(records: PlatformRecords, sandbox: string, id: string): Promise<Run | null> {
    const { clock, quirks } = this.#options;
    const now = clock.now();
    const schedule = await this.#passRun(records, sandbox, id, now);
    if (schedule === null) return null;
    const requestId = `${schedule.id}-${schedule.nextRun}`;
    const run = { scheduleId: schedule.id, runId: randomUUID() };
    switch (schedule.type) {
      case 'batch_segmentation': {
        const job = await createSegmentJob(records, {
          sandbox,
          segmentIds: segmentsOf(schedule),
          requestId,
          run,
          now: now.getTime(),
        });
        return { kind: 'segmentation', job };
      }
      case 'export': {
        const received = parseScheduledExport(
          schedule.properties,
          await defaultExportDataset(records, sandbox),
          quirks,
        );
        const job = await createJob(records, sandbox, received, { requestId, run, now: now.getTime() }, quirks);
        return { kind: 'export', job };
      }
      // The behaviour of the platform's own schedules is unknown.
      case 'delta':
      case 'system':
        return null;
    }
  }

  /**
   * Sets the time of the run after `now`.
   * @returns the schedule before the change, or null when it has no due run
   */
  async #passRun(records: PlatformRecords, sandbox: string, id: string, now: Date): Promise<Schedule | null> {
    const schedule = await records.schedules.find(sandbox, id);
    if (schedule === null || schedule.nextRun === null || schedule.nextRun > now.getTime()) return null;
    await records.schedules.update({ ...schedule, nextRun: nextRunOf(schedule, now) });
    return schedule;
  }

  /**
   * A deadline and not a sleep, so that it does not keep the process alive. It also keeps the wait out of the list of
   * sleeps that a manual clock steps through (the stages of jobs).
   */
  async #wait(ms: number): Promise<void> {
    using deadline = this.#options.clock.deadline(ms);
    const ends = AbortSignal.any([deadline.signal, this.#changes.signal, this.#stopping.signal]);
    if (ends.aborted) return;
    await this.#options.activity.rest(
      () => new Promise<void>((resolve) => ends.addEventListener('abort', () => resolve(), { once: true })),
    );
  }
}

/**
 * Segment ids of a segmentation schedule. The list is not empty, because it is validated when the schedule is created.
 */
function segmentsOf({ properties }: Schedule): readonly string[] {
  const segments = properties['segments'];
  return Array.isArray(segments) ? segments.map(String) : [];
}
