import { describe, expect, it } from 'vitest';
import { type RedisClient, RedisUnavailableError } from '../../../src/runtime/redis.ts';
import { type RedisHeartbeat, replicasKey, startRedisHeartbeat } from '../../../src/runtime/redis-heartbeat.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const leaseMs = 12_000;
const pingIntervalMs = leaseMs / 3;
const turn = () => new Promise(setImmediate);

/** A heartbeat whose server the test controls, with its notifications and log lines. */
class Beating {
  readonly clock = new FakeClock();
  /** The state of the server. */
  readonly server = { life: 'life', isRegistered: true, nextExpiryMs: -1, others: [] as string[], fails: false };
  /** Resolves when a reply may arrive. */
  reply: Promise<void>;
  /** Each heartbeat with the current and the former id of the replica. */
  readonly beats: { readonly atMs: number; readonly id: string; readonly former: string }[] = [];
  readonly extended: { readonly atMs: number; readonly keys: readonly string[]; readonly ms: number }[] = [];
  readonly removed: string[] = [];
  readonly emitted: string[] = [];
  readonly logged: unknown[] = [];
  readonly heartbeat: RedisHeartbeat;
  readonly #startMs = this.clock.monotonicMs();

  constructor(reply: Promise<void>) {
    this.reply = reply;
    // The heartbeat calls no other method of a client.
    const client = {
      evalSha: (_: string, { keys, arguments: values }: { keys: string[]; arguments: string[] }) =>
        keys[0] === replicasKey ? this.#beat(values) : this.#extend(keys, values),
      zRem: (_: string, id: string) => {
        this.removed.push(id);
        return this.server.fails ? Promise.reject(new RedisUnavailableError('away')) : Promise.resolve(1);
      },
    } as unknown as RedisClient;
    this.heartbeat = startRedisHeartbeat({
      redis: { send: (commands) => commands(client) },
      clock: this.clock,
      logger: {
        debug: (details: unknown, message?: string) => void this.logged.push([message, details]),
        warn: (message: unknown) => void this.logged.push(message),
      },
      leaseMs,
    });
    this.heartbeat.listen({
      succeeded: () => this.emitted.push('succeeded'),
      missed: () => this.emitted.push('missed'),
      lapsed: () => this.emitted.push('lapsed'),
      databaseReplaced: () => this.emitted.push('replaced'),
      replicasChanged: () => this.emitted.push(`live ${this.heartbeat.replicas?.size}`),
    });
  }

  static async start(reply: Promise<void> = Promise.resolve()): Promise<Beating> {
    const beating = new Beating(reply);
    await turn();
    return beating;
  }

  get nowMs(): number {
    return this.clock.monotonicMs() - this.#startMs;
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceBy(ms);
    for (let count = 0; count < 5; count += 1) await turn();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.heartbeat[Symbol.asyncDispose]();
  }

  async #beat([id = '', , , , , former = '']: readonly string[]): Promise<unknown> {
    const { life, isRegistered, nextExpiryMs, others, fails } = this.server;
    this.beats.push({ atMs: this.nowMs, id, former });
    const isKnown = this.beats.length > 1 && isRegistered;
    await this.reply;
    if (fails) throw new RedisUnavailableError('Redis is unavailable.');
    return [life, isKnown ? 1 : 0, nextExpiryMs, [id, ...others]];
  }

  async #extend(keys: readonly string[], [ms]: readonly string[]): Promise<unknown> {
    this.extended.push({ atMs: this.nowMs, keys, ms: Number(ms) });
    if (this.server.fails) throw new RedisUnavailableError('Redis is unavailable.');
    return null;
  }
}

describe('the heartbeat of a replica', () => {
  it('is sent three times in each lease', async () => {
    await using beating = await Beating.start();
    await beating.pass(pingIntervalMs - 1);
    expect(beating.beats.map(({ atMs }) => atMs)).toEqual([0]);
    await beating.pass(1);
    await beating.pass(pingIntervalMs);
    expect(beating.beats.map(({ atMs }) => atMs)).toEqual([0, pingIntervalMs, 2 * pingIntervalMs]);
    expect(beating.emitted).toEqual(['live 1', 'succeeded', 'succeeded', 'succeeded']);
  });

  it.each([
    [0, 1],
    [1_000, 1_001],
    [pingIntervalMs - 1, pingIntervalMs],
    [pingIntervalMs, pingIntervalMs],
  ])('is sent right after another registration expires in %i ms', async (nextExpiryMs, dueMs) => {
    await using beating = await Beating.start();
    beating.server.nextExpiryMs = nextExpiryMs;
    await beating.pass(pingIntervalMs);
    beating.server.nextExpiryMs = -1;
    await beating.pass(dueMs - 1);
    expect(beating.beats).toHaveLength(2);
    await beating.pass(1);
    expect(beating.beats).toHaveLength(3);
  });

  it('is repeated half a second after a failure, which is logged each time', async () => {
    await using beating = await Beating.start();
    beating.server.fails = true;
    await beating.pass(pingIntervalMs);
    await beating.pass(499);
    expect(beating.emitted.filter((event) => event === 'missed')).toHaveLength(1);
    await beating.pass(1);
    expect(beating.emitted.filter((event) => event === 'missed')).toHaveLength(2);
    expect(beating.logged).toEqual(
      Array.from({ length: 2 }, () => [
        'heartbeat missed',
        { err: new RedisUnavailableError('Redis is unavailable.') },
      ]),
    );
  });

  it('reports the live replicas only when they have changed', async () => {
    await using beating = await Beating.start();
    beating.server.others = ['a', 'b'];
    await beating.pass(pingIntervalMs);
    beating.server.others = ['b', 'a'];
    await beating.pass(pingIntervalMs);
    beating.server.others = ['b', 'c'];
    await beating.pass(pingIntervalMs);
    beating.server.others = ['b'];
    await beating.pass(pingIntervalMs);
    expect(beating.emitted.filter((event) => event !== 'succeeded')).toEqual(['live 1', 'live 3', 'live 3', 'live 2']);
    expect(beating.heartbeat.replicas).toEqual(new Set([beating.heartbeat.replicaId, 'b']));
  });

  it('works without any listener method', async () => {
    await using beating = await Beating.start();
    beating.heartbeat.listen({});
    beating.server.others = ['a'];
    beating.server.life = 'another life';
    await beating.pass(pingIntervalMs);
    beating.server.fails = true;
    await beating.pass(leaseMs);
    beating.server.fails = false;
    await beating.pass(500);
    for (const [, details] of beating.logged.filter(Array.isArray)) {
      expect(details).toEqual({ err: new RedisUnavailableError('Redis is unavailable.') });
    }
    expect(new Set(beating.emitted)).toEqual(
      new Set(['live 1', 'live 2', 'succeeded', 'replaced', 'missed', 'lapsed']),
    );
  });

  it('lapses a tenth of the lease before its registration expires, and has another id from then on', async () => {
    await using beating = await Beating.start();
    const { replicaId } = beating.heartbeat;
    beating.server.fails = true;
    await beating.pass(leaseMs * 0.9 - 1);
    expect([beating.heartbeat.replicaId, beating.emitted.includes('lapsed')]).toEqual([replicaId, false]);
    await beating.pass(1);
    expect(beating.emitted.filter((event) => event === 'lapsed')).toHaveLength(1);
    expect(beating.heartbeat.replicaId).not.toBe(replicaId);
    expect(beating.heartbeat.replicas).toBe(null);
    expect(beating.logged).toContain('the registration of this replica in Redis lapsed, so it lost its poll leases');
    beating.server.fails = false;
    await beating.pass(500);
    expect(beating.beats[0]).toMatchObject({ id: replicaId, former: '' });
    expect(beating.beats.at(-1)).toMatchObject({ id: beating.heartbeat.replicaId, former: replicaId });
  });

  it('lapses when the server does not know it, and is sent again at once', async () => {
    await using beating = await Beating.start();
    beating.server.isRegistered = false;
    await beating.pass(pingIntervalMs);
    expect(beating.emitted).toEqual(['live 1', 'succeeded', 'lapsed', 'live 1', 'succeeded']);
    expect(beating.beats.map(({ atMs }) => atMs)).toEqual([0, pingIntervalMs, pingIntervalMs]);
  });

  it.each([
    [leaseMs * 0.9 - 1, ['live 1', 'succeeded']],
    [leaseMs * 0.9, ['missed']],
  ])('succeeds if its reply takes less than nine tenths of a lease: %i ms', async (ms, emitted) => {
    let release = () => {};
    const reply = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using beating = await Beating.start(reply);
    await beating.pass(ms);
    release();
    await beating.pass(0);
    expect(beating.emitted.slice(0, emitted.length)).toEqual(emitted);
    const missed = ['heartbeat missed', { err: new Error('The reply to the heartbeat arrived too late.') }];
    expect(beating.logged).toEqual(emitted.includes('missed') ? [missed] : []);
  });

  it('is removed at its end if it is registered, and its end does not fail', async () => {
    const beating = await Beating.start();
    const { replicaId } = beating.heartbeat;
    beating.server.fails = true;
    await beating.heartbeat[Symbol.asyncDispose]();
    expect(beating.removed).toEqual([replicaId]);
    expect(beating.logged.at(-1)).toEqual([
      'could not remove this replica from Redis, its registration will expire',
      { err: new RedisUnavailableError('away') },
    ]);
    await beating.heartbeat[Symbol.asyncDispose]();
    expect(beating.removed).toEqual([replicaId]);
    expect(beating.clock.pending()).toBe(0);

    const unregistered = await Beating.start();
    unregistered.server.fails = true;
    await unregistered.pass(leaseMs);
    await unregistered.heartbeat[Symbol.asyncDispose]();
    expect(unregistered.removed).toEqual([]);
  });

  it('notifies no listener after its end, even for a reply that arrives later', async () => {
    const beating = await Beating.start();
    let release = () => {};
    beating.reply = new Promise((resolve) => {
      release = resolve;
    });
    beating.server.others = ['a'];
    await beating.pass(pingIntervalMs);
    beating.emitted.length = 0;
    await beating.heartbeat[Symbol.asyncDispose]();
    release();
    await beating.pass(leaseMs);
    expect([beating.emitted, beating.logged]).toEqual([[], []]);
  });
});

describe('keys that a replica keeps', () => {
  const keptMs = 600_000;
  const periodMs = keptMs / 3;

  it('are extended three times in their retention time', async () => {
    await using beating = await Beating.start();
    beating.heartbeat.keepAlive(['a', 'b'], keptMs);
    for (let passed = 0; passed < 4 * keptMs; passed += pingIntervalMs) await beating.pass(pingIntervalMs);
    const [first = 0, ...later] = beating.extended.map(({ atMs }) => atMs);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(1.2 * periodMs);
    expect(later).toEqual(Array.from({ length: 11 }, (_, index) => first + (index + 1) * periodMs));
    for (const { keys, ms } of beating.extended) expect([keys, ms]).toEqual([['a', 'b'], keptMs]);
  });

  it('are spread over ten slots of a third of that time, and all keys of one slot are extended together', async () => {
    await using beating = await Beating.start();
    for (let index = 0; index < 20; index += 1) beating.heartbeat.keepAlive([`key-${index}`], keptMs);
    // The last of the ten slots is included.
    for (let passed = 0; passed < 1.1 * periodMs; passed += 1_000) await beating.pass(1_000);
    const firsts = beating.extended.slice(0, 10);
    expect(new Set(firsts.map(({ atMs }) => atMs)).size).toBe(10);
    expect(firsts.map(({ keys }) => keys.length)).toEqual(Array.from({ length: 10 }, () => 2));
    const gaps = firsts.slice(1).map(({ atMs }, index) => atMs - (firsts[index]?.atMs ?? 0));
    expect(new Set(gaps)).toEqual(new Set([periodMs / 10]));
  });

  it('are extended in batches of a hundred, by their own retention time', async () => {
    await using beating = await Beating.start();
    const keys = Array.from({ length: 250 }, (_, index) => `key-${index}`);
    beating.heartbeat.keepAlive(keys, keptMs);
    for (let passed = 0; passed < 1.2 * periodMs; passed += pingIntervalMs) await beating.pass(pingIntervalMs);
    expect(beating.extended.slice(0, 3).map(({ keys }) => keys.length)).toEqual([100, 100, 50]);
    expect(beating.extended.slice(0, 3).flatMap(({ keys }) => keys)).toEqual(keys);
    expect(beating.extended.length % 3).toBe(0);
  });

  it('are extended in time if others are kept for longer', async () => {
    await using beating = await Beating.start();
    beating.heartbeat.keepAlive(['long'], 10 * keptMs);
    beating.heartbeat.keepAlive(['short'], keptMs);
    for (let passed = 0; passed < 12 * periodMs; passed += pingIntervalMs) await beating.pass(pingIntervalMs);
    const of = (key: string) => beating.extended.filter(({ keys }) => keys.includes(key));
    expect(of('short').length).toBeGreaterThanOrEqual(10);
    expect(of('long').length).toBeLessThanOrEqual(2);
    for (const { ms } of of('short')) expect(ms).toBe(keptMs);
    for (const { ms } of of('long')) expect(ms).toBe(10 * keptMs);
  });

  it('are extended again after a third of a lease when that failed', async () => {
    await using beating = await Beating.start();
    beating.heartbeat.keepAlive(['a'], keptMs);
    while (beating.extended.length === 0) {
      beating.server.fails = beating.nowMs > pingIntervalMs;
      await beating.pass(pingIntervalMs);
    }
    const [{ atMs } = { atMs: 0 }] = beating.extended;
    beating.server.fails = false;
    expect(beating.logged).toContainEqual([
      'could not extend the expiry of keys',
      { err: new RedisUnavailableError('Redis is unavailable.') },
    ]);
    await beating.pass(pingIntervalMs);
    expect(beating.extended.map((each) => each.atMs)).toEqual([atMs, atMs + pingIntervalMs]);
  });

  it('are released one by one, and the timer with the last one', async () => {
    await using beating = await Beating.start();
    const timers = beating.clock.pending();
    const kept = ['a', 'b'].map((key) => beating.heartbeat.keepAlive([key], keptMs));
    expect(beating.clock.pending()).toBe(timers + 1);
    kept[0]?.[Symbol.dispose]();
    expect(beating.clock.pending()).toBe(timers + 1);
    for (let passed = 0; passed < 1.2 * periodMs; passed += pingIntervalMs) await beating.pass(pingIntervalMs);
    expect(new Set(beating.extended.flatMap(({ keys }) => keys))).toEqual(new Set(['b']));
    kept[1]?.[Symbol.dispose]();
    await beating.pass(0);
    expect(beating.clock.pending()).toBe(timers);
    beating.extended.length = 0;
    for (let passed = 0; passed < 2 * periodMs; passed += pingIntervalMs) await beating.pass(pingIntervalMs);
    expect(beating.extended).toEqual([]);
  });
});
