import { type CreatedJob, createdJobKey } from '../../domain/created-job.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { JobTexts } from './store.ts';

/** Names of the callers who created jobs through this gateway. The platform knows only the gateway’s credential. */
export interface Requesters {
  /**
   * Never rejects. A failure is logged: the job exists, and only its caller is not known.
   * @param name name of the caller in log lines (see Session)
   * @param logger of the caller's request. @default the logger of the gateway
   */
  save(tenant: Tenant, job: CreatedJob, name: string, logger?: Pick<Logger, 'warn'>): Promise<void>;
  /**
   * One name per job, in their order. Null if the job was not created through this gateway, if its caller is no longer
   * stored, or if the store is unavailable. Never rejects, because jobs are readable without it.
   */
  find(tenant: Tenant, jobs: readonly CreatedJob[]): Promise<readonly (string | null)[]>;
}

export const createRequesters = ({
  store,
  logger: own,
}: {
  readonly store: JobTexts;
  readonly logger: Pick<Logger, 'warn' | 'debug'>;
}): Requesters => ({
  save: async (tenant, job, name, logger: Pick<Logger, 'warn'> = own) => {
    try {
      await store.set(tenant, createdJobKey(job), name);
    } catch (err) {
      logger.warn({ err }, 'could not save who requested a job');
    }
  },
  find: async (tenant, jobs) => {
    try {
      return await store.getMany(tenant, jobs.map(createdJobKey));
    } catch (err) {
      // The connection to Redis logs its state itself. A line per read would repeat it.
      own.debug({ err }, 'could not read who requested jobs');
      return jobs.map(() => null);
    }
  },
});
