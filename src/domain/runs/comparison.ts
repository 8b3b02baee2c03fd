import type { NamespaceCount } from '../job.ts';
import type { Run } from './run.ts';

/** Differences between an ended run and an earlier one. */
export interface RunComparison {
  /** Null if the platform reports no times of the earlier run. */
  readonly previousDurationMs: number | null;
  /** Positive if the run took longer. Null if the platform reports no times of a run. */
  readonly durationChangeMs: number | null;
  /** Positive if the run has more profiles. Null if the platform reports no count of a run. */
  readonly profilesChange: number | null;
  /** One entry per namespace of either run. Empty if the platform reports no counts of a run. */
  readonly profilesChangeByNamespace: readonly NamespaceCount[];
  readonly segmentsAdded: readonly string[];
  readonly segmentsRemoved: readonly string[];
}

export function compareRuns(run: Run, previous: Run): RunComparison {
  const [before, after] = [new Set(previous.segments), new Set(run.segments)];
  return {
    previousDurationMs: previous.durationMs,
    durationChangeMs: difference(run.durationMs, previous.durationMs),
    profilesChange: difference(run.profiles, previous.profiles),
    profilesChangeByNamespace: changeByNamespace(run.namespaces, previous.namespaces),
    segmentsAdded: run.segments.filter((id) => !before.has(id)),
    segmentsRemoved: previous.segments.filter((id) => !after.has(id)),
  };
}

const difference = (value: number | null, previous: number | null): number | null =>
  value === null || previous === null ? null : value - previous;

function changeByNamespace(
  counts: readonly NamespaceCount[],
  previous: readonly NamespaceCount[],
): readonly NamespaceCount[] {
  if (counts.length === 0 || previous.length === 0) return [];
  const changes = new Map(counts.map(({ namespace, count }) => [namespace, count]));
  for (const { namespace, count } of previous) changes.set(namespace, (changes.get(namespace) ?? 0) - count);
  return [...changes].map(([namespace, count]) => ({ namespace, count })).toSorted(byNamespace);
}

const byNamespace = (a: NamespaceCount, b: NamespaceCount): number => (a.namespace < b.namespace ? -1 : 1);
