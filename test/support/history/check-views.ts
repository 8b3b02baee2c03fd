import { heldView } from './check-watches.ts';
import type { Violation } from './violation.ts';
import {
  isLastStatus,
  isWanted,
  type Report,
  reportInto,
  type SeenEntity,
  type WatchHistory,
} from './watch-history.ts';

/** An entity as the platform itself shows it. */
export interface TrueEntity extends SeenEntity {
  readonly createdAt: Date;
}

export interface Truth {
  readonly entities: readonly TrueEntity[];
  /** Ids of what the platform denied for a while: somebody who asked for these alone may have been told that they are gone. */
  readonly denied: ReadonlySet<string>;
}

/** Whether each subscriber believes in the end what is true: all of it that it asked for, and nothing else. */
export function checkViews(histories: readonly WatchHistory[], truth: Truth): readonly Violation[] {
  const violations: Violation[] = [];
  const entities = new Map(truth.entities.map((entity) => [entity.id, entity]));
  for (const history of histories) {
    const report = reportInto(violations, history);
    if (history.sessions.at(-1)?.end === 'refused') {
      if (!asksForNothing(history, entities, truth.denied)) report('nobody is refused in the end', null, 'it gave up');
      continue;
    }
    checkEnd(history, { entities, denied: truth.denied }, report);
    for (const event of history.sessions.flatMap(({ events }) => events)) {
      const id = event.entity?.id ?? '';
      if (event.kind !== 'REMOVED' || truth.denied.has(id) || !entities.has(id)) continue;
      report('only an entity that is gone is removed', event, `it is ${entities.get(id)?.state}`);
    }
    const held = heldView(history);
    for (const [id, seen] of held) {
      const state = entities.get(id)?.state;
      if (state !== seen.state) report('the view ends in the truth', null, `${id} is ${state}, told was ${seen.state}`);
    }
    for (const entity of truth.entities) {
      if (held.has(entity.id) || !mustBeHeld(entity, history, truth.denied)) continue;
      report('the view ends in the truth', null, `${entity.id} is ${entity.state}, but was never told or is lost`);
    }
  }
  return violations;
}

/** A stream of ids completes when all of them have ended or are gone, whatever its filter, and no earlier. */
function checkEnd(
  { scope, sessions }: WatchHistory,
  { entities, denied }: { readonly entities: ReadonlyMap<string, TrueEntity>; readonly denied: Truth['denied'] },
  report: Report,
): void {
  if (scope.kind !== 'ids') return;
  const running = [...scope.ids].filter((id) => {
    const entity = entities.get(id);
    return entity !== undefined && !denied.has(id) && !isLastStatus(entity.status);
  });
  const end = sessions.at(-1)?.end;
  if (end === 'completed' && running.length > 0) {
    report('a stream completes when all has ended', null, `${running.join()} was running`);
  }
  if (end === 'open' && running.length === 0) report('a stream completes when all has ended', null, 'it is still open');
}

/** Whether a subscriber named something that is not there: what it was told before says nothing then. */
function asksForNothing(
  { scope }: WatchHistory,
  entities: ReadonlyMap<string, TrueEntity>,
  denied: Truth['denied'],
): boolean {
  return scope.kind === 'ids' && [...scope.ids].some((id) => !entities.has(id) || denied.has(id));
}

function mustBeHeld(entity: TrueEntity, { scope, sessions }: WatchHistory, denied: Truth['denied']): boolean {
  switch (scope.kind) {
    case 'everything': {
      // Entities that ended long before the view began are not sent. The time of the first event is that of its snapshot.
      const began = sessions.flatMap(({ events }) => events)[0]?.observedAt;
      return !isLastStatus(entity.status) || (began !== undefined && endedLately(entity, new Date(began)));
    }
    case 'ids':
      return scope.ids.has(entity.id) && !denied.has(entity.id) && isWanted(entity, scope);
    case 'statuses': {
      const opened = sessions[0]?.openedAt;
      const isPresent = !isLastStatus(entity.status) || (opened !== undefined && endedLately(entity, opened));
      return isWanted(entity, scope) && isPresent;
    }
  }
}

/** An entity that was created within this time before a view began has ended within it, or not yet. */
const endedWithinMs = 900_000;

const endedLately = ({ createdAt }: TrueEntity, began: Date): boolean =>
  createdAt.getTime() > began.getTime() - endedWithinMs;
