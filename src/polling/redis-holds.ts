import { type Redis, redisScript, runScript } from '../runtime/redis.ts';
import type { HoldName, HoldStore } from './holds.ts';

// KEYS: the hold, whose time to live is its remaining time. ARGV: a remaining time. A key without an expiry is no hold.
const extendScript = redisScript(`
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '', 'PX', ARGV[1]) end
`);

/** Stores holds in Redis. The server measures their time, so that the clocks of the replicas do not matter. */
export function createRedisHoldStore({ redis }: { readonly redis: Pick<Redis, 'send'> }): HoldStore {
  return {
    read: async (name) => Math.max(0, await redis.send((client) => client.pTTL(keyOf(name)))),
    extend: async (name, ms) => {
      await redis.send((client) => runScript(client, extendScript, [keyOf(name)], [String(ms)]));
    },
  };
}

/** No part of a tenant contains a slash, so the keys of two tenants differ. */
const keyOf = ({ tenant: { org, sandbox }, service }: HoldName): string => `aep:v1:${org}/${sandbox}/hold:${service}`;
