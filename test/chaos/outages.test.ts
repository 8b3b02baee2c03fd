import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startGateway } from '../support/gateway.ts';
import { describeViolation } from '../support/history/violation.ts';
import { type Emulator, profileDataset, startPlatform } from '../support/platform.ts';
import { readPlatform } from '../support/platform-reading.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';
import { allTransports } from '../support/transports.ts';
import { checkDeregistered, checkHistories, checkLog, checkReleased, costsOf } from './check-run.ts';
import { callTimeoutMs, type FaultScript } from './fault-scripts.ts';
import { Journal } from './journal.ts';
import { Replicas } from './replicas.ts';
import type { SubscriberPlan } from './scenario.ts';
import { Subscriber } from './subscriber.ts';
import { startTroubledRouter } from './troubled-router.ts';
import { truthOf } from './truth.ts';

/**
 * Maximum time in which a subscriber may receive neither the truth nor STALE, in milliseconds. It is far longer than on
 * an idle machine.
 */
const silenceMs = 30_000;
/** Maximum time for everything to recover, including circuits and pauses, in milliseconds. */
const recoveryMs = 60_000;
/** The platform is unavailable or fails, but never returns wrong data. */
const nothingHidden = { denied: new Set<string>(), absent: new Set<string>(), mayEndUnknown: false };
const jobPath = '/data/core/ups/export/jobs';
const jobBody = { destination: { datasetId: profileDataset }, schema: { name: '_xdm.context.profile' } };

interface Outage {
  readonly name: string;
  begin(stage: { readonly platform: Emulator; readonly redis: RedisUnderTest | null }): Promise<void> | void;
  end(stage: { readonly platform: Emulator; readonly redis: RedisUnderTest | null }): Promise<void> | void;
}

const whilePlatform = (name: string, fault: FaultScript['rules'][number]['fault']): Outage => ({
  name,
  begin: ({ platform }) => platform.faults.set({ rules: [{ match: { path: jobPath, readsOnly: true }, fault }] }),
  end: ({ platform }) => platform.faults.clear(),
});

/** Commands that make Redis fail, and that make it recover. */
const whileRedis = (name: string, begin: string, end: string): Outage => ({
  name,
  begin: async ({ redis }) => void (await redis?.command(begin)),
  end: async ({ redis }) => void (await redis?.command(end)),
});

const platformFails = whilePlatform('the platform fails', { kind: 'status', status: 503 });

const platformOutages: readonly Outage[] = [
  platformFails,
  whilePlatform('the platform answers with garbage', { kind: 'invalidJson' }),
  whilePlatform('the platform is silent', { kind: 'latency', ms: callTimeoutMs + 200 }),
];

const full = whileRedis('Redis is full', 'CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0');

const redisOutages: readonly Outage[] = [
  full,
  {
    name: 'Redis is full and the platform fails',
    begin: async (stage) => {
      await full.begin(stage);
      await platformFails.begin(stage);
    },
    end: async (stage) => {
      await platformFails.end(stage);
      await full.end(stage);
    },
  },
  whileRedis('Redis has too few replicas', 'CONFIG SET min-replicas-to-write 1', 'CONFIG SET min-replicas-to-write 0'),
  // Nothing listens on this port, so Redis is a replica without a master.
  whileRedis('Redis is demoted', 'REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE'),
  {
    name: 'Redis hangs',
    begin: ({ redis }) => redis?.pause(),
    end: ({ redis }) => redis?.resume(),
  },
  {
    name: 'Redis is killed and loses its data',
    begin: async ({ redis }) => await redis?.kill(),
    end: async ({ redis }) => await redis?.start(),
  },
];

/** Subscribers that follow all export jobs, each over another transport, spread over the replicas. */
const plans = allTransports.map(
  (transport, pick): SubscriberPlan => ({
    watched: 'exportJobs',
    scope: 'everything',
    withBatches: false,
    transport,
    pick,
    resumes: true,
    leavesAfter: [],
    cutAtOperation: null,
  }),
);

async function createJob(rest: RestClient): Promise<void> {
  const { status } = await rest.send('POST', jobPath, jobBody);
  expect(status).toBe(200);
}

/** Checks everything that subscribers receive before, during and after an outage. */
async function runOutage(outage: Outage, replicas: number): Promise<readonly string[]> {
  const pace = { newMs: [0, 50], queuedMs: [0, 50], segmentingMs: [20, 50], exportingMs: [20, 50] } as const;
  await using platform = await startPlatform({ profiles: 10, pace });
  await using redis = replicas === 1 ? null : await startRedisServer();
  await using troubled = await startTroubledRouter([]);
  const env = {
    UPSTREAM_TIMEOUT_MS: String(callTimeoutMs),
    SUBSCRIPTION_CALLBACK_URLS: troubled.router.url,
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
  };
  await using gateways = await Replicas.start(replicas, () => startGateway({ platform, env }));
  const journal = new Journal();
  const rest = await connectRest(platform);
  const before = await readPlatform(rest);
  const subscribers = plans.map(
    (plan, index) =>
      new Subscriber(plan, { gateways, callbackRouter: troubled.router, journal, name: `subscriber ${index}` }),
  );
  const following = subscribers.map((subscriber) => subscriber.run());
  const histories = () => subscribers.map(({ history }) => ({ ...history, watched: 'exportJobs' as const }));
  const eventsOf = (index: number) => histories()[index]?.sessions.flatMap(({ events }) => events) ?? [];

  const reach = async (what: string, patienceMs: number, isReached: (index: number) => boolean) => {
    await eventually(
      () => {
        const waiting = plans.filter((_, index) => !isReached(index)).map(({ transport }) => transport);
        if (waiting.length > 0) throw new Error(`${what}: not over ${waiting.join()}`);
      },
      { patienceMs },
    );
  };
  await createJob(rest);
  await reach('the first job ends', recoveryMs, (index) => eventsOf(index).at(-1)?.entity?.status === 'SUCCEEDED');
  for (const [name, cost] of await costsOf(gateways, redis)) expect(cost, name).toBeGreaterThan(0);

  await outage.begin({ platform, redis });
  // Changes made now can be neither read nor written.
  await createJob(rest);
  await reach('STALE', silenceMs, (index) => eventsOf(index).at(-1)?.kind === 'STALE');
  await outage.end({ platform, redis });

  await createJob(rest);
  const truth = await eventually(
    async () => {
      const reading = truthOf(before, await readPlatform(rest));
      // A job that runs has another state soon, which the subscribers would have and the reading would not.
      const made = new Set(reading.made.exportJobs.map(({ id }) => id));
      const running = reading.views.exportJobs.filter(({ id, endedAt }) => made.has(id) && endedAt === null);
      if (running.length > 0) throw new Error(`${running.map(({ id }) => id).join()} has not ended.`);
      const wrong = checkHistories(histories(), { truth: reading, ...nothingHidden });
      if (wrong.length > 0) throw new Error(wrong.map(describeViolation).join('\n'));
      return reading;
    },
    { patienceMs: recoveryMs },
  );
  // A subscriber that began again has a new snapshot. The other subscribers receive an event about the recovery.
  const isOver = (index: number) =>
    eventsOf(index).findLast(({ kind }) => ['RECOVERED', 'RESYNC', 'STALE'].includes(kind))?.kind !== 'STALE';
  await reach('RECOVERED', recoveryMs, isOver);
  await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  await Promise.all(following);
  const held = await checkReleased(gateways, redis);
  await gateways[Symbol.asyncDispose]();
  return [
    ...journal.violations,
    ...checkHistories(histories(), { truth, ...nothingHidden }),
    ...held,
    ...(await checkDeregistered(redis)),
    ...checkLog(gateways.logs),
  ].map(describeViolation);
}

describe('each subscriber receives the truth or STALE soon, and the truth in the end,', () => {
  it.each(platformOutages)('while $name', async (outage) => {
    expect(await runOutage(outage, 1)).toEqual([]);
  });

  describeWithRedis('with two gateways and one Redis', () => {
    it.each([platformFails, ...redisOutages])('while $name', async (outage) => {
      expect(await runOutage(outage, 2)).toEqual([]);
    });
  });
});
