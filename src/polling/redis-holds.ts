import { type Redis, redisScript, runScript } from '../runtime/redis.ts';
import type { HoldName, HoldStore } from './holds.ts';

/**
 * Maximum time of a hold, in milliseconds: the longest pause after a `Retry-After`. A longer one is damaged, or follows
 * from a large `POLL_MAX_MS`. It is no hold, because each replica that begins to poll would otherwise wait because of it.
 */
const longestMs = 360_000;

// KEYS: the hold, whose time to live is its remaining time. ARGV: a remaining time, and the maximum. A key without an
// expiry is no hold.
const extendScript = redisScript(`
local left = redis.call('PTTL', KEYS[1])
if left < tonumber(ARGV[1]) or left > tonumber(ARGV[2]) then redis.call('SET', KEYS[1], '', 'PX', ARGV[1]) end
`);

/** Stores holds in Redis. The server measures their time, so that the clocks of the replicas do not matter. */
export function createRedisHoldStore({ redis }: { readonly redis: Pick<Redis, 'send'> }): HoldStore {
  return {
    read: async (name) => {
      const leftMs = await redis.send((client) => client.pTTL(keyOf(name)));
      return leftMs > 0 && leftMs <= longestMs ? leftMs : 0;
    },
    extend: async (name, ms) => {
      const args = [ms, longestMs].map(String);
      await redis.send((client) => runScript(client, extendScript, [keyOf(name)], args));
    },
  };
}

/** No part of a tenant contains a slash, so the keys of two tenants differ. */
const keyOf = ({ tenant: { org, sandbox }, service }: HoldName): string => `aep:v1:${org}/${sandbox}/hold:${service}`;
