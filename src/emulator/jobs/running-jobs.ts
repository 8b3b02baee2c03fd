import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Activity } from './activity.ts';

/**
 * Steps that run jobs of one kind. Each step can be interrupted by its signal, and then must leave the stored job
 * unchanged.
 */
export interface JobSteps<Job> {
  /** Runs the job from its current state to its end. */
  carryOut(job: Job, signal: AbortSignal): Promise<void>;
  /** Stores that the job failed. Called after `carryOut` threw. */
  fail(job: Job): Promise<void>;
  /** Moves a stored job from CANCELLING to CANCELLED; does nothing in any other state. */
  finishCancelling(job: Job, signal: AbortSignal): Promise<void>;
}

/** Jobs that run concurrently. Each runs until its end, until it is cancelled, or until this object is disposed. */
export class RunningJobs<
  Job extends { readonly id: string | number; readonly status: string; readonly hanging: boolean },
> implements AsyncDisposable
{
  readonly #steps: JobSteps<Job>;
  readonly #logger: Logger;
  readonly #activity: Activity;
  readonly #running = new Map<Job['id'], { readonly cancellation: AbortController; readonly done: Promise<void> }>();
  readonly #stopping = new AbortController();

  constructor(steps: JobSteps<Job>, { logger, activity }: { readonly logger: Logger; readonly activity: Activity }) {
    this.#steps = steps;
    this.#logger = logger;
    this.#activity = activity;
  }

  /** Runs a stored job. A hanging job is not started. */
  start(job: Job): void {
    if (job.hanging || this.#running.has(job.id) || this.#stopping.signal.aborted) return;
    const cancellation = new AbortController();
    const done = this.#activity
      .work(() => this.#run(job, cancellation.signal))
      .finally(() => this.#running.delete(job.id));
    this.#running.set(job.id, { cancellation, done });
  }

  /** Continues a job that has been marked for cancelling in the store. */
  cancel(marked: Job): void {
    const running = this.#running.get(marked.id);
    if (running) running.cancellation.abort();
    else this.start(marked);
  }

  /** Interrupts running jobs without changing the stored jobs, and waits until all have stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #run(job: Job, cancelled: AbortSignal): Promise<void> {
    const stopping = this.#stopping.signal;
    try {
      if (job.status !== 'CANCELLING') await this.#steps.carryOut(job, AbortSignal.any([cancelled, stopping]));
    } catch (error) {
      if (stopping.aborted) return;
      if (!cancelled.aborted) await this.#fail(job, error);
    }
    try {
      await this.#steps.finishCancelling(job, stopping);
    } catch (error) {
      if (stopping.aborted) return;
      this.#logger.error({ err: error, jobId: job.id }, 'a job could not be cancelled');
    }
  }

  async #fail(job: Job, error: unknown): Promise<void> {
    this.#logger.error({ err: error, jobId: job.id }, 'a job failed unexpectedly');
    try {
      await this.#steps.fail(job);
    } catch (failure) {
      this.#logger.error({ err: failure, jobId: job.id }, 'the failure of a job could not be stored');
    }
  }
}

/** Sleeps until a time in Unix epoch milliseconds; returns immediately if the time has passed. */
export async function sleepUntil(clock: Clock, time: number, signal: AbortSignal): Promise<void> {
  const remainingMs = time - clock.now().getTime();
  if (remainingMs > 0) await clock.sleep(remainingMs, signal);
}
