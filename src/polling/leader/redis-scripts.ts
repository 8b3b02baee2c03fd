import { z } from 'zod';
import { termOfText } from '../../events/redis/term.ts';
import { redisScript } from '../../runtime/redis.ts';

/**
 * Executes steps of several feeds in the order of their arguments. KEYS: the replicas of the heartbeat, then meta (of
 * the log) and scopes of the feed of each step. ARGV: channel, name and arguments of each step. Returns the reply of
 * each step.
 *
 * A replica is live until the server's clock reaches its score. A key of another type is treated as missing.
 *
 * - `acquire` candidate, retention: grants a new term if no live replica, or only the candidate itself, holds the feed.
 *   Returns whether the term was granted (-1: the candidate's replica is not live), the holder and its term. Terms are
 *   milliseconds of the server's clock, so that they grow even when the server has lost all data. The log rejects a
 *   write with a term below the one in its meta hash, so it is fenced as soon as the next term is granted.
 * - `release` candidate: ends the term of the candidate. Terms of other candidates are not affected.
 * - `publishScope` candidate, retention, everything (`1`, `0`, or empty for a candidate without subscribers), the number
 *   of added ids and these ids, the number of removed ids and these ids, and the message.
 * - `look` candidate: returns the holder, its term, and the fields of all other live candidates. Removes the fields of
 *   dead candidates.
 * - `publish` message.
 */
export const pollScript = redisScript(`${termOfText}
local replicas = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local index = 0
local function argument()
  index = index + 1
  return ARGV[index]
end
local known = {}
local function isLive(candidate)
  local replica = candidate:match('^([^/]+)/')
  if not replica then return false end
  if known[replica] == nil then known[replica] = tonumber(redis.call('ZSCORE', replicas, replica) or '0') > now end
  return known[replica]
end
local function text(number) return string.format('%.0f', number) end
local function publish(channel, candidate, kind, term)
  local message = '{"kind":"' .. kind .. '","term":' .. text(term) .. '}'
  redis.call('PUBLISH', channel, '{"from":"' .. candidate .. '","message":' .. message .. '}')
end
local function checkType(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
end
local function holderOf(meta)
  checkType(meta)
  local holder, term = unpack(redis.call('HMGET', meta, 'holder', 'term'))
  return holder and isLive(holder) and holder or '', termOf(term)
end

local steps = {}
function steps.acquire(channel, meta)
  local candidate, retention = argument(), argument()
  local holder, term = holderOf(meta)
  if holder ~= '' and holder ~= candidate then return { 0, holder, term } end
  if not isLive(candidate) then return { -1, holder, term } end
  term = math.max(term + 1, now)
  redis.call('HSET', meta, 'term', text(term), 'holder', candidate)
  redis.call('PEXPIRE', meta, retention)
  publish(channel, candidate, 'held', term)
  return { 1, candidate, term }
end
function steps.release(channel, meta)
  local candidate = argument()
  checkType(meta)
  local holder, term = unpack(redis.call('HMGET', meta, 'holder', 'term'))
  if holder ~= candidate then return 0 end
  redis.call('HDEL', meta, 'holder')
  publish(channel, candidate, 'released', termOf(term))
  return 1
end
function steps.publishScope(channel, meta, scopes)
  local candidate, retention, everything = argument(), argument(), argument()
  checkType(scopes)
  if everything == '' then redis.call('HDEL', scopes, candidate)
  else redis.call('HSET', scopes, candidate, everything) end
  for _ = 1, tonumber(argument()) do redis.call('HSET', scopes, candidate .. ' ' .. argument(), '') end
  for _ = 1, tonumber(argument()) do redis.call('HDEL', scopes, candidate .. ' ' .. argument()) end
  redis.call('PEXPIRE', scopes, retention)
  redis.call('PUBLISH', channel, argument())
  return 1
end
function steps.look(channel, meta, scopes)
  local candidate = argument()
  local holder, term = holderOf(meta)
  checkType(scopes)
  local fields = redis.call('HGETALL', scopes)
  local live = {}
  for i = 1, #fields, 2 do
    local other = fields[i]:match('^%S*')
    if not isLive(other) then redis.call('HDEL', scopes, fields[i])
    elseif other ~= candidate then
      table.insert(live, fields[i])
      table.insert(live, fields[i + 1])
    end
  end
  return { holder, term, live }
end
function steps.publish(channel)
  redis.call('PUBLISH', channel, argument())
  return 1
end

local replies = {}
for i = 2, #KEYS, 2 do
  local channel, step = argument(), argument()
  table.insert(replies, steps[step](channel, KEYS[i], KEYS[i + 1]))
end
return replies
`);

export const acquireReply = z.tuple([z.literal([-1, 0, 1]), z.string(), z.number()]);
export const lookReply = z.tuple([z.string(), z.number(), z.array(z.string())]);
