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
  /** What is to run the jobs that schedules make. */
  readonly exportJobs: { start(job: ExportJob): void };
  readonly segmentJobs: { start(job: SegmentJob): void };
}

type Run =
  | { readonly kind: 'export'; readonly job: ExportJob }
  | { readonly kind: 'segmentation'; readonly job: SegmentJob };

/** Longest wait at a time: a timer of the machine counts up to 24.8 days. */
const longestWaitMs = 24 * 60 * 60 * 1_000;
/** Wait after a failure of the store. */
const retryMs = 60_000;

/**
 * Makes the jobs of active schedules at their times. It waits for the next run of all schedules, until one changes. A
 * run and the time of the next are stored together, so each run makes one job, also when the process is killed; a run
 * that came while the emulator did not run is made up for at the next start, once.
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

  /** Says that a schedule was added, changed or removed. */
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
      // Before the store is read, so that a change after that ends the wait.
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
      // E.g. its dataset was deleted. The next run may succeed.
      logger.warn({ err: error, scheduleId: id }, 'a schedule could not make its job');
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
      // What the platform's own schedules do is not known.
      case 'delta':
      case 'system':
        return null;
    }
  }

  /** Sets the time of the run after `now`. Answers the schedule as it was, or null when no run of it is due any more. */
  async #passRun(records: PlatformRecords, sandbox: string, id: string, now: Date): Promise<Schedule | null> {
    const schedule = await records.schedules.find(sandbox, id);
    if (schedule === null || schedule.nextRun === null || schedule.nextRun > now.getTime()) return null;
    await records.schedules.update({ ...schedule, nextRun: nextRunOf(schedule, now) });
    return schedule;
  }

  /**
   * A deadline, not a sleep: it keeps no process alive, and nobody who moves a clock from one sleep to the next (the
   * stages of jobs) has to pass through the night.
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

/** Schedules of segmentations name one at least; that is checked when they are made. */
function segmentsOf({ properties }: Schedule): readonly string[] {
  const segments = properties['segments'];
  return Array.isArray(segments) ? segments.map(String) : [];
}
