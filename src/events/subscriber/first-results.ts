import type { LogEntry, LogSnapshot } from '../log.ts';
import { entitiesByKey } from './events.ts';
import type { ResultRules } from './result-rules.ts';

type Rules<Entity> = Pick<ResultRules<Entity>, 'isKnown' | 'carry'>;

interface Replay<Entity> {
  readonly missed: readonly LogEntry<Entity>[];
  /** The state after the last missed entry. */
  readonly snapshot: LogSnapshot<Entity>;
}

/**
 * Completes the missed entries for a subscriber that watches results. Entries that were written before any subscriber
 * watched results contain none, so they get the first known results of their entity. Otherwise their events would show
 * the current results, and the following events would revert them.
 */
export function withFirstResults<Entity>(
  { missed, snapshot }: Replay<Entity>,
  key: (entity: Entity) => string,
  results: Rules<Entity>,
): readonly LogEntry<Entity>[] {
  const isUnknown = ({ change }: LogEntry<Entity>) => 'entity' in change && !results.isKnown(change.entity);
  if (!missed.some(isUnknown)) return missed;
  // Iterates backwards from the current state.
  const next = new Map(entitiesByKey(snapshot, key));
  const firstOf = missed.toReversed().map(({ change }) => {
    if (!('entity' in change)) return null;
    const id = key(change.entity);
    if (results.isKnown(change.entity)) next.set(id, change.entity);
    const known = next.get(id);
    // Before this creation, the id belonged to another entity, or the entity was gone for a while.
    if (change.kind === 'CREATED') next.delete(id);
    return known !== undefined && results.isKnown(known) ? { id, known } : null;
  });
  const completed = new Set<string>();
  return missed.map((entry, index) => {
    const first = firstOf.at(-1 - index);
    if (first == null) return entry;
    const follows = completed.has(first.id);
    completed.add(first.id);
    return completedEntry(entry, { known: first.known, follows }, results);
  });
}

interface Completion<Entity> {
  /** The first state of the entity with known results. */
  readonly known: Entity;
  /** Whether the subscriber receives an earlier event of the entity, which shows the same results. */
  readonly follows: boolean;
}

// Subscribers that resume together share the entries, and therefore the events. A cached entry was made from its key,
// so it has the same type of entity and the cast below is safe.
const completedEntries = new WeakMap<
  LogEntry<unknown>,
  Completion<unknown> & { readonly completed: LogEntry<unknown> }
>();

function completedEntry<Entity>(
  entry: LogEntry<Entity>,
  completion: Completion<Entity>,
  results: Rules<Entity>,
): LogEntry<Entity> {
  const made = completedEntries.get(entry);
  if (made !== undefined && made.known === completion.known && made.follows === completion.follows) {
    return made.completed as LogEntry<Entity>;
  }
  const completed = { ...entry, change: complete(entry.change, completion, results) };
  completedEntries.set(entry, { ...completion, completed });
  return completed;
}

function complete<Entity>(
  change: LogEntry<Entity>['change'],
  { known, follows }: Completion<Entity>,
  results: Rules<Entity>,
): LogEntry<Entity>['change'] {
  const completed = (entity: Entity) => (results.isKnown(entity) ? entity : results.carry(known, entity));
  switch (change.kind) {
    case 'CREATED':
    case 'REMOVED':
      return { ...change, entity: completed(change.entity) };
    case 'CHANGED':
    case 'OVERDUE': {
      const { entity, previous } = change;
      return { ...change, entity: completed(entity), previous: follows ? completed(previous) : previous };
    }
    case 'STALE':
    case 'RECOVERED':
      return change;
  }
}
