import type { Tenant } from '../../domain/tenant.ts';
import type { Redis } from '../../runtime/redis.ts';
import type { JobTextKind, JobTexts } from './store.ts';

/** Time for which a text is stored, in milliseconds. */
const lifetimeMs = 30 * 24 * 60 * 60 * 1_000;

/** A store that all replicas share. */
export function createRedisJobTexts({
  redis,
  kind,
}: {
  readonly redis: Pick<Redis, 'send'>;
  readonly kind: JobTextKind;
}): JobTexts {
  const expiration = { type: 'PX', value: lifetimeMs } as const;
  /** It is unique per tenant, because no part of a tenant contains a slash. */
  const keyOf = ({ org, sandbox }: Tenant, job: string): string => `aep:v1:${org}/${sandbox}/${kind}:${job}`;
  return {
    set: async (tenant, job, text) => {
      await redis.send((client) => client.set(keyOf(tenant, job), text, { expiration }));
    },
    getMany: (tenant, jobs) => redis.send((client) => client.mGet(jobs.map((job) => keyOf(tenant, job)))),
  };
}
