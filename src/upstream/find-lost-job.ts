import type { CreateAttempt } from './create-ledger.ts';

/** How far the platform's clock may be behind this one, in milliseconds. What is older was there before the create. */
const clockSkewMs = 2_000;

/** What a create may have made: a job, or anything else that the platform keeps. */
export interface LostCandidate {
  readonly id: string;
  readonly createdAt: Date | null;
  /** The request that created it, where the platform tells. */
  readonly requestId?: string | null;
}

export interface LostCreate<Candidate> {
  readonly attempt: CreateAttempt;
  /** The `x-request-id` of the create. */
  readonly requestId: string | null;
  /** Whether the candidate is what the create would have made. */
  fits(candidate: Candidate): boolean;
}

/**
 * The one among the newest candidates that a lost create has made, and claims it: created since the create began, made of
 * the same, and not known to be the result of another create. Null when there is none, when there are several, or when
 * another create of this process might have made it; nobody can tell then. One that names the request of the create
 * itself is beyond doubt.
 */
export function findLostJob<Candidate extends LostCandidate>(
  newest: readonly Candidate[],
  { attempt, requestId, fits }: LostCreate<Candidate>,
): Candidate | null {
  const sinceMs = attempt.startedAt.getTime() - clockSkewMs;
  const possible = newest.filter(
    (candidate) =>
      candidate.createdAt !== null &&
      candidate.createdAt.getTime() >= sinceMs &&
      fits(candidate) &&
      !attempt.isTaken(candidate.id),
  );
  const own = requestId === null ? undefined : possible.find((candidate) => candidate.requestId === requestId);
  const [found, ...others] = own === undefined ? possible : [own];
  if (found === undefined || others.length > 0) return null;
  return attempt.claim(found.id, own !== undefined) ? found : null;
}
