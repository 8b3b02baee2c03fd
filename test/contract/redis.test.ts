import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createRedisIdempotencyStore } from '../../src/context/idempotency/redis-store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type Redis, RedisUnavailableError, redisScript, runScript, startRedis } from '../../src/runtime/redis.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startMovableAddress } from '../support/movable-address.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { tenantOf } from '../support/tenants.ts';

describeWithRedis('a connection to Redis', () => {
  let server: RedisUnderTest;

  beforeAll(async () => {
    server = await startRedisServer();
  });
  beforeEach(() => server.start());
  afterAll(() => server[Symbol.asyncDispose]());

  function connect({ url = server.url } = {}) {
    const clock = new FakeClock();
    const logs: string[] = [];
    const logger = createLogger({ destination: { write: (line) => void logs.push(line) } });
    const redis = startRedis({ url, clock, logger });
    const messages = () => logs.map((line): unknown => JSON.parse(line)).map((line) => JSON.stringify(line, ['msg']));
    return { redis, clock, logs, logger, messages, [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
  }

  it('connects as soon as there is a server, and reconnects after a loss', async () => {
    await server.kill();
    await using connection = connect();
    const ping = () => connection.redis.send((client) => client.ping());
    await expect(ping()).rejects.toBeInstanceOf(RedisUnavailableError);
    await server.start();
    expect(await eventually(ping)).toBe('PONG');
    await server.kill();
    await expect(ping()).rejects.toBeInstanceOf(RedisUnavailableError);
    await server.start();
    expect(await eventually(ping)).toBe('PONG');
  });

  it('logs once that Redis is unavailable, and once that it is available', async () => {
    await server.kill();
    await using connection = connect();
    const attempts = async (count: number) => {
      const before = connection.logs.length;
      let errors = 0;
      const noteError = () => (errors += 1);
      await connection.redis.send(async (client) => client.on('error', noteError));
      await eventually(() => expect(errors).toBeGreaterThan(count));
      return connection.logs.length - before;
    };
    await attempts(1);
    expect(await attempts(3)).toBe(0);
    await server.start();
    const away = '{"msg":"Redis cannot be reached, the gateway tries again; check REDIS_URL"}';
    const there = '{"msg":"Redis connected"}';
    await eventually(() => expect(connection.messages().toSorted()).toEqual([away, away, there, there].toSorted()));
    await server.kill();
    const lost = '{"msg":"Redis connection lost"}';
    await eventually(() => expect(connection.messages().filter((message) => message === lost)).toHaveLength(2));
  });

  it('gives up on a server that does not respond', async () => {
    await using connection = connect();
    await eventually(() => connection.redis.send((client) => client.ping()));
    server.pause();
    const ping = connection.redis.send((client) => client.ping());
    const refusal = expect(ping).rejects.toBeInstanceOf(RedisUnavailableError);
    await connection.clock.advanceBy(3_000);
    await refusal;
    server.resume();
    expect(await connection.redis.send((client) => client.ping())).toBe('PONG');
  });

  it('is unavailable while replies arrive too late, and ready again after a timely reply', async () => {
    await using connection = connect();
    const { redis, clock } = connection;
    await eventually(() => expect(redis.state).toBe('ready'));
    server.pause();
    const late = expect(redis.send((client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailableError);
    await clock.advanceBy(3_000);
    await late;
    expect(redis.state).toBe('away');
    server.resume();
    await expect(redis.send((client) => client.sendCommand(['SET']))).rejects.not.toBeInstanceOf(RedisUnavailableError);
    expect(redis.state).toBe('ready');
  });

  it('writes no password into the log, even when the password is rejected', async () => {
    await using connection = connect({ url: server.url.replace('//', '//user:planted-secret@') });
    await eventually(() => expect(connection.messages()).toContainEqual(expect.stringContaining('check REDIS_URL')));
    expect(connection.logs.join()).not.toContain('planted-secret');
  });

  it('distinguishes a wrong command from an unavailable Redis', async () => {
    await using connection = connect();
    await eventually(() => connection.redis.send((client) => client.ping()));
    const wrong = connection.redis.send((client) => client.sendCommand(['SET']));
    await expect(wrong).rejects.not.toBeInstanceOf(RedisUnavailableError);
    await connection.redis.send((client) => client.sendCommand(['CONFIG', 'SET', 'maxmemory', '1']));
    const full = connection.redis.send((client) => client.set('a', 'b'));
    await expect(full).rejects.toBeInstanceOf(RedisUnavailableError);
  });

  it('runs a script that the server has forgotten', async () => {
    await using connection = connect();
    const script = redisScript('return { KEYS[1], ARGV[1] }');
    const run = () => connection.redis.send((client) => runScript(client, script, ['a'], ['b']));
    expect(await eventually(run)).toEqual(['a', 'b']);
    await connection.redis.send((client) => client.scriptFlush());
    expect(await run()).toEqual(['a', 'b']);
  });

  const command = (redis: Redis, ...words: readonly string[]) => redis.send((client) => client.sendCommand([...words]));

  /** Connections of the test itself, with the machine's clock, for changing the server. */
  function connectAdmin(url = server.url) {
    return startRedis({ url, clock: systemClock, logger: createLogger({ destination: { write: () => undefined } }) });
  }

  const write = (redis: Redis) =>
    redis.send((client) => runScript(client, redisScript("return redis.call('SET', KEYS[1], ARGV[1])"), ['a'], ['b']));

  interface Rejection {
    readonly name: string;
    readonly begin: (admin: Redis) => Promise<unknown>;
    readonly end: (admin: Redis) => Promise<unknown>;
    readonly reply: string;
  }
  const denied: Pick<Rejection, 'end'> = { end: (admin) => command(admin, 'ACL', 'SETUSER', 'default', '+@all') };
  const rejections: readonly Rejection[] = [
    {
      name: 'is full',
      begin: (admin) => command(admin, 'CONFIG', 'SET', 'maxmemory', '1'),
      end: (admin) => command(admin, 'CONFIG', 'SET', 'maxmemory', '0'),
      reply: 'OOM command not allowed',
    },
    {
      name: 'has too few replicas',
      begin: (admin) => command(admin, 'CONFIG', 'SET', 'min-replicas-to-write', '1'),
      end: (admin) => command(admin, 'CONFIG', 'SET', 'min-replicas-to-write', '0'),
      reply: 'NOREPLICAS',
    },
    {
      name: 'permits no scripts',
      begin: (admin) => command(admin, 'ACL', 'SETUSER', 'default', '-@scripting'),
      ...denied,
      reply: 'NOPERM',
    },
    {
      name: 'permits a script less than it needs',
      begin: (admin) => command(admin, 'ACL', 'SETUSER', 'default', '-set'),
      ...denied,
      reply: "The user executing the script can't run this command",
    },
    {
      name: 'runs a script without end',
      begin: async (admin) => {
        await command(admin, 'CONFIG', 'SET', 'busy-reply-threshold', '1');
        admin.send((client) => client.eval('while true do end')).catch(() => undefined);
      },
      end: async (admin) => await command(admin, 'SCRIPT', 'KILL'),
      reply: 'BUSY Redis is busy running a script',
    },
  ];

  it.each(rejections)('is unavailable while the server $name, logs that once, and recovers', async (rejection) => {
    await using connection = connect();
    const { redis, clock, logs } = connection;
    await using admin = connectAdmin();
    await using rescuer = connectAdmin();
    for (const one of [redis, admin, rescuer]) await eventually(() => expect(one.state).toBe('ready'));
    await rejection.begin(admin);
    await eventually(() => expect(write(redis)).rejects.toBeInstanceOf(RedisUnavailableError));
    await expect(write(redis)).rejects.toBeInstanceOf(RedisUnavailableError);
    expect(redis.state).toBe('rejecting');
    await clock.advanceBy(20_000);
    expect(redis.state).toBe('rejecting');
    await rejection.end(rescuer);
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect(redis.state).toBe('ready');
    });
    await write(redis);
    expect(logs.filter((line) => line.includes('Redis rejects commands'))).toHaveLength(1);
    expect(logs.find((line) => line.includes('Redis rejects commands'))).toContain(rejection.reply);
    expect(logs.filter((line) => line.includes('Redis accepts commands again'))).toHaveLength(1);
  });

  it('is unavailable when a server that rejected commands is gone, and ready when it is back', async () => {
    await using connection = connect();
    const { redis, clock } = connection;
    await using admin = connectAdmin();
    for (const one of [redis, admin]) await eventually(() => expect(one.state).toBe('ready'));
    await command(admin, 'CONFIG', 'SET', 'maxmemory', '1');
    await expect(write(redis)).rejects.toBeInstanceOf(RedisUnavailableError);
    expect(redis.state).toBe('rejecting');
    await server.kill();
    await eventually(() => expect(redis.state).toBe('away'));
    await clock.advanceBy(20_000);
    expect(redis.state).toBe('away');
    await server.start();
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect(redis.state).toBe('ready');
    });
  });

  it('is ready again only when no command was rejected for some seconds, although the server accepts other writes', async () => {
    await using connection = connect();
    const { redis, clock, logs } = connection;
    await using admin = connectAdmin();
    for (const one of [redis, admin]) await eventually(() => expect(one.state).toBe('ready'));
    await command(admin, 'ACL', 'SETUSER', 'default', '-publish');
    for (let second = 0; second < 10; second += 1) {
      await expect(redis.send((client) => client.publish('a', 'b'))).rejects.toBeInstanceOf(RedisUnavailableError);
      await clock.advanceBy(1_000);
      expect(redis.state).toBe('rejecting');
    }
    expect(logs.filter((line) => line.includes('Redis rejects commands'))).toHaveLength(1);
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect(redis.state).toBe('ready');
    });
  });

  /** Records everything that it receives. */
  function startSubscriber(redis: Redis, channel: string) {
    const heard: string[] = [];
    const subscription = redis.subscribe(channel, {
      onMessage: (text) => void heard.push(text),
      onSubscribed: () => void heard.push('+'),
      onLost: () => void heard.push('-'),
    });
    return { heard, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
  }

  const publish = (redis: Redis, channel: string, text: string) =>
    redis.send((client) => client.publish(channel, text));
  const subscribedChannels = async (redis: Redis) => (await redis.send((client) => client.pubSubChannels())).toSorted();

  it('delivers the messages of a channel to all its subscribers, and subscribes only while there are some', async () => {
    await using connection = connect();
    const { redis } = connection;
    using one = startSubscriber(redis, 'a');
    {
      using two = startSubscriber(redis, 'a');
      using other = startSubscriber(redis, 'b');
      await eventually(() => expect([one.heard, two.heard, other.heard]).toEqual([['+'], ['+'], ['+']]));
      using late = startSubscriber(redis, 'a');
      await eventually(() => expect(late.heard).toEqual(['+']));
      await publish(redis, 'a', 'x');
      await eventually(() => expect([one.heard, two.heard, late.heard]).toEqual(Array(3).fill(['+', 'x'])));
      expect(other.heard).toEqual(['+']);
      expect(await subscribedChannels(redis)).toEqual(['a', 'b']);
    }
    await eventually(async () => expect(await subscribedChannels(redis)).toEqual(['a']));
    // One subscriber leaves and another one joins in the same step.
    one[Symbol.dispose]();
    using again = startSubscriber(redis, 'a');
    await eventually(() => expect(again.heard).toEqual(['+']));
    await publish(redis, 'a', 'y');
    await eventually(() => expect(again.heard).toEqual(['+', 'y']));
    expect(one.heard).toEqual(['+', 'x']);
  });

  it('subscribes again after a lost connection, and not to channels without a subscriber', async () => {
    await using connection = connect();
    const { redis } = connection;
    using staying = startSubscriber(redis, 'staying');
    const leaving = startSubscriber(redis, 'leaving');
    await eventually(() => expect([staying.heard, leaving.heard]).toEqual([['+'], ['+']]));
    server.pause();
    server.cut();
    await eventually(() =>
      expect([staying.heard, leaving.heard]).toEqual([
        ['+', '-'],
        ['+', '-'],
      ]),
    );
    leaving[Symbol.dispose]();
    using coming = startSubscriber(redis, 'coming');
    server.resume();
    await eventually(() => expect([staying.heard, coming.heard]).toEqual([['+', '-', '+'], ['+']]));
    await eventually(async () => expect(await subscribedChannels(redis)).toEqual(['coming', 'staying']));
    await eventually(() => publish(redis, 'staying', 'x'));
    await eventually(() => expect(staying.heard).toEqual(['+', '-', '+', 'x']));
    expect(leaving.heard).toEqual(['+', '-']);
  });

  it('subscribes as soon as the server permits the channel', async () => {
    await using connection = connect();
    const { redis, clock } = connection;
    await using admin = connectAdmin();
    for (const one of [redis, admin]) await eventually(() => expect(one.state).toBe('ready'));
    await command(admin, 'ACL', 'SETUSER', 'default', 'resetchannels');
    using subscriber = startSubscriber(redis, 'a');
    await eventually(() => expect(redis.state).toBe('rejecting'));
    await clock.advanceBy(10_000);
    expect([redis.state, subscriber.heard]).toEqual(['rejecting', []]);
    await command(admin, 'ACL', 'SETUSER', 'default', 'allchannels');
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect([redis.state, subscriber.heard]).toEqual(['ready', ['+']]);
    });
  });

  it('is rejecting while the server denies a channel that was permitted before', async () => {
    await using connection = connect();
    const { redis, clock, logs } = connection;
    await using admin = connectAdmin();
    for (const one of [redis, admin]) await eventually(() => expect(one.state).toBe('ready'));
    using subscriber = startSubscriber(redis, 'a');
    await eventually(() => expect(subscriber.heard).toEqual(['+']));
    // The server closes the connection, and the client subscribes again while it connects.
    await command(admin, 'ACL', 'SETUSER', 'default', 'resetchannels');
    await eventually(() => expect([redis.state, subscriber.heard]).toEqual(['rejecting', ['+', '-']]));
    await command(admin, 'ACL', 'SETUSER', 'default', 'allchannels');
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect([redis.state, subscriber.heard]).toEqual(['ready', ['+', '-', '+']]);
    });
    expect(logs.filter((line) => line.includes('Redis rejects commands'))).toHaveLength(1);
  });

  it('follows its address to the new master when the server is demoted without closing connections', async () => {
    await using next = await startRedisServer();
    await using address = await startMovableAddress(server.url);
    await using connection = connect({ url: address.url });
    const { redis, clock, logger } = connection;
    await using admin = connectAdmin();
    await using nextAdmin = connectAdmin(next.url);
    using subscriber = startSubscriber(redis, 'a');
    const lifetime = new AbortController();
    const idempotency = createRedisIdempotencyStore({ redis, clock, logger, lifetime: lifetime.signal });
    const claim = (key: string) =>
      idempotency.claim({ tenant: tenantOf('prod'), operation: 'createExportJob', key }, 'input');
    await eventually(() => expect(subscriber.heard).toEqual(['+']));
    for (const one of [redis, admin, nextAdmin]) await eventually(() => expect(one.state).toBe('ready'));
    const { port, hostname } = new URL(next.url);
    await command(admin, 'REPLICAOF', hostname, port);

    // The name still leads to the demoted server, which is retried with pauses.
    await expect(write(redis)).rejects.toBeInstanceOf(RedisUnavailableError);
    const { connections } = address;
    const lines = connection.logs.length;
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await clock.advanceBy(1_100);
      await eventually(async () => {
        const rejection = await write(redis).catch((error: unknown) => error);
        expect(rejection instanceof RedisUnavailableError && String(rejection.cause)).toContain('READONLY');
      });
    }
    expect(address.connections - connections).toBeGreaterThanOrEqual(10);
    expect(address.connections - connections).toBeLessThanOrEqual(24);
    expect(redis.state).toBe('rejecting');
    expect(connection.logs.slice(lines)).toEqual([]);

    address.moveTo(next.url);
    await eventually(async () => {
      await clock.advanceBy(1_000);
      await write(redis);
      expect(await claim('k')).toMatchObject({ state: 'claimed' });
    });
    // The last `+` may still be that of the demoted server.
    await eventually(async () => {
      await clock.advanceBy(1_000);
      await publish(nextAdmin, 'a', 'from the new master');
      expect(subscriber.heard.at(-1)).toBe('from the new master');
    });
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect(redis.state).toBe('ready');
    });
  });
});
