import type { GatewayContext } from '../../context/context.ts';
import { isTerminalJob, type JobProgress } from '../../domain/job.ts';
import { ConflictError, NotFoundError } from '../../errors.ts';
import { readAfterWrite, sendWrite } from './after-write.ts';

/**
 * Marks a job for cancelling.
 * @returns the state after the mark. If that cannot be read, the last known state with the status CANCELLING; if the
 *   platform no longer has the job, its last known state
 * @throws {NotFoundError} the job does not exist
 * @throws {ConflictError} the job has already ended
 * @throws {OutcomeUnknownError} no conclusive response arrived, and the job is not marked
 */
export async function cancelJob<Id extends string, Job extends JobProgress & { readonly rawStatus: string }>(
  ctx: Pick<GatewayContext, 'clock'>,
  request: {
    readonly id: Id;
    /** Name of the type in messages: `export job` or `segment job`. */
    readonly noun: string;
    readonly load: (id: Id) => Promise<Job | null>;
    readonly writes: { cancel(id: Id): Promise<boolean>; get(id: Id): Promise<Job | null> };
    readonly watch: { nudge(): void };
    /** Copies a job with another status. */
    readonly withStatus: (job: Job, status: { readonly status: 'CANCELLING'; readonly rawStatus: string }) => Job;
  },
): Promise<Job> {
  const { id, noun, load, writes, watch, withStatus } = request;
  const job = await load(id);
  if (job === null) throw new NotFoundError(id, { message: `There is no ${noun} ${id}.` });
  const refuseEnded = (job: Job) => {
    if (!isTerminalJob(job)) return;
    const status = job.status === 'UNKNOWN' ? job.rawStatus : job.status;
    throw new ConflictError({ message: `The ${noun} ${id} has already ended: it is ${status}.` });
  };
  refuseEnded(job);

  let ended: Job | null = null;
  const isMarked = async () => {
    const now = await writes.get(id);
    if (now === null || now.status === 'CANCELLING' || now.status === 'CANCELLED') return true;
    ended = now;
    return false;
  };
  try {
    const known = await sendWrite(() => writes.cancel(id), isMarked);
    if (!known) return job;
    const marked = withStatus(job, { status: 'CANCELLING', rawStatus: 'CANCELLING' });
    return (await readAfterWrite(ctx, () => writes.get(id), marked)) ?? job;
  } catch (error) {
    // The job ended before the platform could mark it.
    if (ended !== null) refuseEnded(ended);
    throw error;
  } finally {
    watch.nudge();
  }
}
