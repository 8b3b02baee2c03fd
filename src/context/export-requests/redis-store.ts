import type { ExportJobId } from '../../domain/ids.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Redis } from '../../runtime/redis.ts';
import type { RequestStore } from './export-requests.ts';

/** Time for which a request is stored, in milliseconds. */
const lifetimeMs = 30 * 24 * 60 * 60 * 1_000;

/** A store that all replicas share. */
export function createRedisRequestStore({ redis }: { readonly redis: Pick<Redis, 'send'> }): RequestStore {
  const expiration = { type: 'PX', value: lifetimeMs } as const;
  return {
    set: async (tenant, id, text) => {
      await redis.send((client) => client.set(keyOf(tenant, id), text, { expiration }));
    },
    get: (tenant, id) => redis.send((client) => client.get(keyOf(tenant, id))),
  };
}

/** It is unique per tenant, because no part of a tenant contains a slash. */
const keyOf = ({ org, sandbox }: Tenant, id: ExportJobId): string => `aep:v1:${org}/${sandbox}/export-request:${id}`;
