import { backoffMs } from '../runtime/backoff.ts';
import type { EndLimits } from './cadence.ts';
import type { PlatformHold } from './holds.ts';

export interface PollScheduleOptions {
  /** Shortest pause between two rounds, in milliseconds. */
  readonly pollMinMs: number;
  /** Longest pause between two rounds, in milliseconds, unless the platform requests a longer one. */
  readonly pollMaxMs: number;
  /** Returns a random number from 0 to below 1. */
  readonly random: () => number;
}

/** Reason for the length of the pause. */
export type PauseReason =
  | 'changed'
  | 'nudged'
  /** No change, but a watched entity runs. */
  | 'quiet'
  /** No change, but a watched entity is about to end. */
  | 'near end'
  /** No change, and no watched entity runs. */
  | 'idle'
  | 'failed'
  /** The platform receives too many calls. */
  | 'rate limited';

export interface NextRound {
  readonly nextInMs: number;
  readonly why: PauseReason;
}

/** Facts about a round that determine the pause after it. */
export interface RoundSummary {
  /** The round failed as a whole. */
  readonly failed: boolean;
  /** Something changed, or needs a second reading soon. */
  readonly changed: boolean;
  /** A watched entity runs. */
  readonly running: boolean;
  /** Limits that follow from the expected ends of the running entities. Absent or null: none. */
  readonly ends?: EndLimits | null;
  /** A subscriber that waited for the round still cannot begin. */
  readonly vain: boolean;
  /** The platform reported too many calls. */
  readonly limited: boolean;
  /** Pause that the platform requested, in milliseconds; null: it requested none. */
  readonly retryAfterMs: number | null;
}

/**
 * Maximum number of consecutive rounds without a pause for subscribers that cannot begin. This number can read all ids
 * that one subscription may name.
 */
const maxVainRounds = 10;
/** Time for which pauses stay at the minimum after a nudge, in milliseconds. */
const hurryMs = 30_000;
/** Growth factor of the pause per quiet round, while a watched entity runs and while none does. */
const growthWhileRunning = 1.5;
const growthWhileIdle = 3;
/**
 * Maximum pause after a failed round, in milliseconds, before jitter. Subscribers receive RECOVERED within 20 seconds
 * of the platform's return, even if an open circuit blocks the first round (for at most another 8 seconds).
 */
const longestFailurePauseMs = 8_000;
/** Maximum share of a pause that jitter adds, so that the feeds of many tenants do not synchronize. */
const jitterShare = 0.2;
/** Maximum Retry-After that is honored, in milliseconds, so that one wrong header does not stop a sandbox for a day. */
const maxRetryAfterMs = 300_000;

/** Determines when the next round of a feed is due. All times are monotonic milliseconds. */
export class PollSchedule {
  readonly #options: PollScheduleOptions;
  readonly #hold: Pick<PlatformHold, 'untilMs' | 'extend'>;
  #nextMs = 0;
  #requested = false;
  #hurriedUntilMs = 0;
  #quietRounds = 0;
  #failures = 0;
  #interruptions = 0;
  #vainRounds = 0;

  /** @param hold time until which the platform permits no call of the tenant to the feed's service */
  constructor(options: PollScheduleOptions, hold: Pick<PlatformHold, 'untilMs' | 'extend'>) {
    this.#options = options;
    this.#hold = hold;
  }

  /** Number of consecutive failed rounds. */
  get failures(): number {
    return this.#failures;
  }

  /** The feed starts or restarts. Its first round is due at once, unless the platform requested a pause. */
  start(): void {
    this.takeOver();
    this.#failures = 0;
  }

  /** This replica begins to poll. Its first round is due at once, unless the platform requested a pause. */
  takeOver(): void {
    this.#nextMs = 0;
    this.#quietRounds = 0;
    this.#interruptions = 0;
    this.#vainRounds = 0;
  }

  /** @param awaited whether a subscriber cannot begin without a round */
  dueMs(awaited: boolean): number {
    // Readers that leave during each round, or a reader that no round can serve, must not cause a storm of calls.
    const isPressing = this.#requested || (awaited && this.#vainRounds < maxVainRounds);
    const dueMs = isPressing && this.#interruptions <= 1 ? 0 : this.#nextMs;
    return Math.max(dueMs, this.#hold.untilMs);
  }

  /** The round that begins now satisfies all requests so far. */
  begin(): void {
    this.#requested = false;
  }

  /** Makes the next round due at once, and keeps the pauses at the minimum for a while. */
  nudge(nowMs: number): void {
    this.#requested = true;
    this.#quietRounds = 0;
    this.#hurriedUntilMs = nowMs + hurryMs;
  }

  ended(round: RoundSummary, nowMs: number): NextRound {
    this.#interruptions = 0;
    this.#vainRounds = round.vain ? this.#vainRounds + 1 : 0;
    this.#failures = round.failed ? this.#failures + 1 : 0;
    if (!round.failed) this.#quietRounds = round.changed ? 0 : this.#quietRounds + 1;
    // After the last expected end, pauses grow from the shortest one again.
    if (round.ends?.nearMs != null) this.#quietRounds = Math.min(this.#quietRounds, 1);
    const next = this.#pauseAfter(round, nowMs);
    this.#nextMs = nowMs + next.nextInMs;
    if (round.limited || round.retryAfterMs !== null) this.#hold.extend(this.#nextMs);
    return next;
  }

  /**
   * Notes that the round was aborted because the owner of its reader left. The next round follows at once, but only the
   * first time.
   */
  interrupted(nowMs: number): void {
    this.#interruptions += 1;
    this.#nextMs = this.#interruptions > 1 ? nowMs + this.#options.pollMinMs : nowMs;
  }

  #pauseAfter(round: RoundSummary, nowMs: number): NextRound {
    const { pollMinMs, pollMaxMs, random } = this.#options;
    const why = this.#reason(round, nowMs);
    const jitter = 1 + jitterShare * random();
    const { nearMs = null, untilNearMs = null, longestMs = null } = round.ends ?? {};
    const maxMs = why === 'quiet' ? (longestMs ?? pollMaxMs) : pollMaxMs;
    const base = Math.max(pollMinMs, Math.min(this.#unboundedPauseMs(why), maxMs / (1 + jitterShare)));
    const usualMs = Math.min(base * jitter, maxMs, why === 'quiet' ? (untilNearMs ?? maxMs) : maxMs);
    const pauseMs = why === 'near end' && nearMs !== null ? nearMs : usualMs;
    const requestedMs = Math.min(round.retryAfterMs ?? 0, maxRetryAfterMs);
    return { nextInMs: Math.round(requestedMs > pauseMs ? requestedMs * jitter : pauseMs), why };
  }

  #reason({ failed, limited, running, ends }: RoundSummary, nowMs: number): PauseReason {
    if (limited) return 'rate limited';
    if (failed) return 'failed';
    if (nowMs < this.#hurriedUntilMs) return 'nudged';
    if (this.#quietRounds === 0) return 'changed';
    if (running && ends?.nearMs != null) return 'near end';
    return running ? 'quiet' : 'idle';
  }

  #unboundedPauseMs(why: PauseReason): number {
    const { pollMinMs, pollMaxMs } = this.#options;
    switch (why) {
      case 'rate limited':
        return backoffMs({ firstMs: 2 * pollMinMs, maxMs: pollMaxMs }, Math.max(1, this.#failures));
      case 'failed':
        return backoffMs({ firstMs: 2 * pollMinMs, maxMs: longestFailurePauseMs }, this.#failures);
      case 'nudged':
      case 'changed':
      case 'near end':
        return pollMinMs;
      case 'quiet':
        return pollMinMs * growthWhileRunning ** this.#quietRounds;
      case 'idle':
        return pollMinMs * growthWhileIdle ** this.#quietRounds;
    }
  }
}
