import DataLoader from 'dataloader';
import { type CreatedJob, createdJobKey } from '../domain/created-job.ts';

/** Reads one name per job, in their order; null: the caller who requested the job is not known. */
export type ReadRequesters = (jobs: readonly CreatedJob[]) => Promise<readonly (string | null)[]>;

export type RequesterLoader = (job: CreatedJob) => Promise<string | null>;

/**
 * Creates a loader that reads the callers of jobs that are loaded in the same turn together. It keeps no names, because
 * the loaders of a whole tenant exist for as long as its subscriptions.
 */
export function createRequesterLoader(read: ReadRequesters): RequesterLoader {
  const readBatch = (jobs: readonly CreatedJob[]): ReturnType<ReadRequesters> => {
    // Within a batch the cache removes repetitions.
    loader.clearAll();
    return read(jobs);
  };
  const loader = new DataLoader<CreatedJob, string | null, string>(readBatch, { cacheKeyFn: createdJobKey });
  return (job) => loader.load(job);
}
