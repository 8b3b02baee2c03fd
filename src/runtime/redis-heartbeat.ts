import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { type Redis, redisScript, runScript } from './redis.ts';
import { untilAborted } from './until-aborted.ts';

export interface RedisHeartbeatOptions {
  readonly redis: Pick<Redis, 'send'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  /** Time for which a replica counts as live after each heartbeat, in milliseconds. The maximum is `longestLeaseMs`. */
  readonly leaseMs: number;
}

/** Listener of the heartbeat. Its methods must not throw. */
export interface HeartbeatListener {
  /** Called after a successful heartbeat. */
  succeeded?(): void;
  /** Called after a failed heartbeat, because Redis is unreachable or rejects it. */
  missed?(error: unknown): void;
  /**
   * Called when the registration of this replica has lapsed, or may have lapsed according to its clock. All leases
   * under its id are void. `replicaId` has changed, and `replicas` is null until the next successful heartbeat.
   */
  lapsed?(): void;
  /**
   * Called when Redis has lost its data, or another database has replaced it. If this replica was registered, `lapsed`
   * is called first.
   */
  databaseReplaced?(): void;
  /** Called when `replicas` has changed. */
  replicasChanged?(): void;
}

/** The registration of this replica among all replicas with the same Redis. */
export interface RedisHeartbeat extends AsyncDisposable {
  /** Globally unique id of this registration. It contains neither a space nor a slash. */
  readonly replicaId: string;
  /**
   * Live replicas according to the server, including this one. Null: unknown, because this replica is not registered.
   */
  readonly replicas: ReadonlySet<string> | null;
  listen(listener: HeartbeatListener): Disposable;
  /**
   * Keeps existing keys for `ms` milliseconds at a time, until the result is disposed of. Their expiry is extended in
   * batches. The first expiry is set by the code that writes the key.
   */
  keepAlive(keys: readonly string[], ms: number): Disposable;
}

/** Sorted set of replicas. The score is the time at which the registration expires, on the server's clock. */
export const replicasKey = 'aep:v1:replicas';
/** Random text that is set when it is missing, so that it changes when the database is lost. */
const lifeKey = 'aep:v1:life';

/** Maximum validity of a registration, in milliseconds. */
export const longestLeaseMs = 30_000;
const beatsPerLease = 3;
/**
 * A missed heartbeat is repeated after a pause that is shorter by this factor, and at most the following number of
 * milliseconds.
 */
const haste = 4;
const maxRetryPauseMs = 500;
/**
 * Share of a lease before its end at which this replica counts itself as lapsed, because clocks run at different rates.
 */
const safety = 1 / 10;
/** Time for which both keys remain without a live replica, in milliseconds. */
const retentionMs = 86_400_000;
/** Maximum number of keys that one script extends. */
const keysPerScript = 100;
const extensionsPerExpiry = 3;
/** Number of time slots over which the extensions of all keys are spread. */
const slotsPerExtension = 10;

/**
 * KEYS: replicas, life. ARGV: replica, lease, longest lease, retention (in milliseconds), a new life, and the former id
 * of the replica, which is removed. Returns the life, whether the replica was still registered, the time until the next
 * other registration expires (-1: there is no other), and the live replicas.
 *
 * Registrations later than the longest lease were made before the server's clock was set back, so they are removed. A
 * key of another type is treated as lost.
 */
const beatScript = redisScript(`
local replicas, life = unpack(KEYS)
local replica, lease, longestLease, retention, newLife, former = unpack(ARGV)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(ms) return string.format('%.0f', ms) end

local expiresAt = redis.pcall('ZSCORE', replicas, replica)
if type(expiresAt) == 'table' then
  redis.call('DEL', replicas)
  expiresAt = false
end
-- The first write, because a full server rejects only a script that has written nothing yet.
redis.call('ZADD', replicas, text(now + lease), replica)
local known = redis.pcall('GET', life)
if type(known) ~= 'string' then
  known = newLife
  redis.call('SET', life, known)
end
redis.call('ZREM', replicas, former)
redis.call('ZREMRANGEBYSCORE', replicas, '-inf', text(now))
redis.call('ZREMRANGEBYSCORE', replicas, '(' .. text(now + longestLease), '+inf')
redis.call('PEXPIRE', life, retention)
redis.call('PEXPIRE', replicas, retention)

local live, nextMs = {}, -1
for _, other in ipairs(redis.call('ZRANGE', replicas, 0, -1)) do
  if nextMs < 0 and other ~= replica then nextMs = tonumber(redis.call('ZSCORE', replicas, other)) - now end
  table.insert(live, other)
end
return { known, tonumber(expiresAt or '0') > now and 1 or 0, nextMs, live }
`);

const beatReply = z.tuple([z.string(), z.literal([0, 1]), z.number(), z.array(z.string())]);

/** KEYS: any. ARGV: expiry in milliseconds. */
const extendScript = redisScript(`for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end`);

/** Registers this replica until the result is disposed of. */
export function startRedisHeartbeat(options: RedisHeartbeatOptions): RedisHeartbeat {
  return new Heartbeat(options);
}

interface Kept {
  readonly keys: readonly string[];
  readonly ms: number;
  dueAtMs: number;
}

class Heartbeat implements RedisHeartbeat {
  readonly #options: RedisHeartbeatOptions;
  readonly #listeners = new Set<HeartbeatListener>();
  readonly #closed = new AbortController();
  readonly #beating: Promise<void>;
  #replicaId = randomText();
  /** The id before the last lapse, which may still be registered. */
  #formerId = '';
  #replicas: ReadonlySet<string> | null = null;
  /** The monotonic time at which this replica counts itself as lapsed; null: it is not registered. */
  #validUntilMs: number | null = null;
  #watching = false;
  #life: string | null = null;
  readonly #kept = new Set<Kept>();
  #nextSlot = 0;
  #extension: { readonly dueAtMs: number; readonly ended: AbortController } | null = null;

  constructor(options: RedisHeartbeatOptions) {
    this.#options = options;
    this.#beating = this.#beat();
  }

  get replicaId(): string {
    return this.#replicaId;
  }

  get replicas(): ReadonlySet<string> | null {
    return this.#replicas;
  }

  listen(listener: HeartbeatListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  keepAlive(keys: readonly string[], ms: number): Disposable {
    const periodMs = ms / extensionsPerExpiry;
    const slotMs = periodMs / slotsPerExtension;
    this.#nextSlot = (this.#nextSlot + 1) % slotsPerExtension;
    const nowMs = this.#options.clock.monotonicMs();
    // Due times are multiples of a slot, so that keys that were added at different times are extended together.
    const kept = { keys, ms, dueAtMs: Math.floor(nowMs / slotMs + 1 + this.#nextSlot) * slotMs };
    this.#kept.add(kept);
    this.#armExtension();
    return {
      [Symbol.dispose]: () => {
        this.#kept.delete(kept);
        if (this.#kept.size === 0) this.#extension?.ended.abort();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return;
    const isRegistered = this.#validUntilMs !== null;
    this.#closed.abort();
    this.#extension?.ended.abort();
    await this.#beating;
    if (!isRegistered) return;
    const { redis, logger } = this.#options;
    try {
      await redis.send((client) => client.zRem(replicasKey, this.replicaId));
    } catch (err) {
      logger.debug({ err }, 'could not remove this replica from Redis, its registration will expire');
    }
  }

  async #beat(): Promise<void> {
    const { clock, leaseMs, logger } = this.#options;
    const { signal } = this.#closed;
    const intervalMs = leaseMs / beatsPerLease;
    while (!signal.aborted) {
      const sentAtMs = clock.monotonicMs();
      let pauseMs: number;
      try {
        const nextExpiryMs = await untilAborted(this.#register(sentAtMs), signal);
        if (nextExpiryMs === null) continue;
        // The next heartbeat follows right after the registration of another replica expires, so that a dead replica is
        // noticed in time.
        pauseMs = nextExpiryMs < 0 ? intervalMs : Math.min(intervalMs, nextExpiryMs + 1);
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({ err: error }, 'heartbeat missed');
        this.#emit((listener) => listener.missed?.(error));
        pauseMs = Math.min(intervalMs / haste, maxRetryPauseMs);
      }
      const leftMs = Math.max(0, sentAtMs + pauseMs - clock.monotonicMs());
      await clock.sleep(leftMs, signal).catch(() => undefined);
    }
  }

  /**
   * @returns the time until another registration expires, in milliseconds; negative: there is no other; null: this
   *   registration has lapsed, and the next heartbeat is due at once
   */
  async #register(sentAtMs: number): Promise<number | null> {
    const { redis, clock, leaseMs } = this.#options;
    const replicaId = this.#replicaId;
    const times = [leaseMs, longestLeaseMs, retentionMs].map((ms) => `${Math.ceil(ms)}`);
    const values = [replicaId, ...times, randomText(), this.#formerId];
    const reply = await redis.send((client) => runScript(client, beatScript, [replicasKey, lifeKey], values));
    const [life, wasRegistered, nextExpiryMs, live] = beatReply.parse(reply);
    if (this.#closed.signal.aborted) return nextExpiryMs;
    // The timer that ends the registration may be late, for example after the process was suspended.
    if (wasRegistered === 0 || (this.#validUntilMs ?? Infinity) <= clock.monotonicMs()) this.#lapse();
    if (this.#replicaId !== replicaId) return null;
    const validUntilMs = sentAtMs + leaseMs * (1 - safety);
    if (validUntilMs <= clock.monotonicMs()) throw new Error('The reply to the heartbeat arrived too late.');
    const isReplaced = this.#life !== null && this.#life !== life;
    const isOtherSet = !isSame(this.#replicas, live);
    this.#life = life;
    this.#validUntilMs = validUntilMs;
    if (isOtherSet) this.#replicas = new Set(live);
    if (!this.#watching) void this.#watch();
    if (isReplaced) this.#emit((listener) => listener.databaseReplaced?.());
    if (isOtherSet) this.#emit((listener) => listener.replicasChanged?.());
    this.#emit((listener) => listener.succeeded?.());
    return nextExpiryMs;
  }

  /** Ends the registration by the clock of this process, before another replica may count it as dead. */
  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closed;
    this.#watching = true;
    while (this.#validUntilMs !== null && !signal.aborted) {
      const leftMs = this.#validUntilMs - clock.monotonicMs();
      if (leftMs <= 0) this.#lapse();
      else await clock.sleep(leftMs, signal).catch(() => undefined);
    }
    this.#watching = false;
  }

  #lapse(): void {
    if (this.#validUntilMs === null) return;
    this.#validUntilMs = null;
    this.#replicas = null;
    this.#formerId = this.#replicaId;
    this.#replicaId = randomText();
    this.#options.logger.warn('the registration of this replica in Redis lapsed, so it lost its poll leases');
    this.#emit((listener) => listener.lapsed?.());
  }

  #emit(call: (listener: HeartbeatListener) => void): void {
    for (const listener of [...this.#listeners]) call(listener);
  }

  /** Sleeps until the first extension is due. Keys with an earlier due time restart the sleep. */
  #armExtension(): void {
    if (this.#kept.size === 0 || this.#closed.signal.aborted) return;
    const dueAtMs = [...this.#kept].reduce((first, kept) => Math.min(first, kept.dueAtMs), Infinity);
    if (this.#extension !== null && this.#extension.dueAtMs <= dueAtMs) return;
    this.#extension?.ended.abort();
    this.#extension = { dueAtMs, ended: new AbortController() };
    void this.#extendAt(this.#extension);
  }

  async #extendAt(extension: { readonly dueAtMs: number; readonly ended: AbortController }): Promise<void> {
    const { clock } = this.#options;
    const { signal } = extension.ended;
    await clock.sleep(Math.max(0, extension.dueAtMs - clock.monotonicMs()), signal).catch(() => undefined);
    if (!signal.aborted) await this.#extendDue();
    if (this.#extension !== extension) return;
    this.#extension = null;
    this.#armExtension();
  }

  async #extendDue(): Promise<void> {
    const { redis, clock, logger, leaseMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const due = [...this.#kept].filter(({ dueAtMs }) => dueAtMs <= nowMs);
    for (const ms of new Set(due.map((kept) => kept.ms))) {
      const group = due.filter((kept) => kept.ms === ms);
      const keys = group.flatMap((kept) => kept.keys);
      const periodMs = ms / extensionsPerExpiry;
      try {
        for (let start = 0; start < keys.length; start += keysPerScript) {
          const batch = keys.slice(start, start + keysPerScript);
          await redis.send((client) => runScript(client, extendScript, batch, [`${Math.ceil(ms)}`]));
        }
        for (const kept of group) {
          while (kept.dueAtMs <= nowMs) kept.dueAtMs += periodMs;
        }
      } catch (err) {
        logger.debug({ err }, 'could not extend the expiry of keys');
        for (const kept of group) kept.dueAtMs = clock.monotonicMs() + leaseMs / beatsPerLease;
      }
    }
  }
}

const randomText = (): string => randomBytes(9).toString('base64url');

const isSame = (known: ReadonlySet<string> | null, live: readonly string[]): boolean =>
  known !== null && known.size === live.length && live.every((replica) => known.has(replica));
