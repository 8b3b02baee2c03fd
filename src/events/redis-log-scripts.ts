import { z } from 'zod';
import { redisScript } from '../runtime/redis.ts';

// KEYS of every script: events, snapshot, meta. Each script keeps all three alive for the same time. ARGV[1] is what the
// interface beside the script says, as JSON.
//
// One write is one record of the stream, so that nobody sees a part of it. The id of a record is `<sequence>-<count>`:
// the sequence of the last entry so far, and how many records without an entry came since. Each record names the one
// before it (`<epoch>.<id>`), so that a reader notices when one that it has not read is gone.

const common = `
local given = cjson.decode(ARGV[1])
local events, snapshot, meta = unpack(KEYS)

local function keepAlive()
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, given.retentionMs) end
end

local function parts(record)
  local sequence, count = record:match('^(%d+)%-(%d+)$')
  return tonumber(sequence), tonumber(count)
end

local function isBefore(record, other)
  local sequence, count = parts(record)
  local otherSequence, otherCount = parts(other)
  if sequence ~= otherSequence then return sequence < otherSequence end
  return count < otherCount
end

-- What the server has evicted in part is no log any more.
local function exists()
  local epoch, entities = unpack(redis.call('HMGET', meta, 'epoch', 'entities'))
  return epoch and redis.call('HLEN', snapshot) == tonumber(entities)
end
`;

export interface Retention {
  /** How long the log stays when nobody writes or reads it. */
  readonly retentionMs: number;
}

/** Answers with everything that a replica needs to begin, or null when there is no log. Takes a `Retention`. */
export const loadScript = redisScript(`${common}
if not exists() then return false end
keepAlive()
local fields = redis.call('HMGET', meta, 'epoch', 'record', 'observedAt', 'stale', 'note', 'term')
return { fields, redis.call('HVALS', snapshot) }
`);

export const loadReply = z
  .tuple([z.tuple([z.string(), z.string(), z.string(), z.string(), z.string(), z.string()]), z.array(z.string())])
  .nullable();

/** Stale subjects as `meta` holds them. */
export const staleSubjects = z.array(
  z.union([z.literal('feed'), z.literal('list'), z.templateLiteral(['entity:', z.string()])]),
);

/** Answers with epoch and last record, or null when there is no log. Takes a `Retention`. */
export const checkScript = redisScript(`${common}
if not exists() then return false end
keepAlive()
return redis.call('HMGET', meta, 'epoch', 'record')
`);

export const checkReply = z.tuple([z.string(), z.string()]).nullable();

export interface RestoreArguments extends Retention {
  readonly newEpoch: string;
  readonly knownEpoch: string;
  readonly knownRecord: string;
  readonly observedAt: string;
  /** Subjects, as a JSON list. */
  readonly stale: string;
  readonly note: string;
  readonly term: number;
}

/**
 * Begins a new life of the log where there is none, or where the server has lost writes: it is the life that the replica
 * knows, but behind what the replica has read. Pairs of key and entity follow in ARGV.
 */
export const restoreScript = redisScript(`${common}
local epoch, record, term = unpack(redis.call('HMGET', meta, 'epoch', 'record', 'term'))
if exists() and not (epoch == given.knownEpoch and isBefore(record, given.knownRecord)) then return end
redis.call('DEL', events, snapshot, meta)
for i = 2, #ARGV, 2 do redis.call('HSET', snapshot, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', meta, 'epoch', given.newEpoch, 'record', '0-0', 'observedAt', given.observedAt,
  'stale', given.stale, 'note', given.note, 'term', math.max(tonumber(term or '0'), given.term),
  'bytes', 0, 'entities', redis.call('HLEN', snapshot))
keepAlive()
`);

export interface WriteArguments extends Retention {
  readonly epoch: string;
  readonly knownRecord: string;
  readonly term?: number | undefined;
  /** Sequence of the snapshot that the write was made from. */
  readonly basis?: number | undefined;
  /** Nothing may have been written before. */
  readonly begins: boolean;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** How many records without an entry are kept after each entry. */
  readonly maxQuietRecords: number;
  readonly observedAt: string;
  readonly entries: number;
  /** What the changes say of stale subjects, in their order. */
  readonly stale: readonly { readonly subject: string; readonly on: boolean }[];
  readonly note?: string | undefined;
  /** How many of each kind follow in ARGV. */
  readonly learned: number;
  readonly set: number;
  readonly dropped: number;
}

/**
 * Writes. ARGV goes on with the record, learned and set entities as pairs of key and entity, and dropped keys. Answers
 * with the id of the record, `fenced`: a later term has been granted, `lost`: the log is not the one that the replica
 * knows, or is behind it, or `conflict`: it has entries that the writer had not seen.
 */
export const writeScript = redisScript(`${common}
local epoch, last, term, bytes = unpack(redis.call('HMGET', meta, 'epoch', 'record', 'term', 'bytes'))
if epoch ~= given.epoch or isBefore(last, given.knownRecord) or not exists() then return 'lost' end
if given.term and given.term < tonumber(term or '0') then return 'fenced' end
local sequence, count = parts(last)
if given.basis and given.basis ~= sequence then return 'conflict' end
if given.begins and (last ~= '0-0' or redis.call('HLEN', snapshot) > 0) then return 'conflict' end

local place = 3
local function nextArgument()
  place = place + 1
  return ARGV[place - 1]
end
for _ = 1, given.learned do redis.call('HSETNX', snapshot, nextArgument(), nextArgument()) end
for _ = 1, given.set do redis.call('HSET', snapshot, nextArgument(), nextArgument()) end
for _ = 1, given.dropped do redis.call('HDEL', snapshot, nextArgument()) end

sequence = sequence + given.entries
count = given.entries > 0 and 0 or count + 1
local function id(number) return string.format('%.0f-%.0f', sequence, number) end
redis.call('XADD', events, id(count), 'after', epoch .. '.' .. last, 'data', ARGV[2])

bytes = tonumber(bytes) + #ARGV[2]
local function drop(record)
  bytes = bytes - #record[2][4]
  redis.call('XDEL', events, record[1])
end
if count > given.maxQuietRecords then
  local quiet = id(count - given.maxQuietRecords)
  for _, record in ipairs(redis.call('XRANGE', events, quiet, quiet)) do drop(record) end
end
while redis.call('XLEN', events) > 1 do
  local oldest = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
  if bytes <= given.maxBytes and parts(oldest[1]) > sequence - given.maxEntries then break end
  drop(oldest)
end

redis.call('HSET', meta, 'record', id(count), 'observedAt', given.observedAt, 'bytes', bytes,
  'entities', redis.call('HLEN', snapshot))
if given.term then redis.call('HSET', meta, 'term', given.term) end
if #given.stale > 0 then
  local subjects, list = {}, {}
  for _, subject in ipairs(cjson.decode(redis.call('HGET', meta, 'stale'))) do subjects[subject] = true end
  for _, change in ipairs(given.stale) do subjects[change.subject] = change.on or nil end
  for subject in pairs(subjects) do table.insert(list, subject) end
  table.sort(list)
  redis.call('HSET', meta, 'stale', #list > 0 and cjson.encode(list) or '[]')
end
if given.note then redis.call('HSET', meta, 'note', given.note) end
keepAlive()
return id(count)
`);

export const writeReply = z.string();
