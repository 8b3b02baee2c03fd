import { type ExpectedRun, outcomeOf } from './runs.ts';

/** Columns of the plot, oldest run first. A value is null if the run has none. Times are seconds since 1970. */
export interface PlotData {
  readonly times: number[];
  readonly likely: (number | null)[];
  readonly latest: (number | null)[];
  readonly succeeded: (number | null)[];
  readonly failed: (number | null)[];
  readonly cancelled: (number | null)[];
}

/** @param runs newest first */
export function plotDataOf(runs: readonly ExpectedRun[]): PlotData {
  const timed = runs.filter(({ totalMs }) => totalMs !== null).toReversed();
  const ofOutcome = (...names: readonly ReturnType<typeof outcomeOf>[]) =>
    timed.map((run) => (names.includes(outcomeOf(run)) ? run.totalMs : null));
  return {
    times: timed.map(({ createdAt }) => Date.parse(createdAt) / 1_000),
    likely: timed.map(({ expected }) => expected?.likelyMs ?? null),
    latest: timed.map(({ expected }) => expected?.latestMs ?? null),
    succeeded: ofOutcome('succeeded'),
    failed: ofOutcome('failed'),
    cancelled: ofOutcome('cancelled', 'unknown'),
  };
}
