import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Activity } from './activity.ts';

/** What a kind of jobs does in its life. Each step may be broken off by its signal and must leave the stored job as it is then. */
export interface JobSteps<Job> {
  /** From wherever the job is to its end. */
  carryOut(job: Job, signal: AbortSignal): Promise<void>;
  /** After `carryOut` threw: stores that the job failed. */
  fail(job: Job): Promise<void>;
  /** When the job is CANCELLING in the store: brings it to CANCELLED. Otherwise it does nothing. */
  finishCancelling(job: Job, signal: AbortSignal): Promise<void>;
}

/** Jobs that run beside each other, each until its end, until it is cancelled, or until everything stops. */
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

  /** Runs a job that is stored. A hanging job stays as it is. */
  start(job: Job): void {
    if (job.hanging || this.#running.has(job.id) || this.#stopping.signal.aborted) return;
    const cancellation = new AbortController();
    const done = this.#activity
      .work(() => this.#run(job, cancellation.signal))
      .finally(() => this.#running.delete(job.id));
    this.#running.set(job.id, { cancellation, done });
  }

  /** Goes on with a job that has been marked for cancelling in the store. */
  cancel(marked: Job): void {
    const running = this.#running.get(marked.id);
    if (running) running.cancellation.abort();
    else this.start(marked);
  }

  /** Interrupts what runs, leaving the jobs in the store as they are, and waits until nothing runs any more. */
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

/** Sleeps until a time in Unix epoch milliseconds; one that has passed is not waited for. */
export async function sleepUntil(clock: Clock, time: number, signal: AbortSignal): Promise<void> {
  const remainingMs = time - clock.now().getTime();
  if (remainingMs > 0) await clock.sleep(remainingMs, signal);
}
