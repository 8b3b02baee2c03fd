import { replicasKey } from '../../src/runtime/redis-heartbeat.ts';
import type { AuditLine } from '../support/audit-line.ts';
import { eventually } from '../support/eventually.ts';
import type { Gateway } from '../support/gateway.ts';
import { type AuditTruth, checkAudit } from '../support/history/check-audit.ts';
import { checkChanges } from '../support/history/check-changes.ts';
import { checkCreates, type MadeEntity } from '../support/history/check-creates.ts';
import { checkErrors } from '../support/history/check-errors.ts';
import { checkViews, type Truth } from '../support/history/check-views.ts';
import { checkWatches } from '../support/history/check-watches.ts';
import type { Violation } from '../support/history/violation.ts';
import type { Emulator } from '../support/platform.ts';
import type { RedisUnderTest } from '../support/redis-server.ts';
import { hiddenBy } from './fault-scripts.ts';
import { type Created, createdKinds, type Journal } from './journal.ts';
import type { Replicas } from './replicas.ts';
import { type Outcome, type WatchedHistory, watchedKinds } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

interface Run {
  readonly journal: Journal;
  readonly outcome: Outcome;
  /** Lines of the gateway's log. */
  readonly logs: Gateway['logs'];
  readonly audit: readonly AuditLine[];
  /** The platform's record of its requests. */
  readonly requests: Emulator['requests'];
}

/** Checks everything that the clients of a run received, and the gateway's record of their changes. */
export function checkRun({ faults }: Scenario, run: Run): readonly Violation[] {
  const { journal, outcome, logs, audit, requests } = run;
  const { histories, truth } = outcome;
  const schedules = new Map(truth.views.schedules.map(({ id, state }) => [id, state]));
  return [
    ...journal.violations,
    ...checkLog(logs),
    ...checkErrors(journal.errors),
    ...createdKinds.flatMap((kind) => checkCreates(kind, journal.creates(kind), madeEntities(kind, run))),
    ...checkChanges(journal.scheduleChanges, schedules),
    ...checkHistories(histories, { truth, ...hiddenBy(faults) }),
    ...checkAudit(audit, { mutations: journal.mutations, requests, made: platformIds(truth) }),
  ];
}

/** Platform ids of the entities that were made in a run, by their type. */
function platformIds({ made }: Outcome['truth']): AuditTruth['made'] {
  const idsOf = (kind: Created) => made[kind].map(({ id }) => id.slice(id.indexOf(':') + 1));
  return {
    ExportJob: idsOf('exportJobs'),
    SegmentJob: idsOf('segmentJobs'),
    Schedule: idsOf('schedules'),
    Dataset: idsOf('datasets'),
  };
}

/** Checks everything that subscribers received. */
export function checkHistories(
  histories: readonly WatchedHistory[],
  { truth, ...hidden }: Omit<Truth, 'entities'> & { readonly truth: Outcome['truth'] },
): readonly Violation[] {
  return watchedKinds.flatMap((kind) => {
    const own = histories.filter(({ watched }) => watched === kind);
    return [...checkWatches(own), ...checkViews(own, { ...hidden, entities: truth.views[kind] })];
  });
}

/** Entities that were created in the run, including those that were removed again. */
function madeEntities(kind: Created, { journal, outcome, logs }: Run): readonly MadeEntity[] {
  const made = outcome.truth.made[kind];
  switch (kind) {
    case 'exportJobs':
    case 'segmentJobs':
      return made;
    case 'schedules': {
      const found = new Set(made.map(({ id }) => id));
      const deleted = new Set(journal.scheduleChanges.flatMap(({ id, state }) => (state === null ? [id] : [])));
      const gone = journal
        .creates(kind)
        .flatMap(({ mark, outcome: { kind: result, ...answer } }) =>
          result === 'created' && 'id' in answer ? [{ id: answer.id, mark }] : [],
        )
        .filter(({ id }) => deleted.has(id) && !found.has(id));
      return [...made, ...gone];
    }
    case 'datasets':
      // A dataset that was created for a rejected job, and could not be removed, is known from the log.
      return made.filter(({ id }) => {
        const [, platformId = id] = id.split(':');
        return !logs.some((line) => line.includes(unremovedDataset) && line.includes(platformId));
      });
  }
}

const unremovedDataset = 'could not remove the dataset of a rejected export';

/** Metrics of resources that subscribers use: their slots in the limits, and the polls of the feeds that they watch. */
const costs = [
  'aep_watch_subscribers',
  'aep_subscriptions',
  'aep_watch_callback_subscriptions',
  'aep_watch_feeds',
] as const;
/** Time for which a feed stays after its last subscriber, in milliseconds, with a margin for a busy machine. */
const lingerMs = 20_000;

/** Resources that subscribers use now, by name; 0 when all are released. */
export async function costsOf(
  gateways: Replicas,
  redis: Pick<RedisUnderTest, 'command'> | null,
): Promise<ReadonlyMap<string, number>> {
  const values = await Promise.all(costs.map(async (name) => [name, await gateways.metric(name)] as const));
  // The reply begins with a sign and the number of channels.
  const channels = (await redis?.command('PUBSUB CHANNELS'))?.slice(1);
  return new Map<string, number>(
    channels === undefined ? values : [...values, ['channels of Redis', Number(channels)]],
  );
}

/** Checks that no resource of a subscriber remains after the last one has left, neither here nor in Redis. */
export const checkReleased = (
  gateways: Replicas,
  redis: Pick<RedisUnderTest, 'command'> | null,
): Promise<readonly Violation[]> =>
  untilNone(async () =>
    [
      ...(await costsOf(gateways, redis)),
      ['subscriptions without a counted end', await uncountedEnds(gateways)] as const,
    ]
      .filter(([, left]) => left !== 0)
      .map(([where, left]) => ({ rule: releaseRule, where, detail: String(left) })),
  );

/** Each subscription ends with exactly one reason, so that the others are open. Not 0 if an end is missing or doubled. */
async function uncountedEnds(gateways: Replicas): Promise<number> {
  const [started, ended, open] = await Promise.all([
    gateways.metric('aep_subscriptions_started_total'),
    gateways.metric('aep_subscriptions_ended_total'),
    gateways.metric('aep_subscriptions'),
  ]);
  return started - ended - open;
}

/** Checks that Redis knows no replica after all gateways are closed. */
export async function checkDeregistered(redis: Pick<RedisUnderTest, 'command'> | null): Promise<readonly Violation[]> {
  const replicas = await redis?.command(`ZCARD ${replicasKey}`);
  if (replicas === undefined || replicas === ':0') return [];
  return [{ rule: releaseRule, where: 'replicas in Redis', detail: replicas }];
}

const releaseRule = 'a disconnected subscriber or replica leaves nothing behind';

async function untilNone(left: () => Promise<readonly Violation[]>): Promise<readonly Violation[]> {
  try {
    await eventually(
      async () => {
        if ((await left()).length > 0) throw new Error('Registrations of replicas remain in Redis.');
      },
      { patienceMs: lingerMs },
    );
    return [];
  } catch {
    return await left();
  }
}

/** Errors that the platform causes in a run. */
const reported = [
  '"msg":"the platform credential of the gateway does not work"',
  '"msg":"the outcome of a write is unknown"',
];

/**
 * Checks the log for errors. An outage of the platform or of Redis is not a defect of the gateway, so it is logged
 * below the level of an error and reported to subscribers.
 */
export function checkLog(logs: Gateway['logs']): readonly Violation[] {
  return (
    logs
      // The token service also fails in these runs, and responses to creates are lost. Operators must be informed.
      .filter((line) => !reported.some((message) => line.includes(message)))
      .filter((line) => line.includes('"level":"error"') || line.includes('"msg":"event log not written"'))
      .map((line) => ({ rule: 'the log contains no unexpected error', where: 'log', detail: line.trim() }))
  );
}
