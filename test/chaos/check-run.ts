import { replicasKey } from '../../src/runtime/redis-heartbeat.ts';
import { eventually } from '../support/eventually.ts';
import type { Gateway } from '../support/gateway.ts';
import { checkChanges } from '../support/history/check-changes.ts';
import { checkCreates, type MadeEntity } from '../support/history/check-creates.ts';
import { checkErrors } from '../support/history/check-errors.ts';
import { checkViews, type Truth } from '../support/history/check-views.ts';
import { checkWatches } from '../support/history/check-watches.ts';
import type { Violation } from '../support/history/violation.ts';
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
}

/** Everything that is wrong with what the clients of a run received. */
export function checkRun({ faults }: Scenario, run: Run): readonly Violation[] {
  const { journal, outcome, logs } = run;
  const { histories, truth } = outcome;
  const schedules = new Map(truth.views.schedules.map(({ id, state }) => [id, state]));
  return [
    ...journal.violations,
    ...checkLog(logs),
    ...checkErrors(journal.errors),
    ...createdKinds.flatMap((kind) => checkCreates(kind, journal.creates(kind), madeEntities(kind, run))),
    ...checkChanges(journal.scheduleChanges, schedules),
    ...checkHistories(histories, { truth, ...hiddenBy(faults) }),
  ];
}

/** Everything that is wrong with what subscribers received. */
export function checkHistories(
  histories: readonly WatchedHistory[],
  { truth, ...hidden }: Omit<Truth, 'entities'> & { readonly truth: Outcome['truth'] },
): readonly Violation[] {
  return watchedKinds.flatMap((kind) => {
    const own = histories.filter(({ watched }) => watched === kind);
    return [...checkWatches(own), ...checkViews(own, { ...hidden, entities: truth.views[kind] })];
  });
}

/** What was created, whether or not it is still there. */
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
      // One that was made for nothing, and whose removal failed as well, is known from the log.
      return made.filter(({ id }) => {
        const [, platformId = id] = id.split(':');
        return !logs.some((line) => line.includes(unremovedDataset) && line.includes(platformId));
      });
  }
}

const unremovedDataset = 'the dataset made for a refused export could not be removed';

/** What subscribers cost while they are there: their place in the limits, and the polls of feeds that they watch. */
const costs = [
  'aep_watch_subscribers',
  'aep_subscriptions',
  'aep_watch_callback_subscriptions',
  'aep_watch_feeds',
] as const;
/** A feed stays for some seconds after its last subscriber; in milliseconds, with room for a busy machine. */
const lingerMs = 20_000;

/** What subscribers cost at present, by name: 0 where nothing is left of them. */
export async function costsOf(
  gateways: Replicas,
  redis: Pick<RedisUnderTest, 'command'> | null,
): Promise<ReadonlyMap<string, number>> {
  const values = await Promise.all(costs.map(async (name) => [name, await gateways.metric(name)] as const));
  // The reply begins with the number of channels, behind a sign.
  const channels = (await redis?.command('PUBSUB CHANNELS'))?.slice(1);
  return new Map<string, number>(
    channels === undefined ? values : [...values, ['channels of Redis', Number(channels)]],
  );
}

/** When the last subscriber has left, nothing that subscribers cost is left, neither here nor in Redis. */
export const checkReleased = (
  gateways: Replicas,
  redis: Pick<RedisUnderTest, 'command'> | null,
): Promise<readonly Violation[]> =>
  untilNone(async () =>
    [...(await costsOf(gateways, redis))]
      .filter(([, left]) => left !== 0)
      .map(([where, left]) => ({ rule: releaseRule, where, detail: String(left) })),
  );

/** When all gateways are closed, Redis knows of no replica. */
export async function checkDeregistered(redis: Pick<RedisUnderTest, 'command'> | null): Promise<readonly Violation[]> {
  const replicas = await redis?.command(`ZCARD ${replicasKey}`);
  if (replicas === undefined || replicas === ':0') return [];
  return [{ rule: releaseRule, where: 'replicas in Redis', detail: replicas }];
}

const releaseRule = 'nothing is left of a subscriber or replica that is gone';

async function untilNone(left: () => Promise<readonly Violation[]>): Promise<readonly Violation[]> {
  try {
    await eventually(
      async () => {
        if ((await left()).length > 0) throw new Error('Something is left.');
      },
      { patienceMs: lingerMs },
    );
    return [];
  } catch {
    return await left();
  }
}

/** An outage of the platform or of Redis is no defect of the gateway: subscribers receive it, and it is no error of the log. */
export function checkLog(logs: Gateway['logs']): readonly Violation[] {
  return (
    logs
      // The token service is one of the services that fail here, and the operator learns of that.
      .filter((line) => !line.includes('"msg":"the platform credential of the gateway does not work"'))
      .filter((line) => line.includes('"level":"error"') || line.includes('"msg":"event log not written"'))
      .map((line) => ({ rule: 'nothing unexpected happens', where: 'log', detail: line.trim() }))
  );
}
