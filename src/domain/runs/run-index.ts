import { type ExpectedDuration, expectedDuration, maxSampleSize, minSampleSize } from './expected-duration.ts';
import type { Run, RunShape } from './run.ts';

export const expectationBases = ['SAME_SCHEDULE', 'SAME_REQUEST', 'SAME_KIND'] as const;
/** The feature that the earlier runs have in common with the job. */
export type ExpectationBasis = (typeof expectationBases)[number];

/** The expected end of a job that runs. */
export interface RunExpectation {
  readonly likelyEndAt: Date;
  readonly latestEndAt: Date;
  readonly sampleSize: number;
  readonly basis: ExpectationBasis;
  /** The durations behind the times, from the creation of the job. */
  readonly duration: ExpectedDuration;
}

/** Maximum number of runs of one kind and tenant: 33 shapes with all of their runs. */
const maxRuns = 1_000;
/** Maximum number of ids of segments in all runs together. Runs of equal requests share them. */
const maxSegmentIds = 20_000;
/** Maximum number of runs without success that are kept per shape, for `previousRun`. */
const maxFailuresPerShape = 10;
/** Maximum number of expectations that are remembered. */
const maxRemembered = 5_000;

/** Runs without an id in the index share the key of no schedule. */
type Groups = ReadonlyMap<string, readonly Run[]>;

/**
 * The ended runs of one kind and tenant, newest first. It is bounded, and immutable except for remembered results.
 *
 * The newest 30 successful runs of each schedule and of each request are kept, and therefore the newest 30 of the kind.
 * Beyond `maxRuns`, the oldest are dropped.
 */
export class RunIndex {
  readonly runs: readonly Run[];
  readonly #byId: ReadonlyMap<string, Run>;
  readonly #bySchedule: Groups;
  readonly #byRequest: Groups;
  readonly #expectations = new Map<string, ExpectedEnd | null>();

  /** @param runs in any order. Of several runs with one id, the last one counts. */
  constructor(runs: Iterable<Run>) {
    this.runs = bounded([...new Map([...runs].map((run) => [run.id, run])).values()].toSorted(newestFirst));
    this.#byId = new Map(this.runs.map((run) => [run.id, run]));
    this.#bySchedule = grouped(this.runs, ({ scheduleId }) => scheduleId);
    this.#byRequest = grouped(this.runs, ({ request }) => request);
  }

  get(id: string): Run | null {
    return this.#byId.get(id) ?? null;
  }

  /**
   * The expected end of a job: from runs of the same schedule, else of the same request, else of the same kind,
   * whichever has at least three successful runs that were created before the job. Null if there are fewer.
   */
  expectation(shape: RunShape): RunExpectation | null {
    const key = JSON.stringify([shape.id, shape.createdAtMs, shape.request]);
    const known = this.#expectations.get(key);
    const found = known === undefined ? this.#expected(shape) : known;
    if (known === undefined) {
      if (this.#expectations.size >= maxRemembered) this.#expectations.clear();
      this.#expectations.set(key, found);
    }
    if (found === null) return null;
    const { duration, basis } = found;
    return {
      likelyEndAt: new Date(shape.createdAtMs + duration.likelyMs),
      latestEndAt: new Date(shape.createdAtMs + duration.latestMs),
      sampleSize: duration.sampleSize,
      basis,
      duration,
    };
  }

  /** The last ended run before a job: of the same schedule, else of the same request, else of the same kind. */
  previous(shape: RunShape): Run | null {
    for (const { runs } of this.#levels(shape)) {
      const found = runs.find((run) => isEarlier(run, shape));
      if (found !== undefined) return found;
    }
    return null;
  }

  #expected(shape: RunShape): ExpectedEnd | null {
    for (const { basis, runs } of this.#levels(shape)) {
      const durations: number[] = [];
      for (const run of runs) {
        if (run.succeeded && run.totalMs !== null && isEarlier(run, shape)) durations.push(run.totalMs);
        if (durations.length === maxSampleSize) break;
      }
      const duration = durations.length < minSampleSize ? null : expectedDuration(durations);
      if (duration !== null) return { basis, duration };
    }
    return null;
  }

  #levels({ scheduleId, request }: RunShape): readonly {
    readonly basis: ExpectationBasis;
    readonly runs: readonly Run[];
  }[] {
    return [
      { basis: 'SAME_SCHEDULE', runs: scheduleId === null ? [] : (this.#bySchedule.get(scheduleId) ?? []) },
      { basis: 'SAME_REQUEST', runs: this.#byRequest.get(request) ?? [] },
      { basis: 'SAME_KIND', runs: this.runs },
    ];
  }
}

interface ExpectedEnd {
  readonly basis: ExpectationBasis;
  readonly duration: ExpectedDuration;
}

/** Ids are compared too, because jobs can be created in the same millisecond. */
function newestFirst(a: RunShape, b: RunShape): number {
  const byTime = b.createdAtMs - a.createdAtMs;
  if (byTime !== 0 || a.id === b.id) return byTime;
  return a.id < b.id ? 1 : -1;
}

const isEarlier = (run: Run, shape: RunShape): boolean => newestFirst(run, shape) > 0;

function grouped(runs: readonly Run[], keyOf: (run: Run) => string | null): Groups {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const key = keyOf(run);
    if (key === null) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [run]);
    else group.push(run);
  }
  return groups;
}

/** Selects the runs to keep from a list with the newest first. */
function bounded(newest: readonly Run[]): readonly Run[] {
  const counts = new Map<string, number>();
  const segments = new Map<string, readonly string[]>();
  const kept: Run[] = [];
  let segmentIds = 0;
  const hasRoom = (key: string, limit: number) => (counts.get(key) ?? 0) < limit;
  for (const run of newest) {
    if (kept.length === maxRuns) break;
    const outcome = run.succeeded ? 'succeeded' : 'failed';
    const limit = run.succeeded ? maxSampleSize : maxFailuresPerShape;
    const keys = [`request ${outcome} ${run.request}`];
    if (run.scheduleId !== null) keys.push(`schedule ${outcome} ${run.scheduleId}`);
    if (!keys.some((key) => hasRoom(key, limit))) continue;
    const shared = segments.get(run.request);
    if (shared === undefined) {
      segmentIds += run.segments.length;
      if (segmentIds > maxSegmentIds) break;
      segments.set(run.request, run.segments);
    }
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    kept.push(shared === undefined ? run : { ...run, segments: shared });
  }
  return kept;
}
