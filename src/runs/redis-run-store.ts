import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Run } from '../domain/runs/run.ts';
import type { Tenant } from '../domain/tenant.ts';
import { jsonOrUndefined } from '../runtime/json-or-undefined.ts';
import { type Redis, redisScript, runScript } from '../runtime/redis.ts';
import type { ExchangedRuns, RunKind, RunStore } from './run-store.ts';

/** Time after the last use for which the runs of a tenant remain, in milliseconds: three runs of a weekly schedule. */
const lifetimeMs = 31 * 24 * 3_600_000;

// KEYS: the hash of one kind of runs: each run as JSON by its id, and the version with an empty field name. ARGV: lifetime,
// known version, next version, number of ids to remove, these ids, and pairs of id and run to add. Returns the version, and
// all fields and values if the version is not the known one.
const exchangeScript = redisScript(`
local runs, lifetimeMs, known, nextVersion, dropped = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local before = redis.call('HGET', runs, '') or ''
for place = 5, 4 + dropped do redis.call('HDEL', runs, ARGV[place]) end
for place = 5 + dropped, #ARGV, 2 do redis.call('HSET', runs, ARGV[place], ARGV[place + 1]) end
local version = before
if #ARGV > 4 then
  redis.call('HSET', runs, '', nextVersion)
  version = nextVersion
end
redis.call('PEXPIRE', runs, lifetimeMs)
if before == known then return { version } end
return { version, redis.call('HGETALL', runs) }
`);

/** No run has an empty id. */
const versionField = '';

const exchangeReply = z.union([z.tuple([z.string()]), z.tuple([z.string(), z.array(z.string())])]);

const count = z.number().int().nonnegative();

const storedRun: z.ZodType<Run> = z.object({
  id: z.string(),
  scheduleId: z.string().nullable(),
  request: z.string(),
  createdAtMs: z.number(),
  succeeded: z.boolean(),
  totalMs: count.nullable(),
  durationMs: count.nullable(),
  profiles: count.nullable(),
  namespaces: z.array(z.object({ namespace: z.string(), count })),
  segments: z.array(z.string()),
});

/** A store that all replicas share. It contains ids, times and counts of jobs, and no data of profiles. */
export function createRedisRunStore({ redis }: { readonly redis: Pick<Redis, 'send'> }): RunStore {
  return {
    async exchange({ tenant, kind, added, dropped, version }) {
      const next = randomBytes(6).toString('base64url');
      const pairs = added.flatMap((run) => [run.id, JSON.stringify(run)]);
      const values = [String(lifetimeMs), version ?? 'none', next, String(dropped.length), ...dropped, ...pairs];
      const reply = await redis.send((client) => runScript(client, exchangeScript, [keyOf(tenant, kind)], values));
      const [current, fields] = exchangeReply.parse(reply);
      return { version: current, ...(fields === undefined ? { runs: null, unreadable: [] } : decodeRuns(fields)) };
    },

    async claim(tenant, periodMs) {
      const set = { condition: 'NX', expiration: { type: 'PX', value: periodMs } } as const;
      return (await redis.send((client) => client.set(keyOf(tenant, 'page'), '', set))) !== null;
    },
  };
}

/** No part of a tenant contains a slash, so the keys of two tenants differ. */
const keyOf = ({ org, sandbox }: Tenant, part: RunKind | 'page'): string => `aep:v1:${org}/${sandbox}/runs:${part}`;

/** Decodes the fields and values of the hash, in turn. */
function decodeRuns(fields: readonly string[]): Omit<ExchangedRuns, 'version'> {
  const runs: Run[] = [];
  const unreadable: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [id = '', text = ''] = fields.slice(at, at + 2);
    if (id === versionField) continue;
    const run = storedRun.safeParse(jsonOrUndefined(text));
    if (run.success && run.data.id === id) runs.push(run.data);
    else unreadable.push(id);
  }
  return { runs, unreadable };
}
