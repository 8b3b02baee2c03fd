import { setTimeout as sleep } from 'node:timers/promises';
import { startExports } from '../bench/live/exports.ts';
import { eventually } from '../support/eventually.ts';
import { connectGateway, type Gateway } from '../support/gateway.ts';
import { type GatewayProcess, startProcess } from '../support/gateway-process.ts';
import { startPlatform } from '../support/platform.ts';
import type { RedisUnderTest } from '../support/redis-server.ts';
import { plansOf, runCycle } from './cycle.ts';
import type { Holdings } from './probe.ts';

export interface SoakOptions {
  /** Number of clients before the first measurement, so that one-time allocations exist. */
  readonly warmUp: number;
  /** Number of clients between the first and the last measurement. */
  readonly cycles: number;
  readonly seed: number;
  /** Additional Node arguments for the gateway. */
  readonly gateway: readonly string[];
  /** Redis for the logs of the gateway. @default logs in memory */
  readonly redis?: Pick<RedisUnderTest, 'url' | 'command'> | undefined;
}

export interface SoakReport {
  readonly before: Holdings;
  readonly after: Holdings;
  /** Time from the end of the last client until polling stopped, in milliseconds. */
  readonly pollingOverMs: number;
  readonly durationMs: number;
  /** Number of events written into the logs while clients connected and disconnected. */
  readonly events: number;
  /** Descriptions of leaks; empty when there are none. */
  readonly violations: readonly string[];
}

/**
 * Node arguments that keep the heap measurable. V8 compiles hot code for minutes, and compiled code grows the heap by
 * megabytes that no client has leaked. Bytecode exists after the first run.
 */
const inspectable = ['--expose-gc', '--no-opt', '--no-sparkplug'];
/** Number of concurrent clients. */
const concurrency = 64;
/** Maximum ratio of the heap after the last client to the heap before. */
const maxHeapGrowth = 1.05;
/** Maximum time for which polling may continue after the last subscriber has left, in milliseconds. */
const maxPollingOverMs = 5_000;
/**
 * Maximum time until closed resources are released, in milliseconds. Connections to the platform are kept for a while,
 * and an event stream that was reserved but never opened is kept until its second ping (24 seconds).
 */
const settleMs = 30_000;
/** Pause between two checks of resources that should be released, in milliseconds. */
const lookEveryMs = 50;
/**
 * Interval of creates, in milliseconds. A job changes about five times, so this number of events arrives roughly every
 * second.
 */
const exportEveryMs = 300;
const stage = [100, 200] as const;
const pollMs = '100';

/**
 * Metrics that must be zero as soon as the last subscriber has left, and metrics that must be zero when its feed has
 * ended a while later.
 */
const atOnce = ['aep_watch_subscribers', 'aep_subscriptions', 'aep_watch_callback_subscriptions'] as const;
const later = ['aep_watch_feeds'] as const;

/** Runs clients that are killed at any moment of their lives, and measures the gateway's resources afterwards. */
export async function runSoak({ warmUp, cycles, seed, gateway: args, redis }: SoakOptions): Promise<SoakReport> {
  const pace = { newMs: stage, queuedMs: stage, segmentingMs: stage, exportingMs: stage, writingMs: stage };
  await using platform = await startPlatform({ profiles: 40, pace });
  await using child = startProcess(
    {
      PORT: '0',
      NODE_ENV: 'production',
      AUTH_MODE: 'embedded',
      AEP_BASE_URL: platform.url,
      POLL_MIN_MS: pollMs,
      POLL_MAX_MS: pollMs,
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_SECOND: '0',
      MAX_SUBSCRIPTIONS_PER_CALLER: '100000',
      MAX_SUBSCRIPTIONS_PER_TENANT: '100000',
      MAX_SUBSCRIPTIONS: '100000',
      // Idle connections of clients are closed before the gateway is measured.
      KEEP_ALIVE_TIMEOUT_MS: '1000',
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    },
    [...inspectable, '--import', 'tsx', '--import', './test/soak/probe.ts', ...args],
  );
  const url = await child.ready();
  const gateway = connectGateway(url);
  const startedAt = performance.now();
  const failures: string[] = [];
  const plans = plansOf(seed, warmUp + cycles);

  const lives = async (part: typeof plans): Promise<void> => {
    await using _exports = await startExports(platform, exportEveryMs);
    const left = part.values();
    const worker = async () => {
      // All workers share one iterator.
      for (const plan of left) await runCycle(url, plan).catch((error: unknown) => failures.push(explain(error)));
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  };

  await lives(plans.slice(0, warmUp));
  await areZero(gateway, atOnce);
  // Permanent resources, such as the timer of the heartbeat in Redis, exist in both measurements.
  await areZero(gateway, later);
  const before = await lookOften(child);
  const eventsBefore = await gateway.metric('aep_watch_events_total');
  await lives(plans.slice(warmUp));
  const leftAt = performance.now();
  await areZero(gateway, atOnce);
  await areZero(gateway, later);
  const pollingOverMs = performance.now() - leftAt;
  const channels = (await redis?.command('PUBSUB CHANNELS')) ?? noChannels;
  const events = (await gateway.metric('aep_watch_events_total')) - eventsBefore;
  const after = await settled(child, before);
  const violations = [
    ...failures,
    ...growth(before, after),
    ...(pollingOverMs > maxPollingOverMs ? [`polled for ${pollingOverMs.toFixed(0)} ms after the last client`] : []),
    ...(channels === noChannels ? [] : [`channels of Redis: ${channels}`]),
    ...(events === 0 ? ['nothing happened while clients came and went'] : []),
  ];
  return { before, after, pollingOverMs, durationMs: performance.now() - startedAt, events, violations };
}

/** An empty list in the Redis protocol. */
const noChannels = '*0';

async function areZero(gateway: Pick<Gateway, 'metric'>, gauges: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      await sleep(lookEveryMs);
      for (const gauge of gauges) {
        const value = await gateway.metric(gauge);
        if (value !== 0) throw new Error(`${gauge} stays at ${value}.`);
      }
    },
    { patienceMs: settleMs },
  );
}

/** The assertion holds because the probe's module defines its response. */
const look = async (child: Pick<GatewayProcess, 'ask'>): Promise<Holdings> => (await child.ask('look')) as Holdings;

/** Number of looks in which each permanent timer is seen: one that has just fired does not exist until it is set again. */
const looks = 8;

/** Measures, with the most resources of each kind that exist at the same time. */
async function lookOften(child: Pick<GatewayProcess, 'ask'>): Promise<Holdings> {
  let found = await look(child);
  for (let count = 1; count < looks; count += 1) {
    await sleep(lookEveryMs);
    const next = await look(child);
    const resources = { ...found.resources };
    for (const [kind, existing] of Object.entries(next.resources)) {
      resources[kind] = Math.max(resources[kind] ?? 0, existing);
    }
    found = { ...next, resources };
  }
  return found;
}

/** Measures until nothing has grown, or time is up. */
async function settled(child: Pick<GatewayProcess, 'ask'>, before: Holdings): Promise<Holdings> {
  let after = await look(child);
  const endsAt = performance.now() + settleMs;
  while (growth(before, after).length > 0 && performance.now() < endsAt) {
    await sleep(lookEveryMs);
    after = await look(child);
  }
  return after;
}

/** Resources that an unused gateway holds in addition to those before. */
export function growth(before: Holdings, after: Holdings): readonly string[] {
  const kinds = new Set([...Object.keys(before.resources), ...Object.keys(after.resources)]);
  const grown = (what: string, was: number, is: number, limit = was): string[] =>
    is > limit ? [`${what}: ${is}, before it was ${was}`] : [];
  return [
    ...grown('heap', before.heapBytes, after.heapBytes, before.heapBytes * maxHeapGrowth),
    ...[...kinds].flatMap((kind) => grown(kind, before.resources[kind] ?? 0, after.resources[kind] ?? 0)),
    ...grown('listeners', before.listeners, after.listeners),
    ...grown('emitters', before.emitters, after.emitters, before.emitters + slack),
    ...grown('signals', before.signals, after.signals, before.signals + slack),
    ...grown('timers', before.timers, after.timers, before.timers + slack),
    ...grown('functions', before.functions, after.functions, before.functions + functionSlack),
    ...after.warnings,
  ];
}

/**
 * Number of objects that may or may not exist at the moment of a measurement, such as those of a connection to the
 * platform or of the measurement itself.
 */
const slack = 40;
/** Number of functions of such objects, and of code that runs for the first time. */
const functionSlack = 400;

const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
};
