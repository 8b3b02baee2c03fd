import { z } from 'zod';
import { redisScript } from '../runtime/redis.ts';

/**
 * KEYS: lease, meta (of the log). ARGV: candidate, how long the lease holds, how long its term is remembered (both in
 * milliseconds). Answers whether the candidate has the lease now, its term or that of whoever has it, and for how many
 * milliseconds that holds.
 *
 * Terms are milliseconds of the server, so that they grow also when it has lost everything. The log refuses a write
 * under a term that is less than the one in its meta hash: it is fenced from the moment at which the next is granted.
 */
export const acquireScript = redisScript(`
local lease, meta = unpack(KEYS)
local holder, term = (redis.call('GET', lease) or ''):match('^(%S+) (%d+)$')
if holder and holder ~= ARGV[1] then return { 0, tonumber(term), redis.call('PTTL', lease) } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local next = math.max(tonumber(redis.call('HGET', meta, 'term') or '0') + 1, now)
local text = string.format('%.0f', next)
redis.call('SET', lease, ARGV[1] .. ' ' .. text, 'PX', ARGV[2])
redis.call('HSET', meta, 'term', text)
redis.call('PEXPIRE', meta, ARGV[3])
return { 1, next, tonumber(ARGV[2]) }
`);

export const acquireReply = z.tuple([z.union([z.literal(0), z.literal(1)]), z.number(), z.number()]);

/** KEYS: lease, meta. ARGV: holder, term, and the times of `acquireScript`. Answers 0 when the lease is not this one any more. */
export const renewScript = redisScript(`
local lease, meta = unpack(KEYS)
if redis.call('GET', lease) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
redis.call('PEXPIRE', lease, ARGV[3])
redis.call('PEXPIRE', meta, ARGV[4])
return 1
`);

/** KEYS: lease. ARGV: holder, term. Answers 0 when the lease is not this one any more. */
export const releaseScript = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])
`);

// What each replica watches: the texts in a hash, and beside it until when each of them counts, by the server's clock.

const now = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local scopes, replicas = unpack(KEYS)
`;

/** KEYS: scopes, replicas. ARGV: replica, for how many milliseconds it counts, and its scope; without one it watches nothing. */
export const announceScript = redisScript(`${now}
if ARGV[3] then
  redis.call('HSET', scopes, ARGV[1], ARGV[3])
  redis.call('ZADD', replicas, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
else
  redis.call('HDEL', scopes, ARGV[1])
  redis.call('ZREM', replicas, ARGV[1])
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
`);

/** KEYS: scopes, replicas. ARGV: replica. Answers with the scopes of all others that still count. */
export const othersScript = redisScript(`${now}
for _, replica in ipairs(redis.call('ZRANGEBYSCORE', replicas, '-inf', string.format('%.0f', now))) do
  redis.call('HDEL', scopes, replica)
  redis.call('ZREM', replicas, replica)
end
local others = {}
for _, replica in ipairs(redis.call('HKEYS', scopes)) do
  if replica ~= ARGV[1] then table.insert(others, redis.call('HGET', scopes, replica)) end
end
return others
`);

export const othersReply = z.array(z.string());
