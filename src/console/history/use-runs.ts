import { useEffect, useRef, useState } from 'react';
import { useClient } from 'urql';
import { type RunsResult, readRuns } from './read-runs.ts';
import type { Selection } from './selection.ts';

interface EndedJob {
  readonly id: string;
  readonly isTerminal: boolean;
}

export interface Runs {
  /** Null until the first response. */
  readonly result: RunsResult | null;
  readonly read: () => void;
}

/**
 * The runs of a selection. They are read again when a job of the live view has ended that is not among them.
 * @param selection the same object as long as it is the same selection
 * @param jobs of the live view that can belong to the selection
 */
export function useRuns(selection: Selection, jobs: readonly EndedJob[]): Runs {
  const client = useClient();
  const [reading, setReading] = useState(0);
  const [state, setState] = useState<{ readonly selection: Selection; readonly result: RunsResult } | null>(null);
  /** Jobs that have caused a reading, so that none causes another one. */
  const caused = useRef(new Set<string>());

  // biome-ignore lint/correctness/useExhaustiveDependencies: another number reads again
  useEffect(() => {
    let isCurrent = true;
    const read = async () => {
      const result = await readRuns(client, selection);
      if (isCurrent) setState({ selection, result });
    };
    void read();
    return () => {
      isCurrent = false;
    };
  }, [client, selection, reading]);

  const result = state !== null && state.selection === selection ? state.result : null;
  useEffect(() => {
    if (result?.kind !== 'found') return;
    const missed = jobs.filter(({ id, isTerminal }) => isTerminal && !result.seen.has(id) && !caused.current.has(id));
    if (missed.length === 0) return;
    for (const { id } of missed) caused.current.add(id);
    setReading((present) => present + 1);
  }, [jobs, result]);

  return { result, read: () => setReading((present) => present + 1) };
}
