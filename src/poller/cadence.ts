export interface CadenceBounds {
  /** @default 2_000 */
  readonly pollMinMs: number;
  /** @default 30_000 */
  readonly pollMaxMs: number;
}

/** What the next pause depends on. */
export interface CadenceState {
  /** Good rounds in a row in which nothing changed. */
  readonly quietRounds: number;
  /** Failed rounds in a row. */
  readonly failures: number;
  /** The platform said in the last round that it is called too often. */
  readonly limited: boolean;
  /** How long the platform asked to be left alone; null when it did not. */
  readonly retryAfterMs: number | null;
  /** Something that is watched has not ended. */
  readonly running: boolean;
  /** Somebody has just changed something here. */
  readonly hurried: boolean;
}

/** How much longer each quiet round makes the pause while something runs, and while nothing does. */
const growthWhileRunning = 1.5;
const growthWhileIdle = 3;
const growthPerFailure = 2;
/**
 * The longest pause after a round in which the platform could not be read, in milliseconds, before chance adds to it:
 * subscribers shall hear within 20 seconds that it is back, also when the circuit of its service still stops the first
 * round (for at most another 8 seconds).
 */
const longestFailurePauseMs = 8_000;
/** The share of a pause that chance adds, so that the feeds of many tenants do not fall into step. */
const jitterShare = 0.2;
/** A longer wish of the platform is cut: nobody would see a sandbox again today because of one odd header. */
const maxRetryAfterMs = 300_000;

/**
 * How long to wait after a round, in milliseconds: between the bounds, longer only where the platform asked for it.
 * @param random between 0 and 1
 */
export function pauseMs(state: CadenceState, { pollMinMs, pollMaxMs }: CadenceBounds, random: number): number {
  const jitter = 1 + jitterShare * random;
  const base = Math.max(pollMinMs, Math.min(unboundedPauseMs(state, pollMinMs), pollMaxMs / (1 + jitterShare)));
  const pause = Math.min(base * jitter, pollMaxMs);
  const asked = Math.min(state.retryAfterMs ?? 0, maxRetryAfterMs);
  return Math.round(asked > pause ? asked * jitter : pause);
}

function unboundedPauseMs(state: CadenceState, pollMinMs: number): number {
  const { quietRounds, failures, limited, running, hurried } = state;
  if (limited) return pollMinMs * growthPerFailure ** Math.max(1, failures);
  if (failures > 0) return Math.min(pollMinMs * growthPerFailure ** failures, longestFailurePauseMs);
  if (hurried) return pollMinMs;
  return pollMinMs * (running ? growthWhileRunning : growthWhileIdle) ** quietRounds;
}
