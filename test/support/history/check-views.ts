import { heldView } from './check-watches.ts';
import type { Violation } from './violation.ts';
import {
  isLastStatus,
  isSelected,
  openBatchesOf,
  type Report,
  reportInto,
  type SeenEntity,
  type WatchHistory,
  type WatchSession,
} from './watch-history.ts';

/** An entity as the platform returns it. */
export interface TrueEntity extends SeenEntity {
  readonly createdAt: Date;
  /** End of the job; null while it runs, and for kinds that do not end. */
  readonly endedAt: Date | null;
}

export interface Truth {
  readonly entities: readonly TrueEntity[];
  /** Ids that single readings of the platform did not find. A client that named them may have received NOT_FOUND. */
  readonly denied: ReadonlySet<string>;
  /**
   * Ids that many consecutive readings did not find. Subscribers may have received REMOVED. Each of these ids is also
   * in `denied`.
   */
  readonly absent: ReadonlySet<string>;
  /** Whether single readings may have returned an unknown status for a job that had ended. */
  readonly mayEndUnknown: boolean;
}

/** A subscription without ids starts with the jobs that ended within this time before it, in milliseconds. */
const endedWithinMs = 900_000;
/**
 * Maximum difference between the clocks of the platform and of the gateway where they limit the events, in
 * milliseconds.
 */
const marginMs = 60_000;

/**
 * Checks that each subscriber's final view is true: it contains exactly the requested entities, no existing entity was
 * removed from it, and its stream has completed if and only if all its ids have ended. Batches of jobs that succeeded
 * are readable by then.
 */
export function checkViews(histories: readonly WatchHistory[], truth: Truth): readonly Violation[] {
  const violations: Violation[] = [];
  const entities = new Map(truth.entities.map((entity) => [entity.id, entity]));
  for (const history of histories) {
    const report = reportInto(violations, history);
    checkRemovals(history, entities, truth, report);
    if (history.sessions.at(-1)?.end === 'refused') {
      if (!asksForNothing(history, entities, truth.denied))
        report('no valid subscription is rejected in the end', null, 'it gave up');
      continue;
    }
    checkCompletion(history, entities, truth, report);
    const held = heldView(history);
    for (const [id, seen] of held) {
      const state = entities.get(id)?.state;
      if (state !== seen.state && !isTrueEnd(history, seen, entities.get(id)))
        report('the view ends in the truth', null, `${id} is ${state}, but the subscriber received ${seen.state}`);
      const open = openBatchesOf(seen);
      if (open.length > 0) report('the view ends in the truth', null, `${id}: batches ${open.join()} are readable`);
    }
    for (const entity of truth.entities) {
      if (held.has(entity.id) || !mustBeHeld(entity, history, truth)) continue;
      report(
        'the view ends in the truth',
        null,
        `${entity.id} is ${entity.state}, but the subscriber never received it or lost it`,
      );
    }
  }
  return violations;
}

type Entities = ReadonlyMap<string, TrueEntity>;

/** Whether a stream of ids ended with the final state of a job, even if that state has an unknown status. */
function isTrueEnd({ scope }: WatchHistory, seen: SeenEntity, truth: TrueEntity | undefined): boolean {
  const isLast = scope.ids !== null && seen.status === 'UNKNOWN' && seen.hasEnded === true;
  return isLast && truth !== undefined && truth.endedAt !== null && afterStatus(seen) === afterStatus(truth);
}

const afterStatus = ({ status, state }: SeenEntity): string => state.slice((status ?? '').length);

/** Whether a subscriber named an unknown id. Its earlier events need not be true then. */
function asksForNothing({ scope: { ids } }: WatchHistory, entities: Entities, denied: Truth['denied']): boolean {
  return ids !== null && [...ids].some((id) => !entities.has(id) || denied.has(id));
}

/** An id is never reused, so an entity that exists in the end existed throughout. */
function checkRemovals({ sessions }: WatchHistory, entities: Entities, { absent }: Truth, report: Report): void {
  for (const event of sessions.flatMap(({ events }) => events)) {
    if (event.kind !== 'REMOVED' || event.entity === null || absent.has(event.entity.id)) continue;
    if (entities.has(event.entity.id)) report('no existing entity is removed', event, 'it exists');
  }
}

function checkCompletion(
  { scope, sessions }: WatchHistory,
  entities: Entities,
  { absent }: Truth,
  report: Report,
): void {
  if (scope.ids === null) return;
  const named = [...scope.ids].filter((id) => !absent.has(id)).map((id) => entities.get(id));
  const completed = sessions.find(({ end }) => end === 'completed');
  if (completed !== undefined) {
    const early = named.filter((entity) => entity !== undefined && !hasEndedBefore(entity, completed));
    if (early.length === 0) return;
    report(
      'a stream completes when all its entities have ended',
      null,
      `${early.map((entity) => entity?.id).join()} had not ended`,
    );
    return;
  }
  const hasEnded = named.every((entity) => entity !== undefined && entity.endedAt !== null);
  const isDenied = [...scope.ids].some((id) => absent.has(id));
  if (hasEnded && !isDenied && sessions.length > 0) {
    report(
      'a stream completes when all its entities have ended',
      null,
      'all entities have ended, but the stream did not complete',
    );
  }
}

const hasEndedBefore = ({ endedAt }: TrueEntity, { endedAt: completedAt }: WatchSession): boolean =>
  endedAt !== null && completedAt !== null && endedAt <= completedAt;

function mustBeHeld(entity: TrueEntity, { scope, sessions }: WatchHistory, { absent, mayEndUnknown }: Truth): boolean {
  if (!isSelected(scope, entity.status)) return false;
  if (scope.ids !== null) {
    // The stream completes with an end under an unknown status, which the filter may exclude.
    const mayEndUnseen = mayEndUnknown && !isSelected(scope, 'UNKNOWN') && sessions.at(-1)?.end === 'completed';
    return scope.ids.has(entity.id) && !absent.has(entity.id) && !mayEndUnseen;
  }
  if (!isLastStatus(entity.status)) return true;
  const began = sessions.findLast(({ after }) => after === null)?.openedAt;
  if (began === undefined || entity.endedAt === null) return false;
  return entity.endedAt.getTime() > began.getTime() - endedWithinMs + marginMs;
}
