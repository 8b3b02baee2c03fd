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
  /** Clients that come and go before the first look, so that what is made once is there. */
  readonly warmUp: number;
  /** Clients that come and go between the first look and the last. */
  readonly cycles: number;
  readonly seed: number;
  /** Node's arguments for the gateway, besides those that this adds. */
  readonly gateway: readonly string[];
  /** Where the gateway keeps its logs. @default in its memory */
  readonly redis?: Pick<RedisUnderTest, 'url' | 'command'> | undefined;
}

export interface SoakReport {
  readonly before: Holdings;
  readonly after: Holdings;
  /** From the end of the last client until nobody polled any more, in milliseconds. */
  readonly pollingOverMs: number;
  readonly durationMs: number;
  /** Events that were written into the logs while clients came and went. */
  readonly events: number;
  /** What is wrong; nothing when all is well. */
  readonly violations: readonly string[];
}

/**
 * Node's arguments. V8 compiles for minutes what is run often, and what it compiles grows the heap by megabytes which no
 * client has left behind; bytecode is there once it has run.
 */
const inspectable = ['--expose-gc', '--no-opt', '--no-sparkplug'];
/** Clients at a time. */
const concurrency = 64;
/** How much larger than before the heap may be after the last client. */
const maxHeapGrowth = 1.05;
/** After the last subscriber has left, nobody may poll for longer, in milliseconds. */
const maxPollingOverMs = 5_000;
/**
 * How long what was closed may need until it is gone, in milliseconds: connections to the platform are kept a while, and
 * an event stream that was reserved and never opened until its second ping (24 seconds).
 */
const settleMs = 30_000;
/** Pause between two looks at what is to end, in milliseconds. */
const lookEveryMs = 50;
/** A job changes about five times: as many events come in each second or so. */
const exportEveryMs = 300;
const stage = [100, 200] as const;
const pollMs = '100';

/** Zero when the last subscriber has left, and when its feed has ended a while later. */
const atOnce = ['aep_watch_subscribers', 'aep_subscriptions', 'aep_watch_callback_subscriptions'] as const;
const later = ['aep_watch_feeds'] as const;

/** Lets clients come and be killed at any moment of their lives, and looks at what the gateway holds afterwards. */
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
      // Idle connections of clients are gone when the gateway is looked at.
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
      // All workers take from the one iterator.
      for (const plan of left) await runCycle(url, plan).catch((error: unknown) => failures.push(explain(error)));
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  };

  await lives(plans.slice(0, warmUp));
  await areZero(gateway, atOnce);
  // What lasts as long as the gateway is compared with itself, such as the timer of its heartbeat in Redis.
  await areZero(gateway, later);
  const before = await look(child);
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

/** An empty list, as Redis writes it. */
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

/** What the probe answers is what its module says. */
const look = async (child: Pick<GatewayProcess, 'ask'>): Promise<Holdings> => (await child.ask('look')) as Holdings;

/** Looks until nothing has grown, or time is up. */
async function settled(child: Pick<GatewayProcess, 'ask'>, before: Holdings): Promise<Holdings> {
  let after = await look(child);
  const endsAt = performance.now() + settleMs;
  while (growth(before, after).length > 0 && performance.now() < endsAt) {
    await sleep(lookEveryMs);
    after = await look(child);
  }
  return after;
}

/** What a gateway that nobody uses holds more than before. */
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

/** Objects that may be there or not at the moment of a look: of a connection to the platform, of the look itself. */
const slack = 40;
/** As many as such objects have, and a few that code makes when it runs for the first time. */
const functionSlack = 400;

const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
};
