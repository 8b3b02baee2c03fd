import { type CadenceBounds, type CadenceState, pauseMs } from './cadence.ts';

/** How long the fast cadence lasts after a nudge. */
const hurryMs = 30_000;

export interface PaceOptions extends CadenceBounds {
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Why the pause is as long as it is. */
export type PaceReason =
  | 'changed'
  | 'nudged'
  /** Nothing changes, but something runs. */
  | 'quiet'
  /** Nothing changes, and nothing runs. */
  | 'idle'
  | 'failed'
  /** The platform is called too often. */
  | 'rate limited';

export interface NextRound {
  readonly nextInMs: number;
  readonly why: PaceReason;
}

/** When the next round of a feed is due. All times are milliseconds of the clock. */
export class Pace {
  readonly #options: PaceOptions;
  #nextMs = 0;
  #requested = false;
  #hurriedUntilMs = 0;
  /** The platform asked not to be called before. */
  #heldUntilMs = 0;
  #quietRounds = 0;
  #failures = 0;
  #interruptions = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Failed rounds in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** The feed begins, or begins again: its first round is due at once. */
  start(): void {
    this.takeOver();
    this.#failures = 0;
  }

  /** From now on the rounds are made here: the first one is due at once. */
  takeOver(): void {
    this.#nextMs = 0;
    this.#heldUntilMs = 0;
    this.#quietRounds = 0;
    this.#interruptions = 0;
  }

  /**
   * @param awaited somebody cannot go on without a round
   */
  dueMs(awaited: boolean): number {
    // Readers that come and go in the middle of each round must not turn into a storm of calls.
    if (this.#interruptions > 1) return this.#nextMs;
    if (awaited) return 0;
    return this.#requested ? Math.min(this.#nextMs, this.#heldUntilMs) : this.#nextMs;
  }

  /** What was requested so far is answered by the round that begins now. */
  begin(): void {
    this.#requested = false;
  }

  /** Look at once, and often for a while. A platform that asked to wait is not called earlier. */
  nudge(nowMs: number): void {
    this.#requested = true;
    this.#quietRounds = 0;
    this.#hurriedUntilMs = nowMs + hurryMs;
  }

  succeeded(
    round: {
      readonly changed: boolean;
      readonly running: boolean;
      /** A part of the round was refused because there were too many calls. */
      readonly limited: boolean;
      readonly retryAfterMs: number | null;
    },
    nowMs: number,
  ): NextRound {
    this.#quietRounds = round.changed ? 0 : this.#quietRounds + 1;
    this.#failures = 0;
    this.#interruptions = 0;
    return this.#pause({ ...round, failures: 0 }, nowMs);
  }

  failed(round: { readonly limited: boolean; readonly retryAfterMs: number | null }, nowMs: number): NextRound {
    this.#failures += 1;
    this.#interruptions = 0;
    return this.#pause({ ...round, failures: this.#failures, running: true }, nowMs);
  }

  /** The round was given up because the owner of its reader left. The next one follows at once, but not again and again. */
  interrupted(nowMs: number): void {
    this.#interruptions += 1;
    this.#nextMs = this.#interruptions > 1 ? nowMs + this.#options.pollMinMs : nowMs;
  }

  #pause(round: Omit<CadenceState, 'quietRounds' | 'hurried'>, nowMs: number): NextRound {
    const state: CadenceState = { ...round, quietRounds: this.#quietRounds, hurried: nowMs < this.#hurriedUntilMs };
    const nextInMs = pauseMs(state, this.#options, this.#options.random());
    this.#nextMs = nowMs + nextInMs;
    this.#heldUntilMs = round.retryAfterMs === null ? 0 : this.#nextMs;
    return { nextInMs, why: reasonOf(state) };
  }
}

function reasonOf({ limited, failures, hurried, quietRounds, running }: CadenceState): PaceReason {
  if (limited) return 'rate limited';
  if (failures > 0) return 'failed';
  if (hurried) return 'nudged';
  if (quietRounds === 0) return 'changed';
  return running ? 'quiet' : 'idle';
}
