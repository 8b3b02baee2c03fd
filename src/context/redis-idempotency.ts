import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { mayHaveHappened, OutcomeUnknownError, UpstreamTimeoutError, UpstreamUnreachableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Redis, type RedisScript, RedisUnavailableError, redisScript, runScript } from '../runtime/redis.ts';
import { digest, type IdempotencyRecords, type IdempotentCreate, keyLifetimeMs, otherInput } from './idempotency.ts';

export interface RedisIdempotencyOptions {
  readonly redis: Pick<Redis, 'send'>;
  readonly clock: Pick<Clock, 'sleep' | 'now'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * How long a create counts as under way after its replica was last heard of, in milliseconds. It says so three times as
 * often. After that nobody knows whether the create has happened.
 */
const leaseMs = 10_000;
/** Pause between two looks at a create of another request, in milliseconds. */
const lookPauseMs = 200;
/** How long a request waits for the create of another one, in milliseconds: more than one call to the platform may take. */
const patienceMs = 60_000;

// KEYS of every script: the record, a hash, and its lease, which is there while the create is under way. ARGV[1] names
// the request that creates.

/** Answers `claimed`, `conflict`, `running`, `unknown`, or `done` with the id. ARGV: owner, input, lifetime, lease. */
const claimScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, input, lifetimeMs, leaseMs = unpack(ARGV)
local known, state, id = unpack(redis.call('HMGET', record, 'input', 'state', 'id'))
if not known then
  redis.call('HSET', record, 'input', input, 'state', 'running', 'owner', owner)
  redis.call('PEXPIRE', record, lifetimeMs)
  redis.call('SET', lease, owner, 'PX', leaseMs)
  return { 'claimed' }
end
if known ~= input then return { 'conflict' } end
if state == 'running' and redis.call('EXISTS', lease) == 0 then
  redis.call('HSET', record, 'state', 'unknown')
  return { 'unknown' }
end
if state == 'done' then return { 'done', id } end
return { state }
`);

const claimReply = z.union([
  z.tuple([z.enum(['claimed', 'conflict', 'running', 'unknown'])]),
  z.tuple([z.literal('done'), z.string()]),
]);

/** ARGV: owner, lease. */
const renewScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, leaseMs = unpack(ARGV)
if redis.call('HGET', record, 'owner') == owner then redis.call('SET', lease, owner, 'PX', leaseMs) end
`);

/** ARGV: owner, `done`, `unknown` or `refused`, id. A refused create leaves nothing. */
const settleScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, outcome, id = unpack(ARGV)
if redis.call('HGET', record, 'owner') ~= owner then return end
if outcome == 'refused' then redis.call('DEL', record) else redis.call('HSET', record, 'state', outcome, 'id', id) end
redis.call('DEL', lease)
`);

/** Records that all replicas share. They hold digests of key and input, and the id of what was created. */
export function createRedisIdempotencyRecords({ redis, clock, logger }: RedisIdempotencyOptions): IdempotencyRecords {
  const run = (script: RedisScript, keys: readonly string[], values: readonly string[]) =>
    redis.send((client) => runScript(client, script, keys, values));

  /** Whether nobody has created under the key; otherwise what came of it. Waits while somebody does. */
  const claim = async (
    keys: readonly string[],
    owner: string,
    input: string,
  ): Promise<{ readonly id: string } | null> => {
    const giveUpAtMs = clock.now().getTime() + patienceMs;
    for (;;) {
      const values = [owner, input, String(keyLifetimeMs), String(leaseMs)];
      const [state, id] = claimReply.parse(await run(claimScript, keys, values).catch(unreachable));
      switch (state) {
        case 'claimed':
          return null;
        case 'done':
          return { id };
        case 'conflict':
          throw otherInput();
        case 'unknown':
          throw new OutcomeUnknownError({
            message: 'The idempotency key was used before, and nobody knows whether that created something.',
          });
        case 'running':
          if (clock.now().getTime() >= giveUpAtMs) {
            throw new UpstreamTimeoutError({ message: 'What the idempotency key creates is still under way.' });
          }
          await clock.sleep(lookPauseMs);
      }
    }
  };

  /** Says that the create is under way, until disposed of. */
  const keepAlive = (keys: readonly string[], owner: string): Disposable => {
    const ended = new AbortController();
    const renew = async () => {
      while (!ended.signal.aborted) {
        await clock.sleep(leaseMs / 3, ended.signal);
        // In vain once is not too late: the lease is longer than that.
        await run(renewScript, keys, [owner, String(leaseMs)]).catch((err: unknown) => warn(err));
      }
    };
    const warn = (err: unknown) => logger.warn({ err }, 'lease of an idempotency key not renewed');
    renew().catch((error: unknown) => {
      if (!ended.signal.aborted) warn(error);
    });
    return { [Symbol.dispose]: () => ended.abort() };
  };

  const settle = async (keys: readonly string[], ...values: readonly [string, Outcome, string]): Promise<void> => {
    try {
      await run(settleScript, keys, values);
    } catch (err) {
      // The caller is told what came of its create all the same. Who asks later is told that nobody knows.
      logger.warn({ err }, 'outcome of an idempotency key not kept');
    }
  };

  return {
    run: async (request, create) => {
      const keys = keysOf(request);
      const owner = randomUUID();
      const known = await claim(keys, owner, digest(JSON.stringify(request.input)));
      if (known !== null) return { id: known.id, replayed: true };
      using _ = keepAlive(keys, owner);
      try {
        const id = await create();
        await settle(keys, owner, 'done', id);
        return { id, replayed: false };
      } catch (error) {
        await settle(keys, owner, mayHaveHappened(error) ? 'unknown' : 'refused', '');
        throw error;
      }
    },
  };
}

type Outcome = 'done' | 'unknown' | 'refused';

/** Both keys of a record, in the same slot of a cluster. */
function keysOf({ tenant: { org, sandbox }, operation, key }: IdempotentCreate): readonly string[] {
  const record = `aep:v1:{${org}/${sandbox}/idempotency}:${operation}:${digest(key)}`;
  return [record, `${record}:lease`];
}

function unreachable(cause: unknown): never {
  if (!(cause instanceof RedisUnavailableError)) throw cause;
  const message = 'Idempotency keys cannot be looked up at this moment. Nothing was created.';
  throw new UpstreamUnreachableError({ message, cause });
}
