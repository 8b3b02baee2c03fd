/** The smallest number of earlier runs from which a duration is expected. */
export const minSampleSize = 3;
/** The number of newest runs from which a duration is expected. Older runs show an older amount of data. */
export const maxSampleSize = 30;

export interface ExpectedDuration {
  /** Half of the earlier runs took no longer, in milliseconds. */
  readonly likelyMs: number;
  /** Nine of ten runs take no longer, in milliseconds. Never less than `likelyMs`. */
  readonly latestMs: number;
  /** The shortest of the earlier runs, in milliseconds. */
  readonly earliestMs: number;
  /** The longest of the earlier runs, in milliseconds. */
  readonly longestMs: number;
  readonly sampleSize: number;
}

/** Maximum of `latestMs`: a year. Few and very different runs would otherwise give a time that no Date can hold. */
const maxLatestMs = 366 * 24 * 3_600_000;

/** Share of runs that end before `latestMs`. */
const latestShare = 0.9;

/** Quantiles of Student’s t distribution for `latestShare`, by degrees of freedom from 2 to 7. */
const studentQuantiles = [1.885618, 1.637744, 1.533206, 1.475884, 1.439756, 1.414924];

/**
 * The expected duration of a run, given the durations of earlier runs of the same shape. Null if there are fewer than
 * `minSampleSize`.
 *
 * `likelyMs` is the median. `latestMs` is the 90 % prediction limit for one further run:
 *
 * - From nine runs on, it is the value at position 0.9 (n + 1) of the sorted durations, interpolated linearly. If the
 *   runs are independent, a further run is as likely to fall into any of the n + 1 gaps, so that it ends before this
 *   value with a probability of 90 %, whatever the distribution is. Up to n / 10 outliers do not move it.
 * - Fewer than nine runs do not reach this position. The logarithms of their durations are then taken as normally
 *   distributed, with mean m and standard deviation s: m + t s √(1 + 1/n), where t is the 90 % quantile of Student's
 *   distribution with n - 1 degrees of freedom. The longest of the runs is the minimum of the result.
 */
export function expectedDuration(durationsMs: readonly number[]): ExpectedDuration | null {
  const sorted = durationsMs.slice(0, maxSampleSize).toSorted((a, b) => a - b);
  const sampleSize = sorted.length;
  const [earliestMs = 0] = sorted;
  const longestMs = sorted.at(-1) ?? 0;
  if (sampleSize < minSampleSize) return null;
  const likelyMs = Math.round(valueAt(sorted, (sampleSize + 1) / 2));
  const position = latestShare * (sampleSize + 1);
  const limitMs =
    position <= sampleSize
      ? valueAt(sorted, position)
      : Math.max(longestMs, Math.min(lognormalLimit(sorted), maxLatestMs));
  return { likelyMs, latestMs: Math.max(likelyMs, Math.round(limitMs)), earliestMs, longestMs, sampleSize };
}

/** The value at a position of a sorted list. Positions begin at 1; between two positions the value is interpolated. */
function valueAt(sorted: readonly number[], position: number): number {
  const below = sorted[Math.floor(position) - 1] ?? 0;
  const above = sorted[Math.ceil(position) - 1] ?? below;
  return below + (above - below) * (position - Math.floor(position));
}

function lognormalLimit(durationsMs: readonly number[]): number {
  const count = durationsMs.length;
  // A duration of 0 has no logarithm.
  const logs = durationsMs.map((ms) => Math.log(Math.max(1, ms)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / count;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (count - 1);
  const quantile = studentQuantiles[count - minSampleSize] ?? 0;
  return Math.exp(mean + quantile * Math.sqrt(variance * (1 + 1 / count)));
}
