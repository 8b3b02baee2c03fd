import { z } from 'zod';
import { redisScript } from '../../runtime/redis.ts';

/**
 * Executes steps of several feeds in the order of their arguments. KEYS: the replicas of the heartbeat, then meta (of
 * the log) and scopes of the feed of each step. ARGV: channel, name and arguments of each step. Returns the reply of
 * each step.
 *
 * A replica is live until the server's clock reaches its score. A key of another type is treated as missing.
 *
 * - `acquire` seat, retention: grants a new term if no live replica, or only the seat itself, holds the feed. Returns
 *   whether the term was granted (-1: the replica of the seat is not live), the holder and its term. Terms are
 *   milliseconds of the server's clock, so that they grow even when the server has lost all data. The log rejects a
 *   write with a term below the one in its meta hash, so it is fenced as soon as the next term is granted.
 * - `release` seat: ends the term of the seat. Terms of other seats are not affected.
 * - `announce` seat, retention, everything (`1`, `0`, or empty for a seat without subscribers), the number of added
 *   ids and these ids, the number of removed ids and these ids, and the message.
 * - `look` seat: returns the holder, its term, and the fields of all other live seats. Removes the fields of dead
 *   seats.
 * - `publish` message.
 */
export const pollScript = redisScript(`
local replicas = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local place = 0
local function argument()
  place = place + 1
  return ARGV[place]
end
local known = {}
local function isLive(seat)
  local replica = seat:match('^([^/]+)/')
  if not replica then return false end
  if known[replica] == nil then known[replica] = tonumber(redis.call('ZSCORE', replicas, replica) or '0') > now end
  return known[replica]
end
local function text(number) return string.format('%.0f', number) end
local function publish(channel, seat, kind, term)
  redis.call('PUBLISH', channel, '{"from":"' .. seat .. '","message":{"kind":"' .. kind .. '","term":' .. text(term) .. '}}')
end
local function checkType(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
end
local function holderOf(meta)
  checkType(meta)
  local holder, term = unpack(redis.call('HMGET', meta, 'holder', 'term'))
  return holder and isLive(holder) and holder or '', tonumber(term or '0') or 0
end

local steps = {}
function steps.acquire(channel, meta)
  local seat, retention = argument(), argument()
  local holder, term = holderOf(meta)
  if holder ~= '' and holder ~= seat then return { 0, holder, term } end
  if not isLive(seat) then return { -1, holder, term } end
  term = math.max(term + 1, now)
  redis.call('HSET', meta, 'term', text(term), 'holder', seat)
  redis.call('PEXPIRE', meta, retention)
  publish(channel, seat, 'held', term)
  return { 1, seat, term }
end
function steps.release(channel, meta)
  local seat = argument()
  checkType(meta)
  local holder, term = unpack(redis.call('HMGET', meta, 'holder', 'term'))
  if holder ~= seat then return 0 end
  redis.call('HDEL', meta, 'holder')
  publish(channel, seat, 'released', tonumber(term or '0') or 0)
  return 1
end
function steps.announce(channel, meta, scopes)
  local seat, retention, everything = argument(), argument(), argument()
  checkType(scopes)
  if everything == '' then redis.call('HDEL', scopes, seat)
  else redis.call('HSET', scopes, seat, everything) end
  for _ = 1, tonumber(argument()) do redis.call('HSET', scopes, seat .. ' ' .. argument(), '') end
  for _ = 1, tonumber(argument()) do redis.call('HDEL', scopes, seat .. ' ' .. argument()) end
  redis.call('PEXPIRE', scopes, retention)
  redis.call('PUBLISH', channel, argument())
  return 1
end
function steps.look(channel, meta, scopes)
  local seat = argument()
  local holder, term = holderOf(meta)
  checkType(scopes)
  local fields = redis.call('HGETALL', scopes)
  local live = {}
  for i = 1, #fields, 2 do
    local other = fields[i]:match('^%S*')
    if not isLive(other) then redis.call('HDEL', scopes, fields[i])
    elseif other ~= seat then
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
