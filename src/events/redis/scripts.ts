import { z } from 'zod';
import { redisScript } from '../../runtime/redis.ts';
import { termOfText } from './term.ts';

// KEYS of every script: events, snapshot, meta. ARGV[1] contains the arguments as JSON, as described by the interface
// next to the script.
//
// Each write is one record of the stream, so that no replica sees a part of it. The id of a record is
// `<sequence>-<count>`: the sequence of the last entry so far, and the number of records without an entry since then.
// Its name consists of epoch, id and a random identity. Each record contains the name of the previous one, so that a
// replica notices a missing record, including one that a failover has lost.
//
// Fields of a record, in this order: `head` (its name), `after`, `data`. Fields of `meta`: `head` (name of the last
// record), `cursor` (of the last entry), `oldest` (sequence and identity of the last entry that is no longer in the
// stream), `observedAt`, `stale`, `note`, `bytes` (of all data in the stream), `entities` (their number), and `term`,
// which the leader election also writes.

const common = `
local given = cjson.decode(ARGV[1])
local events, snapshot, meta = unpack(KEYS)

local function typeOf(key) return redis.call('TYPE', key).ok end

-- Accepts the names that replicas accept, and no others: they could not remove a log with another name.
local function partsOf(head)
  local epoch, sequence, count, identity = head:match('^([%w_-]+)%.(%d+)%-(%d+)%.([%w_-]+)$')
  if not epoch or #sequence > 15 or #count > 15 or #identity ~= 8 then return nil end
  return epoch, tonumber(sequence), tonumber(count), identity
end

local fields = { 'head', 'cursor', 'oldest', 'bytes', 'entities', 'stale', 'observedAt', 'note' }

-- Removes the log. Other fields of meta belong to the poller.
local function remove()
  redis.call('UNLINK', events, snapshot)
  if typeOf(meta) == 'hash' then redis.call('HDEL', meta, unpack(fields)) else redis.call('UNLINK', meta) end
end

-- The name of the last record; nil when there is no log. A log whose parts do not match is none: the server has evicted
-- some of it, or another program has changed it.
local function find()
  local hash = typeOf(snapshot)
  if typeOf(events) ~= 'stream' or typeOf(meta) ~= 'hash' or (hash ~= 'hash' and hash ~= 'none') then return nil end
  local head, cursor, oldest, bytes, entities, stale =
    unpack(redis.call('HMGET', meta, 'head', 'cursor', 'oldest', 'bytes', 'entities', 'stale'))
  if not (head and cursor and oldest and tonumber(bytes) and partsOf(head)) then return nil end
  if redis.call('HLEN', snapshot) ~= tonumber(entities) or not (stale and pcall(cjson.decode, stale)) then return nil end
  local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
  if not last or last[2][2] ~= head then return nil end
  return head
end
`;

/** Returns the name of the last record, or null when there is no log. It has no arguments. */
export const headScript = redisScript(`${common}
return find() or false
`);

export const headReply = z.string().nullable();

/**
 * Returns the state that a replica needs to begin, except the entities, or null when there is no log. It has no
 * arguments.
 */
export const stateScript = redisScript(`${common}
local head = find()
return head and redis.call('HMGET', meta, 'head', 'cursor', 'observedAt', 'stale', 'note') or false
`);

export const stateReply = z
  .tuple([z.string(), z.string(), z.string().nullable(), z.string(), z.string().nullable()])
  .nullable();

export interface DiscardArguments {
  /** Epoch of the log to discard. */
  readonly epoch: string;
  readonly channel: string;
  readonly message: string;
}

/**
 * Removes a log that cannot be decoded, except the term, and publishes a message. The next write begins a new epoch.
 * Does nothing when the log already has another epoch.
 */
export const discardScript = redisScript(`${common}
local head = find()
if not head or partsOf(head) ~= given.epoch then return end
remove()
redis.call('PUBLISH', given.channel, given.message)
`);

export interface WriteArguments {
  /** Time for which the log remains when no replica extends it, in milliseconds. */
  readonly retentionMs: number;
  readonly channel: string;
  /** Epoch that the write begins if there is no log. */
  readonly newEpoch: string;
  /** Identity of the record. */
  readonly identity: string;
  /** Name of the last record that the writer has read; absent: it has read none. */
  readonly known?: string | undefined;
  readonly term?: number | undefined;
  /** Cursor on which the write is based; absent: any, or there was no log. */
  readonly expectedCursor?: string | undefined;
  /** Whether the write is based on the absence of a log. */
  readonly begins: boolean;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Number of records without an entry that are kept after each entry. */
  readonly maxQuietRecords: number;
  readonly observedAt: string;
  readonly entries: number;
  /** Changes of stale subjects, in order. */
  readonly stale: readonly { readonly subject: string; readonly on: boolean }[];
  readonly note?: string | undefined;
  /** Number of values of each kind that follow in ARGV. */
  readonly adopted: number;
  readonly set: number;
  readonly dropped: number;
}

/**
 * Writes a record. The data of the record follows in ARGV, then adopted and set entities as pairs of key and entity,
 * and dropped keys. Returns one of the following: `written` with the name of the record, the name of the previous one
 * (empty: the write began an epoch), and the cursor of the last entry; `fenced`: a later term has been granted;
 * `conflict`: the log has other entries than the writer knows, or exists although the write was to begin it; `lost`:
 * the log is not the one that the writer knows, or has lost a record that the writer has read.
 */
export const writeScript = redisScript(`${common}${termOfText}
local head = find()
local term = typeOf(meta) == 'hash' and termOf(redis.call('HGET', meta, 'term')) or 0
if given.term and given.term < term then return { 'fenced' } end
if head and given.begins then return { 'conflict' } end
if not head and given.expectedCursor then return { 'lost' } end

local function contains(name)
  local _, sequence, count = partsOf(name)
  local id = string.format('%.0f-%.0f', sequence, count)
  local record = redis.call('XRANGE', events, id, id)[1]
  return record and record[2][2] == name
end
if head and given.known and given.known ~= head and not contains(given.known) then return { 'lost' } end

local epoch, sequence, count = given.newEpoch, 0, 0
local cursor, oldest, bytes, stale
if head then
  epoch, sequence, count = partsOf(head)
  cursor, oldest, bytes, stale = unpack(redis.call('HMGET', meta, 'cursor', 'oldest', 'bytes', 'stale'))
  if given.expectedCursor and given.expectedCursor ~= cursor then return { 'conflict' } end
else
  remove()
  bytes, stale = 0, '[]'
end

sequence = sequence + given.entries
count = given.entries > 0 and 0 or count + 1
local function idOf(number) return string.format('%.0f-%.0f', sequence, number) end
local after, data = head or '', head and ARGV[2] or ''
head = epoch .. '.' .. idOf(count) .. '.' .. given.identity
if after == '' or given.entries > 0 then cursor = string.format('%s.%.0f.%s', epoch, sequence, given.identity) end
oldest = oldest or string.format('%.0f.%s', sequence, given.identity)

-- The first write, because a full server rejects only a script that has written nothing yet.
redis.call('XADD', events, idOf(count), 'head', head, 'after', after, 'data', data)

local index = 3
local function nextArgument()
  index = index + 1
  return ARGV[index - 1]
end
for _ = 1, given.adopted do redis.call('HSETNX', snapshot, nextArgument(), nextArgument()) end
for _ = 1, given.set do redis.call('HSET', snapshot, nextArgument(), nextArgument()) end
for _ = 1, given.dropped do redis.call('HDEL', snapshot, nextArgument()) end

bytes = tonumber(bytes) + #data
local function drop(record)
  local _, last, quiet, identity = partsOf(record[2][2])
  if quiet == 0 then oldest = string.format('%.0f.%s', last, identity) end
  bytes = bytes - #(record[2][6] or '')
  redis.call('XDEL', events, record[1])
end
if count > given.maxQuietRecords then
  local quiet = idOf(count - given.maxQuietRecords)
  for _, record in ipairs(redis.call('XRANGE', events, quiet, quiet)) do drop(record) end
end
while redis.call('XLEN', events) > 1 do
  local first = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
  if bytes <= given.maxBytes and tonumber(first[1]:match('^%d+')) > sequence - given.maxEntries then break end
  drop(first)
end

if #given.stale > 0 then
  local subjects, list = {}, {}
  for _, subject in ipairs(cjson.decode(stale)) do subjects[subject] = true end
  for _, change in ipairs(given.stale) do subjects[change.subject] = change.on or nil end
  for subject in pairs(subjects) do table.insert(list, subject) end
  table.sort(list)
  stale = #list > 0 and cjson.encode(list) or '[]'
end
redis.call('HSET', meta, 'head', head, 'cursor', cursor, 'oldest', oldest, 'observedAt', given.observedAt,
  'stale', stale, 'bytes', bytes, 'entities', redis.call('HLEN', snapshot), 'term', string.format('%.0f', given.term or term))
if given.note then redis.call('HSET', meta, 'note', given.note) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, given.retentionMs) end
redis.call('PUBLISH', given.channel, head .. '\\n' .. after .. '\\n' .. data)
return { 'written', head, after, cursor }
`);

export const writeReply = z.union([
  z.tuple([z.enum(['fenced', 'conflict', 'lost'])]),
  z.tuple([z.literal('written'), z.string(), z.string(), z.string()]),
]);
