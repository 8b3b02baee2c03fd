import { eventually } from '../support/eventually.ts';
import type { Gateway } from '../support/gateway.ts';
import { checkViews } from '../support/history/check-views.ts';
import type { WatchHistory } from '../support/history/watch-history.ts';
import type { startPlatform } from '../support/platform.ts';
import { type PlatformReading, readJobs, readPlatform } from '../support/platform-reading.ts';
import type { RedisUnderTest } from '../support/redis-server.ts';
import { connectRest } from '../support/rest-client.ts';
import { hiddenBy } from './fault-scripts.ts';
import type { Journal } from './journal.ts';
import { runQuerier } from './querier.ts';
import { troubleRedis } from './redis-troubles.ts';
import type { Replicas } from './replicas.ts';
import type { Scenario, SubscriberPlan } from './scenario.ts';
import { Subscriber } from './subscriber.ts';
import type { TroubledRouter } from './troubled-router.ts';
import { type FinalTruth, runningJobs, truthOf } from './truth.ts';
import { runExporter, runScheduler, runSegmenter, type WriterContext } from './writers.ts';

/**
 * Maximum real time for everything to settle after the faults, including circuits and budget, in milliseconds. It is
 * far longer than on an idle machine.
 */
const recoveryMs = 60_000;

export const watchedKinds = ['exportJobs', 'segmentJobs', 'schedules'] as const satisfies SubscriberPlan['watched'][];
/** Names of the feed kinds in the metrics. */
const feedKinds = { exportJobs: 'export-jobs', segmentJobs: 'segment-jobs', schedules: 'schedules' } as const;

/** Number of operations of all clients after which one of several gateways is restarted, about midway. */
const restartAtOperation = 80;

/**
 * Subscribers that stay and are never cut. They show the individual changes that a subscriber received as one before it
 * left, which otherwise perhaps no subscriber received.
 */
const witnesses: readonly SubscriberPlan[] = watchedKinds.map((watched) => ({
  watched,
  scope: 'everything',
  withBatches: false,
  transport: 'sse',
  pick: 0,
  resumes: true,
  leavesAfter: [],
  cutAtOperation: null,
}));

/** The services of a run with which clients communicate. */
export interface Stage {
  readonly platform: Awaited<ReturnType<typeof startPlatform>>;
  readonly gateways: Replicas;
  /** The Redis of several gateways; null for a single gateway. */
  readonly redis: RedisUnderTest | null;
  readonly troubled: TroubledRouter;
  readonly journal: Journal;
}

/** Results of a run that are checked in addition to its journal. */
export interface Outcome {
  readonly histories: readonly WatchedHistory[];
  readonly truth: FinalTruth;
  readonly faultsHit: number;
  readonly routerTroubles: number;
}

export type WatchedHistory = WatchHistory & Pick<SubscriberPlan, 'watched'>;

/**
 * Runs the planned steps of all clients while the platform fails as planned, then ends the faults and waits until
 * nothing changes and every subscriber is up to date.
 */
export async function runScenario(scenario: Scenario, stage: Stage): Promise<Outcome> {
  const { platform, gateways, redis, troubled, journal } = stage;
  const before = await readPlatform(await connectRest(platform));
  const subscribers = [...scenario.subscribers, ...witnesses].map(
    (plan, index) =>
      new Subscriber(plan, { gateways, callbackRouter: troubled.router, journal, name: `subscriber ${index}` }),
  );

  platform.faults.set(scenario.faults);
  const following = subscribers.map((subscriber) => subscriber.run());
  const cuts = subscribers.map(async (subscriber) => {
    const { cutAtOperation } = subscriber.plan;
    if (cutAtOperation === null) return;
    await journal.until(() => journal.operations >= cutAtOperation);
    await subscriber.cut();
  });
  const gateway = gateways.first;
  const restarted = journal.until(() => journal.operations >= restartAtOperation).then(() => gateways.restart());
  const redisTroubled = redis === null ? null : troubleRedis(redis, scenario.redisTroubles, journal);
  await Promise.all([
    ...runQueriers(scenario, { gateway, journal, before }),
    ...runWriters(scenario, { gateway, journal, before }),
  ]);
  journal.close();
  await Promise.all([...cuts, restarted, redisTroubled]);
  const faultsHit = platform.faults.hits.reduce((sum, hits) => sum + hits, 0);
  platform.faults.clear();

  // Connects now, because the faults may have invalidated older tokens.
  const rest = await connectRest(platform);
  await eventually(
    async () => {
      const running = runningJobs(before, await readJobs(rest));
      if (running.length > 0) throw new Error(`These jobs have not ended: ${running.map(({ id }) => id).join()}`);
    },
    { patienceMs: recoveryMs },
  );
  const truth = truthOf(before, await readPlatform(rest));
  await roundsOf(gateways).catch((error: unknown) =>
    journal.violations.push({ rule: 'feeds continue after the faults', where: 'metrics', detail: String(error) }),
  );
  const histories = () => subscribers.map(({ plan: { watched }, history }) => ({ ...history, watched }));
  const hidden = hiddenBy(scenario.faults);
  await eventually(
    () => {
      const all = histories();
      for (const kind of watchedKinds) {
        const own = all.filter(({ watched }) => watched === kind);
        const [wrong] = checkViews(own, { ...hidden, entities: truth.views[kind] });
        if (wrong !== undefined) throw new Error(wrong.detail);
      }
    },
    { patienceMs: recoveryMs },
    // A failure here is reported together with all other violations.
  ).catch(() => undefined);
  await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  await Promise.all(following);
  return { histories: histories(), truth, faultsHit, routerTroubles: troubled.hits };
}

interface Clients {
  readonly gateway: Gateway;
  readonly journal: Journal;
  readonly before: PlatformReading;
}

function runQueriers({ queriers }: Scenario, { gateway, journal, before }: Clients): readonly Promise<void>[] {
  const anyJob = `ExportJob:${before.exportJobs[0]?.id}`;
  return queriers.map((steps, index) => runQuerier({ gateway, journal, name: `querier ${index}`, anyJob }, steps));
}

function runWriters(
  { exporters, segmenters, schedulers }: Scenario,
  { gateway, journal, before }: Clients,
): readonly Promise<void>[] {
  const segments = before.segmentDefinitions.map(({ id }) => id);
  const context = (role: string, number: number): WriterContext => ({
    gateway,
    journal,
    name: `${role} ${number}`,
    number,
    segments,
  });
  return [
    ...exporters.map((steps, index) => runExporter(context('exporter', index), steps)),
    ...segmenters.map((steps, index) => runSegmenter(context('segmenter', index), steps)),
    ...schedulers.map((steps, index) => runScheduler(context('scheduler', index), steps)),
  ];
}

/**
 * Resolves when each feed has completed two more rounds, because only the second one is certain to have begun after the
 * call.
 */
async function roundsOf(gateways: Replicas): Promise<void> {
  const read = () =>
    Promise.all(
      watchedKinds.map((kind) => gateways.metric(`aep_watch_rounds_total{kind="${feedKinds[kind]}",outcome="good"}`)),
    );
  const first = await read();
  await eventually(
    async () => {
      const now = await read();
      if (now.some((rounds, index) => rounds < (first[index] ?? 0) + 2))
        throw new Error(`A feed completes no rounds: the count went from ${first} to ${now}.`);
    },
    { patienceMs: recoveryMs },
  );
}
