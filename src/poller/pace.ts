import type { PlatformHold } from './platform-holds.ts';

export interface PaceOptions {
  /** Shortest pause between two rounds, in milliseconds. @default 2_000 */
  readonly pollMinMs: number;
  /** Longest pause between two rounds, in milliseconds, unless the platform asks for more. @default 30_000 */
  readonly pollMaxMs: number;
  /** Chance, between 0 and 1. */
  readonly random: () => number;
}

/** Why the pause is as long as it is. */
export type PaceReason =
  | 'changed'
  | 'nudged'
  /** Nothing changes, but a watched entity runs. */
  | 'quiet'
  /** Nothing changes, and no watched entity runs. */
  | 'idle'
  | 'failed'
  /** The platform receives too many calls. */
  | 'rate limited';

export interface NextRound {
  readonly nextInMs: number;
  readonly why: PaceReason;
}

/** What the pause after a round depends on. */
export interface RoundSummary {
  /** The round failed as a whole. */
  readonly failed: boolean;
  /** Something changed, or needs a second reading soon. */
  readonly changed: boolean;
  /** A watched entity has not ended. */
  readonly running: boolean;
  /** A subscriber that waited for the round cannot begin after it. */
  readonly vain: boolean;
  /** The platform reported too many calls. */
  readonly limited: boolean;
  /** How long the platform asked to wait; null when it did not. */
  readonly retryAfterMs: number | null;
}

/**
 * Rounds in a row, for subscribers that cannot begin, that may follow each other without a pause. So many can read all ids
 * that one subscription may name.
 */
const maxVainRounds = 10;
/** How long the shortest pause lasts after a nudge, in milliseconds. */
const hurryMs = 30_000;
/** Growth of the pause with each quiet round while a watched entity runs, and while none does. */
const growthWhileRunning = 1.5;
const growthWhileIdle = 3;
const growthPerFailure = 2;
/**
 * Longest pause after a failed round, in milliseconds, before jitter: subscribers receive RECOVERED within 20 seconds of
 * the platform's return, even if an open circuit blocks the first round (for at most another 8 seconds).
 */
const longestFailurePauseMs = 8_000;
/** Share of a pause that jitter adds, so that the feeds of many tenants do not fall into step. */
const jitterShare = 0.2;
/** A longer wish of the platform is cut, so that one odd header does not stop a sandbox for a day. */
const maxRetryAfterMs = 300_000;

/** When the next round of a feed is due. All times are monotonic milliseconds. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #hold: PlatformHold;
  #nextMs = 0;
  #requested = false;
  #hurriedUntilMs = 0;
  #quietRounds = 0;
  #failures = 0;
  #interruptions = 0;
  #vainRounds = 0;

  /** @param hold how long the platform asked the tenant not to call the feed's service */
  constructor(options: PaceOptions, hold: PlatformHold) {
    this.#options = options;
    this.#hold = hold;
  }

  /** Failed rounds in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** The feed starts or restarts: its first round is due at once, unless the platform asked to wait. */
  start(): void {
    this.takeOver();
    this.#failures = 0;
  }

  /** This replica begins to poll: the first round is due at once, unless the platform asked to wait. */
  takeOver(): void {
    this.#nextMs = 0;
    this.#quietRounds = 0;
    this.#interruptions = 0;
    this.#vainRounds = 0;
  }

  /** @param awaited a subscriber cannot begin without a round */
  dueMs(awaited: boolean): number {
    // Neither readers that come and go during each round nor one that no round can serve may cause a storm of calls.
    const isPressing = this.#requested || (awaited && this.#vainRounds < maxVainRounds);
    const dueMs = isPressing && this.#interruptions <= 1 ? 0 : this.#nextMs;
    return Math.max(dueMs, this.#hold.untilMs);
  }

  /** The round that begins now satisfies every request so far. */
  begin(): void {
    this.#requested = false;
  }

  /** The next round is due at once, and the pauses are the shortest for a while. */
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
    const next = this.#pauseAfter(round, nowMs);
    this.#nextMs = nowMs + next.nextInMs;
    if (round.limited || round.retryAfterMs !== null) this.#hold.extend(this.#nextMs);
    return next;
  }

  /** The round was given up because the owner of its reader left. The next round follows at once, but only once. */
  interrupted(nowMs: number): void {
    this.#interruptions += 1;
    this.#nextMs = this.#interruptions > 1 ? nowMs + this.#options.pollMinMs : nowMs;
  }

  #pauseAfter(round: RoundSummary, nowMs: number): NextRound {
    const { pollMinMs, pollMaxMs, random } = this.#options;
    const why = this.#reason(round, nowMs);
    const jitter = 1 + jitterShare * random();
    const base = Math.max(pollMinMs, Math.min(this.#unboundedPauseMs(why), pollMaxMs / (1 + jitterShare)));
    const pauseMs = Math.min(base * jitter, pollMaxMs);
    const askedMs = Math.min(round.retryAfterMs ?? 0, maxRetryAfterMs);
    return { nextInMs: Math.round(askedMs > pauseMs ? askedMs * jitter : pauseMs), why };
  }

  #reason({ failed, limited, running }: RoundSummary, nowMs: number): PaceReason {
    if (limited) return 'rate limited';
    if (failed) return 'failed';
    if (nowMs < this.#hurriedUntilMs) return 'nudged';
    if (this.#quietRounds === 0) return 'changed';
    return running ? 'quiet' : 'idle';
  }

  #unboundedPauseMs(why: PaceReason): number {
    const { pollMinMs } = this.#options;
    switch (why) {
      case 'rate limited':
        return pollMinMs * growthPerFailure ** Math.max(1, this.#failures);
      case 'failed':
        return Math.min(pollMinMs * growthPerFailure ** this.#failures, longestFailurePauseMs);
      case 'nudged':
      case 'changed':
        return pollMinMs;
      case 'quiet':
        return pollMinMs * growthWhileRunning ** this.#quietRounds;
      case 'idle':
        return pollMinMs * growthWhileIdle ** this.#quietRounds;
    }
  }
}
