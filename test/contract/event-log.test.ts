import { afterAll, beforeAll } from 'vitest';
import { createMemoryEventLog } from '../../src/events/memory-log.ts';
import { describeWithRedis } from '../support/redis.ts';
import { ownKeys, type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { eventLogContract, type Item, type LogBounds } from './event-log.contract.ts';

const key = ({ id }: Item) => id;

eventLogContract('createMemoryEventLog', async (bounds) => createMemoryEventLog<Item>({ key, ...bounds }));

describeWithRedis('with a Redis server', () => {
  let server: RedisUnderTest;
  let replica: RedisReplica;

  beforeAll(async () => {
    server = await startRedisServer();
    replica = startReplica(server.url);
  });
  afterAll(async () => {
    await replica[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const make = async (bounds: LogBounds) => replica.createLog<Item>({ key, keys: await ownKeys(replica), ...bounds });
  eventLogContract('createRedisEventLog', make);
});
