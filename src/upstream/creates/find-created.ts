import type { CreateAttempt } from './attempts.ts';
import type { Fit } from './matches-create.ts';

/**
 * Maximum lag of the platform's clock behind the gateway's, in milliseconds. Entities that are older existed before the
 * create.
 */
const clockSkewMs = 2_000;

/** An entity that a lost create may have made. */
export interface CreatedCandidate {
  readonly id: string;
  readonly createdAt: Date | null;
  /** Request that created it, if the platform reports it. */
  readonly requestId?: string | null;
}

/** Newest entities of the platform, newest first. */
export interface Newest<Candidate> {
  readonly entities: readonly Candidate[];
  /** Whether these are all entities of the platform. */
  readonly isAll: boolean;
  /** Number of entities that are missing here, because they cannot be read. Each of them may be the created one. */
  readonly unusable: number;
}

export interface LostCreate<Candidate> {
  readonly attempt: CreateAttempt;
  /** `x-request-id` of the create. */
  readonly requestId: string | null;
  fitOf(candidate: Candidate): Fit;
}

/** `absent`: the platform has no entity that the create may have created. */
export type Lookup<Candidate> =
  | { readonly kind: 'found'; readonly entity: Candidate }
  | { readonly kind: 'absent' | 'unknown' };

/**
 * Finds the entity that a lost create made among the platform's newest entities, and claims it. A candidate was created
 * after the create began, fits it, and is not known as the result of another create. Candidates whose records omit
 * parts count only if no other candidate fits. A single candidate is the result, unless another create of this process
 * may have made it. A candidate with the request id of the create is certain.
 */
export function findCreated<Candidate extends CreatedCandidate>(
  newest: Newest<Candidate>,
  { attempt, requestId, fitOf }: LostCreate<Candidate>,
): Lookup<Candidate> {
  const sinceMs = attempt.startedAt.getTime() - clockSkewMs;
  const fitting = newest.entities
    .filter(({ createdAt }) => createdAt === null || createdAt.getTime() >= sinceMs)
    .map((entity) => ({ entity, fit: fitOf(entity) }))
    .filter(({ entity, fit }) => fit !== 'different' && !attempt.isTaken(entity.id));
  if (fitting.length === 0) return { kind: reachesBackTo(sinceMs, newest) ? 'absent' : 'unknown' };

  const own = requestId === null ? undefined : fitting.find(({ entity }) => entity.requestId === requestId);
  const same = fitting.filter(({ fit }) => fit === 'same');
  const [found, ...others] = own !== undefined ? [own] : same.length > 0 ? same : fitting;
  // The time of creation must be known, because an older entity may fit too.
  if (found === undefined || found.entity.createdAt === null || others.length > 0) return { kind: 'unknown' };
  const { entity } = found;
  return attempt.claim(entity.id, own !== undefined) ? { kind: 'found', entity } : { kind: 'unknown' };
}

/** Whether the list contains every entity that was created since a moment. An unordered list proves nothing. */
function reachesBackTo(sinceMs: number, { entities, isAll, unusable }: Newest<CreatedCandidate>): boolean {
  if (unusable > 0) return false;
  if (isAll) return true;
  const times = entities.map(({ createdAt }) => createdAt?.getTime() ?? Number.NaN);
  const isNewestFirst = times.every((time, index) => index === 0 || time <= (times[index - 1] ?? Number.NaN));
  return isNewestFirst && (times.at(-1) ?? Number.NaN) < sinceMs;
}
