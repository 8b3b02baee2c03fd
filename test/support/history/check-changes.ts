import { groupBy } from '../group-by.ts';
import type { Violation } from './violation.ts';

/** One mutation that changes or deletes something, by the one client that does so. */
export interface ChangeAttempt {
  readonly id: string;
  /** What it would become, in the words of the truth; null: it would be gone. */
  readonly state: string | null;
  /** Whether the gateway answered that it was done. Anything else leaves it open. */
  readonly done: boolean;
}

/**
 * Whether what was answered as done was done, and nothing came after it that nobody asked for.
 * @param attempts in the order in which they were made, one after the other for each id
 * @param truth state by id
 */
export function checkChanges(
  attempts: readonly ChangeAttempt[],
  truth: ReadonlyMap<string, string>,
): readonly Violation[] {
  return [...groupBy(attempts, ({ id }) => id)].flatMap(([id, changes]) => {
    const last = changes.findLastIndex(({ done }) => done);
    // Nobody knows what was there before the first one.
    if (last < 0) return [];
    const possible = changes.slice(last).map(({ state }) => state);
    const found = truth.get(id) ?? null;
    if (possible.includes(found)) return [];
    const detail = `it is ${found ?? 'gone'}, but should be ${possible.map((state) => state ?? 'gone').join(' or ')}`;
    return [{ rule: 'what was answered as changed is changed', where: id, detail }];
  });
}
