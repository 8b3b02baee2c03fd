import { isTerminalJobStatus, type JobStatus } from '../domain/job.ts';
import { ConflictError, NotFoundError } from '../errors.ts';

/**
 * Marks a job for cancelling.
 * @returns its state after the mark; the last known one when the platform no longer knows it
 * @throws {NotFoundError} there is no such job
 * @throws {ConflictError} it has already ended
 */
export async function cancelJob<Id extends string, Job extends { readonly status: JobStatus }>(request: {
  readonly id: Id;
  /** `export job`, `segment job`: for messages. */
  readonly noun: string;
  readonly load: (id: Id) => Promise<Job | null>;
  readonly writes: { cancel(id: Id): Promise<boolean>; get(id: Id): Promise<Job | null> };
  readonly watch: { nudge(): void };
}): Promise<Job> {
  const { id, noun, load, writes, watch } = request;
  const job = await load(id);
  if (job === null) throw new NotFoundError(id, { message: `There is no ${noun} ${id}.` });
  if (isTerminalJobStatus(job.status)) {
    throw new ConflictError({ message: `The ${noun} ${id} has already ended: it is ${job.status}.` });
  }
  const known = await writes.cancel(id);
  watch.nudge();
  return (known ? await writes.get(id) : null) ?? job;
}
