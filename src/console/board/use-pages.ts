import { useCallback, useEffect, useRef, useState } from 'react';
import type { CombinedError } from 'urql';
import { type Failure, failureOf } from '../app/failure.ts';
import type { LiveList } from '../live/live-list.ts';
import type { Job } from './job.ts';

interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasNextPage: boolean;
  readonly endCursor: string | null;
}

/** Reads the page after a cursor; null: the first page. `page` is null if it could not be read. */
export type ReadPage<Row> = (
  after: string | null,
) => Promise<{ readonly page: Page<Row> | null; readonly error: CombinedError | undefined }>;

interface State {
  readonly kind: 'loading' | 'ready' | 'failed';
  readonly failure: Failure | null;
  /** Time of creation of the last row that was read; null if the whole list was read. */
  readonly horizon: string | null;
  /** Cursor of the next page; null at the start and at the end. */
  readonly cursor: string | null;
}

export interface Pages extends Omit<State, 'cursor'> {
  /** Reads the next page, or the failed one again. */
  readonly loadMore: () => void;
}

/** Nothing is loaded: all ended rows are older. */
const beginning: State = { kind: 'loading', failure: null, horizon: '9', cursor: null };

/** Maximum number of empty pages that are read one after another, because a filter can leave pages empty. */
const maxEmptyPages = 5;

/**
 * Reads the pages of a list into the live list, newest first.
 * @param read the same function as long as the filter is the same
 * @param generation another number reads the list again
 */
export function usePages<Row extends Job>(list: LiveList<Row>, read: ReadPage<Row>, generation: number): Pages {
  const [state, setState] = useState(beginning);
  /** Identifies the list that is being read, so that a response for an earlier filter is ignored. */
  const reading = useRef<object>({});

  const load = useCallback(
    async (after: string | null) => {
      const own = reading.current;
      setState((present) => ({ ...present, kind: 'loading', failure: null }));
      let cursor = after;
      for (let pages = 1; ; pages += 1) {
        const { page, error } = await read(cursor);
        if (own !== reading.current) return;
        if (page === null) {
          const failure = error === undefined ? null : failureOf(error);
          setState((present) => ({ ...present, kind: 'failed', failure, cursor }));
          return;
        }
        list.add(page.rows);
        cursor = page.hasNextPage ? page.endCursor : null;
        if (page.rows.length === 0 && cursor !== null && pages < maxEmptyPages) continue;
        const last = page.rows.at(-1)?.createdAt;
        const next = cursor;
        setState((present) => ({
          kind: 'ready',
          failure: null,
          horizon: next === null ? null : (last ?? present.horizon),
          cursor: next,
        }));
        return;
      }
    },
    [list, read],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: another generation reads the list again
  useEffect(() => {
    reading.current = {};
    setState(beginning);
    void load(null);
  }, [load, generation]);

  const { cursor, ...pages } = state;
  return {
    ...pages,
    loadMore: () => {
      if (state.kind === 'failed' || (state.kind === 'ready' && cursor !== null)) void load(cursor);
    },
  };
}
