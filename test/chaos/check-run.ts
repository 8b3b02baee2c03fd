import { eventually } from '../support/eventually.ts';
import type { Gateway } from '../support/gateway.ts';
import { checkChanges } from '../support/history/check-changes.ts';
import { checkCreates, type MadeEntity } from '../support/history/check-creates.ts';
import { checkErrors } from '../support/history/check-errors.ts';
import { checkViews, type Truth } from '../support/history/check-views.ts';
import { checkWatches } from '../support/history/check-watches.ts';
import type { Violation } from '../support/history/violation.ts';
import { absentJobs, deniedJobs } from './fault-scripts.ts';
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
    ...checkHistories(histories, { truth, denied: deniedJobs(faults), absent: absentJobs(faults) }),
  ];
}

/** Everything that is wrong with what subscribers received. */
export function checkHistories(
  histories: readonly WatchedHistory[],
  { truth, ...hidden }: Pick<Truth, 'denied' | 'absent'> & { readonly truth: Outcome['truth'] },
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

/** When nobody subscribes any more, no feed has a subscriber. */
export async function checkFeeds(gateways: Replicas): Promise<readonly Violation[]> {
  try {
    await eventually(async () => {
      const subscribers = await gateways.metric('aep_watch_subscribers');
      if (subscribers > 0) throw new Error(`${subscribers} subscribers are left.`);
    });
    return [];
  } catch (error) {
    return [{ rule: 'who leaves is gone', where: 'feeds', detail: String(error) }];
  }
}

/** Trouble of the platform is no defect of the gateway: it is told, and not logged as an error. */
function checkLog(logs: Gateway['logs']): readonly Violation[] {
  return (
    logs
      // The token service is one of the services that fail here, and the operator learns of that.
      .filter((line) => !line.includes('"msg":"the platform credential of the gateway does not work"'))
      .filter((line) => line.includes('"level":"error"') || line.includes('"msg":"event log not written"'))
      .map((line) => ({ rule: 'nothing unexpected happens', where: 'log', detail: line.trim() }))
  );
}
