import { groupBy } from '../group-by.ts';
import type { Violation } from './violation.ts';

/** One mutation that changes or deletes an entity. Only one client changes an entity. */
export interface ChangeAttempt {
  readonly id: string;
  /** State after the change, in the form of the truth; null = deleted. */
  readonly state: string | null;
  /** Whether the gateway reported success. Otherwise, the change may or may not have happened. */
  readonly done: boolean;
}

/**
 * Checks that reported changes happened, and that no unrequested change followed.
 * @param attempts in order; the attempts for one id are sequential
 * @param truth state by id
 */
export function checkChanges(
  attempts: readonly ChangeAttempt[],
  truth: ReadonlyMap<string, string>,
): readonly Violation[] {
  return [...groupBy(attempts, ({ id }) => id)].flatMap(([id, changes]) => {
    const last = changes.findLastIndex(({ done }) => done);
    // The state before the first change is unknown.
    if (last < 0) return [];
    const possible = changes.slice(last).map(({ state }) => state);
    const found = truth.get(id) ?? null;
    if (possible.includes(found)) return [];
    const detail = `it is ${found ?? 'gone'}, but should be ${possible.map((state) => state ?? 'gone').join(' or ')}`;
    return [{ rule: 'a confirmed change has happened', where: id, detail }];
  });
}
