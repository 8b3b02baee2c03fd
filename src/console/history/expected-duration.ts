/** The expectation for one run, from earlier runs, in milliseconds. */
export interface ExpectedDuration {
  /** Half of the earlier runs took no longer. */
  readonly likelyMs: number;
  /** Nine of ten runs take no longer. */
  readonly latestMs: number;
}

/** Numbers of earlier runs from which a duration is expected. */
const minRuns = 3;
export const maxRuns = 30;

/** Share of runs that end before `latestMs`. */
const latestShare = 0.9;

/** Maximum of `latestMs`: a year. */
const maxLatestMs = 366 * 24 * 3_600_000;

/** Quantiles of Student’s t distribution for `latestShare`, by degrees of freedom from 2 to 7. */
const studentQuantiles = [1.885618, 1.637744, 1.533206, 1.475884, 1.439756, 1.414924];

/**
 * The expectation that the gateway had when a run began: the API reports it only while a run has not ended. A test
 * compares both. Null with fewer than three earlier runs.
 * @param durationsMs of the earlier successful runs, newest first, from the creation to the end
 */
export function expectedDuration(durationsMs: readonly number[]): ExpectedDuration | null {
  const sorted = durationsMs.slice(0, maxRuns).toSorted((one, other) => one - other);
  const count = sorted.length;
  if (count < minRuns) return null;
  const likelyMs = Math.round(valueAt(sorted, (count + 1) / 2));
  const position = latestShare * (count + 1);
  const limitMs =
    position <= count
      ? valueAt(sorted, position)
      : Math.max(sorted.at(-1) ?? 0, Math.min(lognormalLimit(sorted), maxLatestMs));
  return { likelyMs, latestMs: Math.max(likelyMs, Math.round(limitMs)) };
}

/** The value at a position of a sorted list. Positions begin at 1; between two positions the value is interpolated. */
function valueAt(sorted: readonly number[], position: number): number {
  const below = sorted[Math.floor(position) - 1] ?? 0;
  const above = sorted[Math.ceil(position) - 1] ?? below;
  return below + (above - below) * (position - Math.floor(position));
}

/** The limit for few runs, whose logarithms are taken as normally distributed. */
function lognormalLimit(durationsMs: readonly number[]): number {
  const count = durationsMs.length;
  // A duration of 0 has no logarithm.
  const logs = durationsMs.map((ms) => Math.log(Math.max(1, ms)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / count;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (count - 1);
  return Math.exp(mean + (studentQuantiles[count - minRuns] ?? 0) * Math.sqrt(variance * (1 + 1 / count)));
}
