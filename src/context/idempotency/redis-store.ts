import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { UpstreamUnreachableError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type Redis, type RedisScript, redisScript, runScript } from '../../runtime/redis.ts';
import {
  type Claim,
  type CreateEnd,
  digest,
  type IdempotencyKey,
  type IdempotencyStore,
  keyLifetimeMs,
} from './store.ts';

export interface RedisIdempotencyOptions {
  readonly redis: Pick<Redis, 'send'>;
  readonly clock: Pick<Clock, 'sleep' | 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn'>;
  /** Aborts when the gateway ends. Outcomes that Redis has not received are then no longer repeated. */
  readonly lifetime: AbortSignal;
}

/**
 * Time for which a claim or a running create is valid after its last renewal, in milliseconds. The replica renews it
 * three times as often.
 */
const leaseMs = 10_000;
/** Interval in which a create of another request is checked, in milliseconds. */
const pollPauseMs = 200;
/**
 * Pause before the outcome of a create is written again, and the time after which this is given up, in milliseconds.
 */
const endPauseMs = 1_000;
const endPatienceMs = 600_000;

// KEYS of every script: the record, a hash, and the lease of a running create. ARGV[1] is the owner of the claim. A
// claimed record has the lease as its own lifetime, so that an expired claim leaves nothing.

/** Returns `claimed`, `conflict`, `busy`, `unknown`, or `done` with the id. ARGV: owner, input, lease. */
const claimScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, input, leaseMs = unpack(ARGV)
local known, state, id = unpack(redis.call('HMGET', record, 'input', 'state', 'id'))
if not known then
  redis.call('HSET', record, 'input', input, 'state', 'claimed', 'owner', owner)
  redis.call('PEXPIRE', record, leaseMs)
  return { 'claimed' }
end
if known ~= input then return { 'conflict' } end
if state == 'running' and redis.call('EXISTS', lease) == 0 then
  redis.call('HSET', record, 'state', 'unknown')
  return { 'unknown' }
end
if state == 'done' then return { 'done', id } end
if state == 'unknown' then return { 'unknown' } end
return { 'busy' }
`);

const claimReply = z.union([
  z.tuple([z.enum(['claimed', 'conflict', 'busy', 'unknown'])]),
  z.tuple([z.literal('done'), z.string()]),
]);

/** Returns 1 if the claim is held and the record is now running. ARGV: owner, lifetime, lease. */
const startScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, lifetimeMs, leaseMs = unpack(ARGV)
local holder, state = unpack(redis.call('HMGET', record, 'owner', 'state'))
if holder ~= owner or state ~= 'claimed' then return 0 end
redis.call('HSET', record, 'state', 'running')
redis.call('PEXPIRE', record, lifetimeMs)
redis.call('SET', lease, owner, 'PX', leaseMs)
return 1
`);

/** ARGV: owner, lease. */
const renewScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, leaseMs = unpack(ARGV)
local holder, state = unpack(redis.call('HMGET', record, 'owner', 'state'))
if holder ~= owner then return end
if state == 'claimed' then redis.call('PEXPIRE', record, leaseMs) end
if state == 'running' then redis.call('SET', lease, owner, 'PX', leaseMs) end
`);

/** ARGV: owner, `done`, `unknown` or `free`, id, lifetime. */
const endScript = redisScript(`
local record, lease = unpack(KEYS)
local owner, outcome, id, lifetimeMs = unpack(ARGV)
if redis.call('HGET', record, 'owner') ~= owner then return end
if outcome == 'free' then
  redis.call('DEL', record)
else
  redis.call('HSET', record, 'state', outcome, 'id', id)
  redis.call('PEXPIRE', record, lifetimeMs)
end
redis.call('DEL', lease)
`);

/**
 * Creates a store that all replicas share. Its records contain digests of key and input, and the id of the created
 * entity.
 */
export function createRedisIdempotencyStore(options: RedisIdempotencyOptions): IdempotencyStore {
  const { clock } = options;
  return {
    claim: async (key, inputDigest, logger = options.logger) => {
      const claim = new RedisClaim({ ...options, logger }, keysOf(key));
      const [state, id] = await claim.attempt(inputDigest);
      switch (state) {
        case 'claimed':
          return { state, claim };
        case 'done':
          return { state, id };
        case 'busy':
          return { state, changed: (signal) => clock.sleep(pollPauseMs, signal) };
        case 'conflict':
        case 'unknown':
          return { state };
      }
    },
  };
}

/** Both keys of a record. The braces are kept, because existing records have them. */
function keysOf({ tenant: { org, sandbox }, operation, key }: IdempotencyKey): readonly string[] {
  const record = `aep:v1:{${org}/${sandbox}/idempotency}:${operation}:${digest(key)}`;
  return [record, `${record}:lease`];
}

class RedisClaim implements Claim {
  readonly #options: RedisIdempotencyOptions;
  readonly #keys: readonly string[];
  readonly #owner = randomUUID();
  readonly #ended = new AbortController();

  constructor(options: RedisIdempotencyOptions, keys: readonly string[]) {
    this.#options = options;
    this.#keys = keys;
  }

  /** Claims the key, or returns the state of its record. A claim is renewed until it has ended. */
  async attempt(inputDigest: string): Promise<z.output<typeof claimReply>> {
    try {
      const reply = claimReply.parse(await this.#run(claimScript, inputDigest, String(leaseMs)));
      if (reply[0] === 'claimed') void this.#keepAlive();
      return reply;
    } catch (error) {
      // Redis may still execute the claim. This frees the key right after it. Otherwise the claim expires.
      this.#sendEnd({ state: 'free' }).catch(() => {});
      throw storeUnavailable(error);
    }
  }

  async start(): Promise<boolean> {
    try {
      return (await this.#run(startScript, String(keyLifetimeMs), String(leaseMs))) === 1;
    } catch (error) {
      throw storeUnavailable(error);
    }
  }

  async end(outcome: CreateEnd): Promise<void> {
    this.#ended.abort();
    try {
      await this.#sendEnd(outcome);
    } catch (err) {
      this.#options.logger.warn({ err }, 'could not save the outcome of a create with an idempotency key, will retry');
      // The caller receives the outcome now. Until Redis has it, other requests with the key receive no outcome.
      void this.#endLater(outcome);
    }
  }

  /** Never rejects. */
  async #endLater(outcome: CreateEnd): Promise<void> {
    const { clock, logger, lifetime } = this.#options;
    const giveUpAtMs = clock.monotonicMs() + endPatienceMs;
    while (clock.monotonicMs() < giveUpAtMs) {
      try {
        await clock.sleep(endPauseMs, lifetime);
      } catch {
        break;
      }
      const isKnown = await this.#sendEnd(outcome).then(
        () => true,
        () => false,
      );
      if (isKnown) return;
    }
    logger.warn({ outcome: outcome.state }, 'gave up saving the outcome of a create with an idempotency key');
  }

  /** Never rejects. */
  async #keepAlive(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#ended;
    for (;;) {
      try {
        await clock.sleep(leaseMs / 3, signal);
      } catch {
        return;
      }
      // The next renewal is early enough, because the lease is longer than two pauses.
      await this.#run(renewScript, String(leaseMs)).catch((err: unknown) => {
        logger.warn({ err }, 'could not renew the lease of an idempotency key');
      });
    }
  }

  #sendEnd(outcome: CreateEnd): Promise<unknown> {
    return this.#run(endScript, outcome.state, outcome.state === 'done' ? outcome.id : '', String(keyLifetimeMs));
  }

  #run(script: RedisScript, ...values: readonly string[]): Promise<unknown> {
    return this.#options.redis.send((client) => runScript(client, script, this.#keys, [this.#owner, ...values]));
  }
}

function storeUnavailable(cause: unknown): UpstreamUnreachableError {
  const message = 'Idempotency keys cannot be read or written at this moment. Nothing was created.';
  return new UpstreamUnreachableError({ message, cause });
}
