import { createLogger } from '../../src/runtime/logger.ts';
import { startGateway } from '../support/gateway.ts';
import type { Violation } from '../support/history/violation.ts';
import { startPlatform } from '../support/platform.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import type { AnyTransport } from '../support/transports.ts';
import { checkDeregistered, checkReleased, checkRun } from './check-run.ts';
import { callTimeoutMs } from './fault-scripts.ts';
import { createdKinds, Journal } from './journal.ts';
import { activeResources, checkLeftovers } from './leftovers.ts';
import { Replicas } from './replicas.ts';
import { type Outcome, runScenario } from './run-scenario.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { startTroubledRouter } from './troubled-router.ts';

export interface SeedOptions {
  /** Number of gateways, which share a Redis if there are several. @default 1 */
  readonly replicas?: number;
  /** Transport of all subscribers. @default a transport per subscriber, derived from the seed */
  readonly transport?: AnyTransport;
}

/** Report of one run with its violations. */
export interface SeedReport {
  readonly seed: number;
  readonly operations: number;
  readonly faultsHit: number;
  readonly routerTroubles: number;
  readonly creates: number;
  readonly unknownOutcomes: number;
  readonly reconnects: number;
  readonly events: number;
  readonly durationMs: number;
  readonly violations: readonly Violation[];
}

/** Jobs stay in each status just long enough to be observed. */
const pace = {
  newMs: [0, 80],
  queuedMs: [0, 60],
  segmentingMs: [20, 100],
  exportingMs: [20, 150],
  writingMs: [0, 80],
  promotingMs: [0, 80],
  cancellingMs: [10, 100],
} as const;
/** Few profiles, because the exported data does not matter here. */
const profiles = 40;
const concurrentExports = 6;

/** Runs the scenario of a seed on a new platform and gateway, and checks everything that the clients received. */
export async function runSeed(seed: number, { replicas = 1, transport }: SeedOptions = {}): Promise<SeedReport> {
  const scenario = over(transport, scenarioOf(seed));
  const startedAt = performance.now();
  const before = activeResources();
  const clocks = { platform: new TrackedClock(), gateway: new TrackedClock() };
  const journal = new Journal();
  const { outcome, violations } = await runOnStage(scenario, journal, { clocks, replicas });
  const sessions = outcome.histories.flatMap((history) => history.sessions);
  const creates = createdKinds.flatMap((kind) => journal.creates(kind));
  return {
    seed,
    operations: journal.operations,
    faultsHit: outcome.faultsHit,
    routerTroubles: outcome.routerTroubles,
    creates: creates.length,
    unknownOutcomes: creates.filter((attempt) => attempt.outcome.kind === 'unknown').length,
    reconnects: sessions.filter(({ after }) => after !== null).length,
    events: sessions.reduce((sum, { events }) => sum + events.length, 0),
    durationMs: performance.now() - startedAt,
    violations: [...violations, ...(await checkLeftovers(before, clocks))],
  };
}

const over = (transport: AnyTransport | undefined, scenario: Scenario): Scenario =>
  transport === undefined
    ? scenario
    : { ...scenario, subscribers: scenario.subscribers.map((plan) => ({ ...plan, transport })) };

async function runOnStage(
  scenario: Scenario,
  journal: Journal,
  {
    clocks,
    replicas,
  }: { readonly clocks: Readonly<Record<'platform' | 'gateway', TrackedClock>>; readonly replicas: number },
): Promise<{ readonly outcome: Outcome; readonly violations: readonly Violation[] }> {
  await using platform = await startPlatform({
    profiles,
    pace,
    concurrentExports,
    clock: clocks.platform,
    // Several clients create schedules.
    quirks: { oneSchedulePer: 'nothing' },
    logger: createLogger({ level: 'error' }),
  });
  await using redis = replicas === 1 ? null : await startRedisServer();
  await using troubled = await startTroubledRouter(scenario.routerTroubles);
  const env = {
    UPSTREAM_TIMEOUT_MS: String(callTimeoutMs),
    SUBSCRIPTION_CALLBACK_URLS: troubled.router.url,
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
  };
  await using gateways = await Replicas.start(replicas, () => startGateway({ platform, clock: clocks.gateway, env }));
  const outcome = await runScenario(scenario, { platform, gateways, redis, troubled, journal });
  const held = await checkReleased(gateways, redis);
  await gateways[Symbol.asyncDispose]();
  const registered = await checkDeregistered(redis);
  const { logs, audit } = gateways;
  const { requests } = platform;
  return {
    outcome,
    violations: [...held, ...registered, ...checkRun(scenario, { journal, outcome, logs, audit, requests })],
  };
}
