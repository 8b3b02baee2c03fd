import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { RedisUnavailableError, redisScript, runScript, startRedis } from '../../src/runtime/redis.ts';
import {
  createRedisStreamReader,
  type StreamFollower,
  type StreamRecord,
} from '../../src/runtime/redis-stream-reader.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';

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

  it('is made as soon as there is a server, and made again when it was lost', async () => {
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

  it('says once that Redis is away, and once that it is there', async () => {
    await server.kill();
    await using connection = connect();
    const attempts = async (count: number) => {
      const before = connection.logs.length;
      let errors = 0;
      connection.redis.blocking.client.on('error', () => (errors += 1));
      await eventually(() => expect(errors).toBeGreaterThan(count));
      return connection.logs.length - before;
    };
    await attempts(1);
    expect(await attempts(3)).toBe(0);
    await server.start();
    const away = '{"msg":"Redis is away"}';
    const there = '{"msg":"Redis is there"}';
    await eventually(() => expect(connection.messages().toSorted()).toEqual([away, away, there, there]));
  });

  it('gives up on a server that does not answer', async () => {
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

  it('writes no password into the log, also when it is not accepted', async () => {
    await using connection = connect({ url: server.url.replace('//', '//user:planted-secret@') });
    await eventually(() => expect(connection.messages()).toContain('{"msg":"Redis is away"}'));
    expect(connection.logs.join()).not.toContain('planted-secret');
  });

  it('tells a command that is wrong from a Redis that is away', async () => {
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

  /** Takes everything from the beginning of a stream. */
  function collector() {
    const taken: StreamRecord[] = [];
    const connections: string[] = [];
    const follower: StreamFollower = {
      position: () => taken.at(-1)?.id ?? '0-0',
      take: (records) => void taken.push(...records),
      connected: () => void connections.push('made'),
      disconnected: () => void connections.push('lost'),
    };
    return { taken, connections, follower };
  }

  it('reads many streams with one waiting call, and notices a new one at once', async () => {
    await using connection = connect();
    const { redis } = connection;
    await using reader = createRedisStreamReader(connection);
    const [one, two, three] = [collector(), collector(), collector()];
    using _one = reader.follow('one', one.follower);
    await eventually(() => redis.send((client) => client.xAdd('one', '5-1', { a: 'b' })));
    await eventually(() => expect(one.taken).toEqual([{ id: '5-1', fields: { a: 'b' } }]));
    await redis.send((client) => client.xAdd('two', '10-0', { c: 'd' }));
    // Now the call waits, and does not know of the second stream.
    await eventually(async () =>
      expect(await redis.send((client) => client.info('clients'))).toContain('blocked_clients:1'),
    );
    using _two = reader.follow('two', two.follower);
    using _three = reader.follow('two', three.follower);
    await eventually(() => expect([two.taken, three.taken].map((records) => records.length)).toEqual([1, 1]));
    expect(await redis.send((client) => client.info('commandstats'))).toMatch(/cmdstat_client\|unblock:calls=\d+/);
    await redis.send((client) => client.xAdd('two', '10-11', { e: 'f' }));
    await eventually(() => expect(three.taken.map(({ id }) => id)).toEqual(['10-0', '10-11']));
    // One that is behind gets what it lacks, and the others nothing twice.
    const late = collector();
    using _late = reader.follow('two', late.follower);
    await eventually(() => expect(late.taken).toEqual(three.taken));
    expect(two.taken).toEqual(three.taken);
    expect(three.taken).toHaveLength(2);
  });

  it('goes on reading after the connection was lost, where each follower was', async () => {
    await using connection = connect();
    const { redis } = connection;
    await using reader = createRedisStreamReader(connection);
    const { taken, connections, follower } = collector();
    using _ = reader.follow('s', follower);
    await eventually(() => redis.send((client) => client.xAdd('s', '1-0', { n: '1' })));
    await eventually(() => expect(taken).toHaveLength(1));
    server.cut();
    await eventually(() => redis.send((client) => client.xAdd('s', '2-0', { n: '2' })));
    await eventually(() => expect(taken.map(({ id }) => id)).toEqual(['1-0', '2-0']));
    expect(connections).toEqual(['made', 'lost', 'made']);
  });
});
