import type { RunExpectation } from '../domain/runs/run-index.ts';

/** Limits of the next pause that follow from the expected ends of the running entities. All are in milliseconds. */
export interface EndLimits {
  /** Pause while an entity is about to end; null: none is. */
  readonly nearMs: number | null;
  /** Time until an entity is about to end; null: no end is expected later. */
  readonly untilNearMs: number | null;
  /** Longest pause before that; null: the usual one. */
  readonly longestMs: number | null;
}

export interface CadenceOptions {
  /** Present time on the clock of the platform, in milliseconds. */
  readonly nowMs: number;
  /** Whether new entities must be found as well, so that pauses do not become longer than usual. */
  readonly findsNew: boolean;
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
}

/** Number of rounds between the shortest and the longest of the earlier runs. Wider periods have longer pauses. */
const roundsNearEnd = 120;
/** Share of a run by which its change in the middle may be read late, and the maximum of the pause in usual maximums. */
const lateShare = 0.01;
const maxStretch = 5;

/**
 * The limits of the next pause. An entity is about to end from the time at which the shortest of the earlier runs had
 * ended until the time at which the longest had. Before, pauses may be 1 % of the run if an end is expected of every
 * running entity.
 * @param expectations of the running entities; null: no end is expected of the entity
 */
export function endLimits(
  expectations: readonly (RunExpectation | null)[],
  { nowMs, findsNew, pollMinMs, pollMaxMs }: CadenceOptions,
): EndLimits {
  let [nearMs, untilNearMs, shortestRunMs] = [Infinity, Infinity, Infinity];
  let isEachExpected = expectations.length > 0;
  for (const expectation of expectations) {
    if (expectation === null) {
      isEachExpected = false;
      continue;
    }
    const { likelyMs, earliestMs, longestMs } = expectation.duration;
    const createdMs = expectation.likelyEndAt.getTime() - likelyMs;
    const fromMs = createdMs + earliestMs - pollMinMs;
    if (nowMs < fromMs) {
      untilNearMs = Math.min(untilNearMs, fromMs - nowMs);
      shortestRunMs = Math.min(shortestRunMs, likelyMs);
      continue;
    }
    isEachExpected = false;
    if (nowMs > createdMs + longestMs + pollMinMs) continue;
    const pauseMs = Math.max(pollMinMs, (longestMs - earliestMs) / roundsNearEnd);
    if (pauseMs < pollMaxMs) nearMs = Math.min(nearMs, pauseMs);
  }
  const stretchedMs = Math.min(shortestRunMs * lateShare, pollMaxMs * maxStretch);
  return {
    nearMs: nearMs === Infinity ? null : Math.round(nearMs),
    untilNearMs: untilNearMs === Infinity ? null : Math.max(pollMinMs, Math.round(untilNearMs)),
    longestMs: isEachExpected && !findsNew && stretchedMs > pollMaxMs ? Math.round(stretchedMs) : null,
  };
}
