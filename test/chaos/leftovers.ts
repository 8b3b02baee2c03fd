import { eventually } from '../support/eventually.ts';
import { groupBy } from '../support/group-by.ts';
import type { Violation } from '../support/history/violation.ts';
import type { TrackedClock } from '../support/tracked-clock.ts';

/** Number of resources of this process that keep the event loop alive, by kind. */
export type Resources = ReadonlyMap<string, number>;

/** Resources that end in the same turn of the event loop. */
const ephemeral: ReadonlySet<string> = new Set(['Immediate']);

export function activeResources(): Resources {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !ephemeral.has(kind));
  return new Map([...groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length]));
}

/**
 * Checks for resources that remain after everything was closed: sockets, servers and timers, whether or not they keep
 * the process alive.
 */
export async function checkLeftovers(
  before: Resources,
  clocks: Readonly<Record<string, TrackedClock>>,
): Promise<readonly Violation[]> {
  const rule = 'nothing is left behind';
  const left = (): readonly Violation[] => [
    ...[...activeResources()]
      .filter(([kind, count]) => count > (before.get(kind) ?? 0))
      .map(([kind, count]) => ({ rule, where: kind, detail: `${count}, before it was ${before.get(kind) ?? 0}` })),
    ...Object.entries(clocks)
      .filter(([, { pending }]) => pending > 0)
      .map(([owner, { pending }]) => ({ rule, where: `clock of the ${owner}`, detail: `${pending} timers` })),
  ];
  try {
    // The system takes a moment to close a socket.
    await eventually(() => {
      if (left().length > 0) throw new Error('Resources remain.');
    });
    return [];
  } catch {
    return left();
  }
}
