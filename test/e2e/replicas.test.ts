import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { beforeEach, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { connectGateway, type Gateway, startGateway } from '../support/gateway.ts';
import { type GatewayProcess, startProcess } from '../support/gateway-process.ts';
import { everyStage } from '../support/pace.ts';
import { profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { readinessAt } from '../support/readiness.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import {
  CreateExportJobDocument,
  ListExportJobsDocument,
  WatchExportBatchesDocument,
  type WatchExportBatchesSubscription,
  WatchExportJobsDocument,
  type WatchExportJobsSubscription,
} from './operations.generated.ts';

type Client = Pick<Gateway, 'query' | 'subscribe'>;
type Received = WatchExportJobsSubscription['exportJobChanged'];

/** The platform call of a poll round. */
const round = 'GET /data/core/ups/export/jobs?limit=100';
/** Long enough that the lease depends on it and not on its minimum. */
const pollMs = 800;

/**
 * The platform behind a separate proxy for each replica, which records the replica of each call and can hold back a
 * response indefinitely.
 */
async function startDoors(count: number, promotingMs = 0) {
  const clock = new FakeClock();
  const pace = { ...everyStage([1_000, 1_000]), promotingMs: [promotingMs, promotingMs] as const };
  const platform = await startPlatform({ clock, pace });
  const proxies = await Promise.all(
    Array.from({ length: count }, async () => {
      const proxy = { holds: false, isLimited: false };
      const intercept = ({ method, url }: IncomingMessage, response: ServerResponse) => {
        const isRound = `${method} ${url}`.startsWith(round);
        if (isRound && proxy.isLimited) response.writeHead(429, { 'retry-after': '60' }).end();
        return isRound && (proxy.holds || proxy.isLimited);
      };
      return Object.assign(proxy, await startProxy(platform, intercept));
    }),
  );
  return {
    proxies,
    clock,
    [Symbol.asyncDispose]: async () => {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
      await platform.close();
    },
  };
}

const rounds = ({ requests }: { readonly requests: readonly string[] }) =>
  requests.filter((target) => target.startsWith(round)).length;

async function createJob(client: Client): Promise<string> {
  const { createExportJob } = await client.query(CreateExportJobDocument, {
    input: { destination: { target: { datasetId: profileDataset } } },
  });
  if (createExportJob.__typename !== 'CreateExportJobPayload') throw new Error('The job was not created.');
  return createExportJob.exportJob.id;
}

/** The events that one client has received for one job, with all details that distinguish events. */
class History {
  readonly received: Received[] = [];
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  async follow(events: EventStream<WatchExportJobsSubscription>, status: string): Promise<void> {
    const reached = ({ exportJobChanged: { job } }: WatchExportJobsSubscription) =>
      job?.id === this.#id && job.status === status;
    const taken = await events.until(reached);
    this.received.push(
      ...taken.map(({ exportJobChanged }) => exportJobChanged).filter(({ job }) => job?.id === this.#id),
    );
  }

  get cursor(): string {
    return this.received.at(-1)?.cursor ?? '';
  }

  /** Name of the life of the log. */
  get epoch(): string {
    return this.cursor.slice(0, this.cursor.indexOf('.'));
  }

  get steps(): readonly string[] {
    return this.received.map(({ kind, cursor, previousStatus, job }) =>
      [kind, cursor, previousStatus, job?.status].join(' '),
    );
  }
}

describeWithRedis('two replicas with one Redis', () => {
  let redis: RedisUnderTest;
  beforeEach(async () => {
    redis = await startRedisServer();
    return () => redis[Symbol.asyncDispose]();
  });

  it('lose and duplicate nothing when the polling replica is killed in the middle of a round', async () => {
    await using platform = await startDoors(2);
    const env = { AUTH_MODE: 'embedded', PORT: '0', REDIS_URL: redis.url, LOG_LEVEL: 'debug' };
    const polling = { POLL_MIN_MS: `${pollMs}`, POLL_MAX_MS: `${pollMs}` };
    const start = (index: number): GatewayProcess =>
      startProcess({ ...env, ...polling, AEP_BASE_URL: platform.proxies[index]?.url ?? '' });
    await using first = start(0);
    await using second = start(1);
    const [one, other] = await Promise.all([first.ready(), second.ready()]).then((urls) => urls.map(connectGateway));
    const [oneProxy, otherProxy] = platform.proxies;
    if (!one || !other || !oneProxy || !otherProxy) throw new Error('There are two of each.');

    await using doomed = one.subscribe(WatchExportJobsDocument, {});
    await doomed.take();
    await using lasting = other.subscribe(WatchExportJobsDocument, {});
    await lasting.take();
    // Created through the replica that does not poll, and all subscribers receive it at once.
    const id = await createJob(other);
    const killed = new History(id);
    const survivor = new History(id);
    await Promise.all([killed.follow(doomed, 'NEW'), survivor.follow(lasting, 'NEW')]);
    expect(survivor.steps).toEqual(killed.steps);
    expect([rounds(oneProxy) > 0, rounds(otherProxy)]).toEqual([true, 0]);

    oneProxy.holds = true;
    const before = rounds(oneProxy);
    await platform.clock.tick();
    await eventually(() => expect(rounds(oneProxy)).toBeGreaterThan(before));
    expect(rounds(otherProxy)).toBe(0);
    first.signal('SIGKILL');
    const killedAt = performance.now();
    await otherProxy.asked(round);
    expect(performance.now() - killedAt).toBeLessThan(2 * pollMs);
    await doomed.failure();

    await survivor.follow(lasting, 'PROCESSING');
    await using resumed = other.subscribe(WatchExportJobsDocument, { after: killed.cursor });
    await killed.follow(resumed, 'PROCESSING');
    await platform.clock.runUntil(
      Promise.all([killed.follow(resumed, 'SUCCEEDED'), survivor.follow(lasting, 'SUCCEEDED')]),
    );
    expect(killed.steps).toEqual(survivor.steps);
    expect(
      new Set(survivor.received.map(({ kind, previousStatus, job }) => [kind, previousStatus, job?.status])),
    ).toEqual(
      new Set([
        ['CREATED', null, 'NEW'],
        ['CHANGED', 'NEW', 'PROCESSING'],
        ['CHANGED', 'PROCESSING', 'SUCCEEDED'],
      ]),
    );
  });

  it('follow the batches of an export together, even when the polling replica stops', async () => {
    await using platform = await startDoors(2, 2_000);
    const [oneProxy, otherProxy] = platform.proxies;
    if (!oneProxy || !otherProxy) throw new Error('There are two of them.');
    const env = { REDIS_URL: redis.url, POLL_MIN_MS: '300', POLL_MAX_MS: '300' };
    await using one = await startGateway({ platform: oneProxy, env });
    await using other = await startGateway({ platform: otherProxy, env });
    const id = await createJob(other);
    await using polling = one.subscribe(WatchExportJobsDocument, {});
    await polling.take();
    // Only a subscriber of the replica that does not poll watches the batches.
    await using batches = other.subscribe(WatchExportBatchesDocument, { ids: [id] });
    const shown = ({ exportJobChanged: { changed } }: WatchExportBatchesSubscription) =>
      [changed?.status, changed?.target?.written[0]?.batch?.status].join(' ');
    const seen = [await batches.take()];
    for (let stage = 0; stage < 3; stage += 1) await platform.clock.tick();
    seen.push(...(await batches.until((event) => shown(event) === 'SUCCEEDED LOADED')));
    expect([rounds(oneProxy) > 0, rounds(otherProxy)]).toEqual([true, 0]);
    await one.close();
    await platform.clock.tick();
    seen.push(...(await batches.until((event) => shown(event) === 'SUCCEEDED STAGING')));
    await platform.clock.tick();
    seen.push(...(await batches.rest()));
    const steps = seen.map((event) => event && shown(event)).filter((step) => step?.startsWith('SUCCEEDED'));
    expect(steps).toEqual(['SUCCEEDED LOADED', 'SUCCEEDED STAGING', 'SUCCEEDED SUCCESS']);
  });

  it('keep the pause that the platform requested when one of them stops', async () => {
    await using platform = await startDoors(2);
    const [oneProxy, otherProxy] = platform.proxies;
    if (!oneProxy || !otherProxy) throw new Error('There are two of them.');
    oneProxy.isLimited = true;
    const env = { REDIS_URL: redis.url, POLL_MIN_MS: '300', POLL_MAX_MS: '300' };
    await using one = await startGateway({ platform: oneProxy, env });
    await using other = await startGateway({ platform: otherProxy, env });
    expect(await one.subscribe(WatchExportJobsDocument, {}).failure()).toMatchObject([
      { extensions: { code: 'RATE_LIMITED' } },
    ]);
    await one.close();
    const [refused] = await other.subscribe(WatchExportJobsDocument, {}).failure();
    expect(refused?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    expect(Number(refused?.extensions?.['retryAfterMs'])).toBeGreaterThan(30_000);
    expect(rounds(otherProxy)).toBe(0);
  });

  it('pass polling on at once when one of them stops normally', async () => {
    await using platform = await startDoors(2);
    const [oneProxy, otherProxy] = platform.proxies;
    if (!oneProxy || !otherProxy) throw new Error('There are two of them.');
    // The tests do not wait for the end of this lease.
    const env = { REDIS_URL: redis.url, POLL_MIN_MS: '60000', POLL_MAX_MS: '60000' };
    await using one = await startGateway({ platform: oneProxy, env });
    await using other = await startGateway({ platform: otherProxy, env });
    await using first = one.subscribe(WatchExportJobsDocument, {});
    const id = await createJob(one);
    const leaver = new History(id);
    await leaver.follow(first, 'NEW');
    await using second = other.subscribe(WatchExportJobsDocument, {});
    const stayer = new History(id);
    await stayer.follow(second, 'NEW');
    expect([rounds(oneProxy) > 0, rounds(otherProxy)]).toEqual([true, 0]);
    await platform.clock.tick();
    await one.close();
    await stayer.follow(second, 'PROCESSING');
    expect(stayer.received.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'CHANGED']);
    expect(await other.metric('aep_watch_lease_changes_total')).toBe(1);
  });

  it('emit STALE while Redis is unavailable, then RECOVERED, and respond to queries in the meantime', async () => {
    await using platform = await startDoors(2);
    const gateways = await Promise.all(
      platform.proxies.map((proxy) => startGateway({ platform: proxy, env: { REDIS_URL: redis.url } })),
    );
    const streams: EventStream<WatchExportJobsSubscription>[] = [];
    try {
      const [creator] = gateways;
      if (!creator) throw new Error('There are two of them.');
      const id = await createJob(creator);
      const histories = gateways.map(() => new History(id));
      for (const [index, gateway] of gateways.entries()) {
        const events = gateway.subscribe(WatchExportJobsDocument, {});
        streams.push(events);
        await histories[index]?.follow(events, 'NEW');
      }
      await redis.kill();
      const isKind = (kind: string) => (event: WatchExportJobsSubscription) => event.exportJobChanged.kind === kind;
      for (const events of streams) await events.until(isKind('STALE'));
      for (const gateway of gateways) {
        const { exportJobs } = await gateway.query(ListExportJobsDocument, { first: 1 });
        expect(exportJobs.edges[0]?.node.id).toBe(id);
      }
      await platform.clock.tick();
      await redis.start();
      for (const [index, events] of streams.entries()) await histories[index]?.follow(events, 'PROCESSING');
      const [one, other] = histories;
      expect(one?.received.map(({ job }) => job?.status).filter((status) => status !== 'NEW')).toEqual(['PROCESSING']);
      // One may receive the new state, and the other the change. Both read the same log again.
      expect(other?.epoch).toBe(one?.epoch);
      const polling = await Promise.all(gateways.map((gateway) => gateway.metric('aep_watch_feeds')));
      expect(polling).toEqual([1, 1]);
    } finally {
      for (const events of streams) await events[Symbol.asyncDispose]();
      for (const gateway of gateways) await gateway.close();
    }
  });

  it('need only the documented Redis permissions', async () => {
    const rights = '~aep:* &aep:* -@all +@read +@write +@scripting +@pubsub +@connection +time';
    expect(await readFile('docs/operations.md', 'utf8')).toContain(`\`${rights}\``);
    expect(await redis.command(`ACL SETUSER gateway on >a-password ${rights}`)).toBe('+OK');
    await using platform = await startDoors(1);
    const [proxy] = platform.proxies;
    if (!proxy) throw new Error('There is one of them.');
    const env = { REDIS_URL: redis.url.replace('//', '//gateway:a-password@') };
    await using gateway = await startGateway({ platform: proxy, env });
    const input = { destination: { target: { datasetId: profileDataset } }, idempotencyKey: 'k' };
    await eventually(async () => {
      const { createExportJob } = await gateway.query(CreateExportJobDocument, { input });
      expect(createExportJob.__typename).toBe('CreateExportJobPayload');
    });
    await using events = gateway.subscribe(WatchExportJobsDocument, {});
    await events.until(({ exportJobChanged: { job } }) => job?.status === 'NEW');
    await platform.clock.tick();
    await events.until(({ exportJobChanged: { job } }) => job?.status === 'PROCESSING');
    expect(gateway.logs.join()).not.toContain('NOPERM');
    expect(await readinessAt(gateway.url)).toBe('200 ready');
  });
});

// These tests wait most of the time, each for a server of its own.
describeWithRedis('replicas with a Redis each', () => {
  it.concurrent('follow a feed while it has subscribers, and not longer than its linger', async () => {
    await using redis = await startRedisServer();
    await using platform = await startDoors(1);
    const [proxy] = platform.proxies;
    if (!proxy) throw new Error('There is one of them.');
    await using gateway = await startGateway({ platform: proxy, env: { REDIS_URL: redis.url } });
    await createJob(gateway);
    const followed = () => redis.command('PUBSUB CHANNELS *:records');
    expect(await followed()).toBe('*0');
    const events = gateway.subscribe(WatchExportJobsDocument, {});
    await events.until(({ exportJobChanged: { kind } }) => kind === 'SNAPSHOT');
    expect(await followed()).toBe('*1');
    await events[Symbol.asyncDispose]();
    await eventually(async () => expect(await followed()).toBe('*0'), { patienceMs: 10_000 });
  });

  it.concurrent.each([
    { name: 'is full', begin: 'CONFIG SET maxmemory 1', end: 'CONFIG SET maxmemory 0' },
    {
      name: 'has too few replicas',
      begin: 'CONFIG SET min-replicas-to-write 1',
      end: 'CONFIG SET min-replicas-to-write 0',
    },
    { name: 'permits no scripts', begin: 'ACL SETUSER default -@scripting', end: 'ACL SETUSER default +@all' },
    { name: 'is a replica without a master', begin: 'REPLICAOF 127.0.0.1 1', end: 'REPLICAOF NO ONE' },
  ])('emit STALE while Redis $name, and RECOVERED when it accepts writes again', async ({ begin, end }) => {
    await using redis = await startRedisServer();
    await using platform = await startDoors(1);
    const [proxy] = platform.proxies;
    if (!proxy) throw new Error('There is one of them.');
    await using gateway = await startGateway({ platform: proxy, env: { REDIS_URL: redis.url } });
    const id = await createJob(gateway);
    await using events = gateway.subscribe(WatchExportJobsDocument, {});
    /** Resolves when both have arrived, in any order. */
    const until = (kind: Received['kind'], status: string) => {
      let [isReceived, hasStatus] = [false, false];
      return events.until(({ exportJobChanged: { kind: received, job } }) => {
        isReceived ||= received === kind;
        hasStatus ||= job?.id === id && job.status === status;
        return isReceived && hasStatus;
      });
    };
    await until('SNAPSHOT', 'NEW');
    expect(await redis.command(begin)).toBe('+OK');
    await events.until(({ exportJobChanged: { kind } }) => kind === 'STALE');
    await eventually(async () => expect(await readinessAt(gateway.url)).toBe('200 degraded'));
    await platform.clock.tick();
    expect(await redis.command(end)).toBe('+OK');
    await until('RECOVERED', 'PROCESSING');
    await eventually(async () => expect(await readinessAt(gateway.url)).toBe('200 ready'));
    const lines = gateway.logs.filter((line) => line.includes('Redis rejects commands'));
    expect(lines).toHaveLength(1);
  });
});
