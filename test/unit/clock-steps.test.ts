import { buildSchema, GraphQLError, parse } from 'graphql';
import { errors } from 'jose';
import { describe, expect, it } from 'vitest';
import { createKeySet } from '../../src/auth/jwks.ts';
import type { GatewayContext } from '../../src/context/context.ts';
import { createIdempotencyRecords } from '../../src/context/idempotency/idempotency.ts';
import { createMemoryIdempotencyStore } from '../../src/context/idempotency/memory-store.ts';
import { createRedisIdempotencyStore } from '../../src/context/idempotency/redis-store.ts';
import { createRateLimiter } from '../../src/context/rate-limiter.ts';
import { RequestRate } from '../../src/emulator/http/request-rate.ts';
import { GatewayError } from '../../src/errors.ts';
import { AuthorizationLeases, type LeaseHolder } from '../../src/polling/authorization.ts';
import { LimitedLines } from '../../src/runtime/limited-lines.ts';
import { createConnectionRegistry } from '../../src/server/connections/connection-registry.ts';
import { ExecutionGroup } from '../../src/server/sharing/execution-group.ts';
import { createAttempts } from '../../src/upstream/creates/attempts.ts';
import { TokenKeeper } from '../../src/upstream/credentials/token-keeper.ts';
import { withCircuit } from '../../src/upstream/http/layers/circuit-breaker.ts';
import { withDeadline } from '../../src/upstream/http/layers/deadline.ts';
import { withRetry } from '../../src/upstream/http/layers/retry.ts';
import { createTenantBudgets } from '../../src/upstream/http/layers/tenant-budget.ts';
import { defaultPingInterval, defaultPolling } from '../support/default-config.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startStub } from '../support/platform.ts';
import { quietSendBuffers } from '../support/send-buffers.ts';
import { tenantOf } from '../support/tenants.ts';
import { startTokenIssuer } from '../support/token-issuer.ts';
import { uncountedCredentials, uncountedWrites } from '../support/uncounted-metrics.ts';
import { failedWith, limited, readRequest } from './upstream/layers.ts';
import { caller, connectTo, MetricsRecorder, sendJson } from './upstream/platform-stub.ts';

const minuteMs = 60_000;
const noSignal = new AbortController().signal;
const tenant = tenantOf('prod');
/** A subscriber that names no entities. */
const subscriber = (prove: LeaseHolder['prove'], onLost: LeaseHolder['onLost'] = () => {}): LeaseHolder => ({
  credential: 'c',
  ids: null,
  resumes: false,
  prove,
  proveOne: async () => true,
  onLost,
});
const silentLogger = { info: () => {}, warn: () => {} };

/**
 * @returns the time that the platform or the gateway wants the caller to wait, in milliseconds; null: there is no
 *   error
 */
const refusalMs = async (attempt: () => unknown): Promise<number | null> => {
  try {
    await attempt();
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return error.retryAfterMs;
    throw error;
  }
};

/**
 * Uses a mechanism that measures time, and calls `step` while it is pending.
 * @returns the observable effects
 */
type Scenario = (clock: FakeClock, step: () => void) => Promise<readonly unknown[]>;

const scenarios: readonly (readonly [name: string, did: readonly unknown[], scenario: Scenario])[] = [
  [
    'a rate limit',
    [null, 1_000, 1, null],
    async (clock, step) => {
      const limiter = createRateLimiter({ clock, perSecond: 1, burst: 1, isAccepted: () => true });
      const take = () => refusalMs(() => limiter.take({ ...caller(), principal: 'p' }));
      const first = await take();
      step();
      const second = await take();
      await clock.advanceBy(999);
      const third = await take();
      await clock.advanceBy(1);
      return [first, second, third, await take()];
    },
  ],
  [
    'a key set between two readings',
    [1, 1, 2],
    async (clock, step) => {
      await using issuer = await startTokenIssuer();
      const keys = createKeySet({ url: issuer.jwksUrl, clock, metrics: uncountedCredentials, logger: silentLogger });
      await keys.refresh();
      const did = [issuer.reads];
      step();
      await clock.advanceBy(29_999);
      await keys.refresh();
      did.push(issuer.reads);
      await clock.advanceBy(1);
      await keys.refresh();
      return [...did, issuer.reads];
    },
  ],
  [
    'the age of a key set',
    [1, 1, 2],
    async (clock, step) => {
      await using issuer = await startTokenIssuer();
      const keys = createKeySet({ url: issuer.jwksUrl, clock, metrics: uncountedCredentials, logger: silentLogger });
      const find = async () => {
        const jws = { payload: '', signature: '' };
        try {
          await keys.find({ alg: 'ES256', kid: 'unknown' }, jws);
        } catch (error) {
          if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        }
        return issuer.reads;
      };
      // A second reading would look for the unknown key. Time does not pass, so there is none.
      const did = [await find()];
      step();
      did.push(await find());
      await clock.advanceBy(10 * minuteMs);
      return [...did, await find()];
    },
  ],
  [
    'the limit of log lines',
    [1, 1, 2],
    async (clock, step) => {
      let count = 0;
      const lines = new LimitedLines({ clock, perMinute: 1 });
      const write = () => {
        if (lines.take('key') !== null) count += 1;
      };
      return await linesPerMinute(clock, step, write, () => count);
    },
  ],
  [
    'an idempotency key in memory',
    ['claimed', 'done', 'done', 'claimed'],
    async (clock, step) => {
      const store = createMemoryIdempotencyStore({ clock });
      const claim = () => store.claim({ tenant, operation: 'createDataset', key: 'k' }, 'input');
      const first = await claim();
      if (first.state === 'claimed') await first.claim.end({ state: 'done', id: '1' });
      step();
      const second = await claim();
      await clock.advanceBy(24 * 60 * minuteMs - 1);
      const third = await claim();
      await clock.advanceBy(1);
      return [first.state, second.state, third.state, (await claim()).state];
    },
  ],
  [
    'a request that waits for another one with the same idempotency key',
    ['waits', 'UPSTREAM_TIMEOUT'],
    async (clock, step) => {
      const records = createIdempotencyRecords({
        store: createMemoryIdempotencyStore({ clock }),
        clock,
        metrics: uncountedWrites,
      });
      const request = { tenant, operation: 'createDataset', key: 'k', input: {}, signal: noSignal } as const;
      void records.run(request, () => new Promise(() => {}));
      let end = 'waits';
      void records
        .run(request, async () => '1')
        .catch((error: GatewayError) => {
          end = error.code;
        });
      await new Promise(setImmediate);
      step();
      await clock.advanceBy(minuteMs - 1);
      const before = end;
      await clock.advanceBy(1);
      return [before, end];
    },
  ],
  [
    'the end of a create that Redis does not take',
    [600],
    async (clock, step) => {
      let ends = 0;
      const store = createRedisIdempotencyStore({
        redis: {
          // Redis accepts the claim, and rejects the end of the create.
          send: async <T>() => {
            ends += 1;
            if (ends > 1) throw new Error('Redis is not there.');
            return ['claimed'] as T;
          },
        },
        clock,
        logger: silentLogger,
        lifetime: noSignal,
      });
      const found = await store.claim({ tenant, operation: 'createDataset', key: 'k' }, 'input');
      if (found.state !== 'claimed') throw new Error('The key is not free.');
      await found.claim.end({ state: 'done', id: '1' });
      step();
      await clock.advanceBy(20 * minuteMs);
      // The claim and the first end are not counted.
      return [ends - 2];
    },
  ],
  [
    'a client that does not read',
    [0, 1],
    async (clock, step) => {
      let cut = 0;
      using buffers = quietSendBuffers(clock);
      buffers
        .add({
          waitingBytes: 1,
          progress: 0,
          cut: () => {
            cut += 1;
          },
        })
        .written();
      step();
      await clock.advanceBy(29_999);
      const before = cut;
      await clock.advanceBy(1);
      return [before, cut];
    },
  ],
  [
    'the drain of connections',
    [0, 100, 300],
    async (clock, step) => {
      using connections = createConnectionRegistry({ ...defaultPingInterval, clock, random: () => 0.5 });
      const startMs = clock.monotonicMs();
      const away = new Set<number>();
      const goAway = () => void away.add(clock.monotonicMs() - startMs);
      for (let count = 0; count < 120; count += 1) connections.add({ transport: 'sse', ping: () => {}, goAway });
      const drained = connections.drain(8_000);
      step();
      await clock.runUntil(drained);
      return [...away];
    },
  ],
  [
    'a result that subscriptions share',
    [1, 1, 2],
    async (clock, step) => {
      // The cast is safe, because an execution of this schema uses no context.
      const contexts = {} as GatewayContext;
      const schema = buildSchema('type Query { n: Int } type Subscription { n: Int! }');
      const maskError = () => new GraphQLError('An execution failed.');
      const operation = { schema, document: parse('subscription { n }') };
      const group = new ExecutionGroup({ operation, contexts, clock, maskError, onEmpty: () => {} });
      for (let member = 0; member < 4; member += 1) group.join(null);
      let executions = 0;
      const event = {
        n: () => {
          executions += 1;
          return 1;
        },
      };
      const resultOf = () => {
        group.resultOf(event);
        return executions;
      };
      const first = resultOf();
      step();
      await clock.advanceBy(4_999);
      const second = resultOf();
      await clock.advanceBy(1);
      return [first, second, resultOf()];
    },
  ],
  [
    'the budget of a tenant',
    [0, 1_000],
    async (clock, step) => {
      const options = { clock, metrics: new MetricsRecorder(), maxWaiting: 10, ratePerSecond: 1, burst: 1 };
      const budget = createTenantBudgets(options).of('tenant');
      const startMs = clock.monotonicMs();
      const enter = async () => {
        await clock.runUntil(budget.enter(readRequest()));
        return clock.monotonicMs() - startMs;
      };
      const first = await enter();
      step();
      return [first, await enter()];
    },
  ],
  [
    'a circuit',
    [1_000, 1, 'answer'],
    async (clock, step) => {
      let fails = true;
      const send = withCircuit({ clock, metrics: new MetricsRecorder() })(async () => {
        if (fails) throw failedWith(503);
        return 'answer';
      });
      for (let count = 0; count < 10; count += 1) await send(readRequest()).then(undefined, () => {});
      fails = false;
      step();
      const first = await refusalMs(() => send(readRequest()));
      await clock.advanceBy(999);
      const second = await refusalMs(() => send(readRequest()));
      await clock.advanceBy(1);
      return [first, second, await send(readRequest())];
    },
  ],
  [
    'the deadline of a call that is repeated',
    ['answer', 5_125],
    async (clock, step) => {
      let calls = 0;
      const retry = withRetry({ clock, metrics: new MetricsRecorder(), random: () => 0.5, maxAttempts: 2 });
      const send = withDeadline(
        clock,
        5_500,
      )(
        retry(async () => {
          calls += 1;
          if (calls > 1) return 'answer';
          step();
          throw limited(5_000);
        }),
      );
      const startMs = clock.monotonicMs();
      return [await clock.runUntil(send(readRequest())), clock.monotonicMs() - startMs];
    },
  ],
  [
    'the duration of a call',
    [0],
    async (clock, step) => {
      await using stub = await startStub((_request, response) => {
        step();
        sendJson(response, 404, {});
      });
      await using client = connectTo(stub.url, { clock });
      await client.api.exportJobs.list({ limit: 1 }).catch(() => {});
      return client.metrics.calls.map(({ seconds }) => seconds);
    },
  ],
  [
    'the token of the gateway',
    ['token-1', 'token-1', 'token-2'],
    async (clock, step) => {
      let issued = 0;
      const keeper = new TokenKeeper({
        clock,
        request: async () => {
          issued += 1;
          const expiresAtMs = clock.monotonicMs() + 60 * minuteMs;
          return { authorization: `token-${issued}`, renewAtMs: expiresAtMs, expiresAtMs };
        },
        failed: () => {},
      });
      const token = async () => (await keeper.current(noSignal)).authorization;
      const first = await token();
      step();
      await clock.advanceBy(60 * minuteMs - 1);
      const second = await token();
      await clock.advanceBy(1);
      return [first, second, await token()];
    },
  ],
  [
    'the pause after a rejected token',
    ['token-2', null, 'token-3'],
    async (clock, step) => {
      let issued = 0;
      const request = async () => {
        issued += 1;
        return { authorization: `token-${issued}`, renewAtMs: Infinity, expiresAtMs: Infinity };
      };
      const keeper = new TokenKeeper({ clock, request, failed: () => {} });
      const replace = async (token: string) => (await keeper.replace(token, noSignal))?.authorization ?? null;
      await keeper.current(noSignal);
      const first = await replace('token-1');
      step();
      await clock.advanceBy(999);
      const second = await replace('token-2');
      await clock.advanceBy(1);
      return [first, second, await replace('token-2')];
    },
  ],
  [
    'the ledger of creates',
    [1, 1, 0],
    async (clock, step) => {
      const ledger = createAttempts(clock);
      ledger.begin({ tenant, group: 'g', body: 'a' }).lost();
      const lost = () => {
        // A rejected create leaves nothing, but removes outdated entries.
        ledger.begin({ tenant, group: 'g', body: 'b' }).refused();
        return ledger.size.creates;
      };
      const first = lost();
      step();
      await clock.advanceBy(299_999);
      const second = lost();
      await clock.advanceBy(10_001);
      return [first, second, lost()];
    },
  ],
  [
    'an authorization lease',
    [1, 1, 2],
    async (clock, step) => {
      let proofs = 0;
      const leases = new AuthorizationLeases({ clock, leaseMs: defaultPolling.authorizationLeaseMs, random: () => 0 });
      const prove = async () => {
        proofs += 1;
      };
      using _ = await leases.hold(subscriber(prove), noSignal);
      const first = proofs;
      step();
      await clock.advanceBy(5 * minuteMs - 1);
      const second = proofs;
      await clock.advanceBy(1);
      return [first, second, proofs];
    },
  ],
  [
    'an authorization lease without a verdict',
    [0, 1],
    async (clock, step) => {
      let proofs = 0;
      let lost = 0;
      const leases = new AuthorizationLeases({ clock, leaseMs: defaultPolling.authorizationLeaseMs, random: () => 0 });
      const prove = async () => {
        proofs += 1;
        if (proofs > 1) throw failedWith(503);
      };
      using _ = await leases.hold(
        subscriber(prove, () => void lost++),
        noSignal,
      );
      step();
      await clock.advanceBy(10 * minuteMs - 1);
      const before = lost;
      await clock.advanceBy(1);
      return [before, lost];
    },
  ],
  [
    'a newcomer’s proof that others share',
    [1, 2],
    async (clock, step) => {
      let proofs = 0;
      const leases = new AuthorizationLeases({ clock, leaseMs: defaultPolling.authorizationLeaseMs, random: () => 0 });
      const prove = async () => {
        proofs += 1;
      };
      const come = async () => (await leases.hold(subscriber(prove), noSignal))[Symbol.dispose]();
      await come();
      step();
      await clock.advanceBy(4_999);
      await come();
      const before = proofs;
      await clock.advanceBy(1);
      await come();
      return [before, proofs];
    },
  ],
  [
    'the request rate of the emulator',
    [true, false, false, true],
    async (clock, step) => {
      const rate = new RequestRate(clock, () => 1);
      const did = [rate.admits(), rate.admits()];
      step();
      await clock.advanceBy(999);
      did.push(rate.admits());
      await clock.advanceBy(1);
      return [...did, rate.admits()];
    },
  ],
];

/** Counts log lines after a first event, shortly before a minute has passed, and after it has passed. */
async function linesPerMinute(clock: FakeClock, step: () => void, add: () => void, lines: () => number) {
  add();
  const did = [lines()];
  step();
  await clock.advanceBy(minuteMs - 1);
  add();
  did.push(lines());
  await clock.advanceBy(1);
  add();
  return [...did, lines()];
}

describe.each(scenarios)('%s', (_name, did, scenario) => {
  it.each([0, -600_000, 600_000])('has the same effects when the wall clock is set by %d ms', async (byMs) => {
    const clock = new FakeClock();
    expect(await scenario(clock, () => clock.setWallClock(byMs))).toEqual(did);
  });
});
