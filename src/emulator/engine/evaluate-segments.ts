import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import type { SeededMergePolicy } from '../catalog/population.ts';
import { PqlError } from '../pql/pql-error.ts';
import type { Database, Session } from '../store/connection.ts';
import { Permits } from '../store/permits.ts';
import type { Statement } from '../store/sql.ts';
import type { XdmFields } from '../xdm/own-fields.ts';
import { countMemberships, type SegmentCounts } from './evaluate-segments-counts.ts';
import { compileMatches, type NumberedSegment } from './evaluate-segments-matches.ts';
import { updateMemberships } from './evaluate-segments-memberships.ts';

export type { SegmentCounts } from './evaluate-segments-counts.ts';

/**
 * Status of a member that stays in a segment: `existing`, which distinguishes it from a new member, or `realized`, as
 * in the platform's newer model.
 */
export type MembershipModel = 'three-state' | 'two-state';

export interface EvaluatedSegment {
  readonly id: string;
  /** PQL text. */
  readonly expression: string;
  /** Overrides the merge policy of the evaluation. */
  readonly mergePolicyId?: string | null;
}

export interface SegmentEvaluation {
  readonly sandbox: string;
  /** Merge policy for segments that name none; null = the sandbox's default policy. @default null */
  readonly mergePolicyId?: string | null;
  /** If an id occurs more than once, the last segment with it counts. */
  readonly segments: readonly EvaluatedSegment[];
  /** Value of `now` in the expressions, and `lastQualificationTime` of profiles that enter or leave a segment. */
  readonly now: Date;
  /** @default 'three-state' */
  readonly membershipModel?: MembershipModel;
}

export interface SegmentEvaluationResult {
  /** Number of evaluated profiles, summed over all merge policies. */
  readonly totalProfiles: number;
  /** Number of evaluated profiles per merge policy id of the segments. */
  readonly totalProfilesByMergePolicy: Readonly<Record<string, number>>;
  /** Counts per segment id. Every evaluated segment is present. */
  readonly bySegment: Readonly<Record<string, SegmentCounts>>;
}

/**
 * Thrown when the expression of a segment cannot be evaluated; `cause` holds the reason and its position in the text.
 */
export class SegmentExpressionError extends Error {
  override readonly name = 'SegmentExpressionError';
  override readonly cause: PqlError;
  readonly segmentId: string;

  constructor(segmentId: string, cause: PqlError) {
    super(`The expression of segment ${segmentId} cannot be evaluated: ${cause.message}`);
    this.segmentId = segmentId;
    this.cause = cause;
  }
}

/** Concurrent evaluations would change the same memberships, and the database would reject one of them. */
const evaluations = new WeakMap<Database, Permits>();

/**
 * Evaluates segments over all profiles of a sandbox and updates their memberships atomically. A profile that fulfils
 * the expression becomes `realized`; if it was a member before, it stays one (see `MembershipModel`). A member that no
 * longer fulfils the expression becomes `exited`, and is removed `exitedLifetimeMs` after it left. Memberships of other
 * segments do not change; `inSegment` in an expression reads the memberships from before the evaluation.
 * Evaluations of one database run one after the other.
 * @throws {SegmentExpressionError} for the first expression that is not PQL of the supported subset.
 * @throws {UnknownMergePolicyError} when the evaluation or a segment names an unknown merge policy.
 * @throws the signal's reason when `signal` aborts before the changes were committed.
 */
export async function evaluateSegments(
  db: Database,
  evaluation: SegmentEvaluation,
  signal?: AbortSignal,
): Promise<SegmentEvaluationResult> {
  const { membershipModel = 'three-state', sandbox, now } = evaluation;
  const { ids, policies } = compileEvaluation(evaluation, db.fields);
  const permits = evaluations.get(db) ?? new Permits(1);
  evaluations.set(db, permits);
  return await permits.hold(
    () =>
      db.session(
        (session) =>
          session.transaction(async () => {
            await createTables(session, ids);
            const profiles: [policyId: string, count: number][] = [];
            for (const { policy, matches } of policies) {
              await session.run(`INSERT INTO segment_matches ${matches.sql}`, matches.parameters);
              profiles.push([policy.id, await countProfiles(session, sandbox, policy)]);
            }
            await updateMemberships(session, {
              sandbox,
              now,
              staying: membershipModel === 'two-state' ? 'realized' : 'existing',
            });
            return {
              totalProfiles: profiles.reduce((sum, [, count]) => sum + count, 0),
              totalProfilesByMergePolicy: Object.fromEntries(profiles),
              bySegment: await countMemberships(session, sandbox, ids),
            };
          }),
        signal,
      ),
    signal,
  );
}

interface CompiledEvaluation {
  /** Segment ids, indexed by segment number. */
  readonly ids: readonly string[];
  readonly policies: readonly { readonly policy: SeededMergePolicy; readonly matches: Statement }[];
}

function compileEvaluation(
  { sandbox, segments, mergePolicyId = null, now }: SegmentEvaluation,
  fields: XdmFields,
): CompiledEvaluation {
  const byId = new Map(segments.map((segment) => [segment.id, segment]));
  const ids = [...byId.keys()];
  const byPolicy = new Map<SeededMergePolicy, NumberedSegment[]>();
  for (const [number, segment] of [...byId.values()].entries()) {
    const policy = findMergePolicy(segment.mergePolicyId ?? mergePolicyId);
    const own = byPolicy.get(policy) ?? [];
    own.push({ number, expression: segment.expression });
    byPolicy.set(policy, own);
  }
  return {
    ids,
    policies: [...byPolicy].map(([policy, own]) => ({
      policy,
      matches: compileMatches(
        sandbox,
        policy,
        own,
        now,
        ({ number }, compile) => {
          try {
            return compile();
          } catch (error) {
            throw error instanceof PqlError ? new SegmentExpressionError(ids[number] ?? '', error) : error;
          }
        },
        fields,
      ),
    })),
  };
}

async function createTables(session: Session, ids: readonly string[]): Promise<void> {
  await session.run('CREATE TEMP TABLE evaluated_segments (number INTEGER, segment_id VARCHAR)');
  await session.run('INSERT INTO evaluated_segments SELECT unnest(range(len($1::VARCHAR[]))), unnest($1::VARCHAR[])', [
    ids,
  ]);
  await session.run('CREATE TEMP TABLE segment_matches (person BIGINT, number INTEGER)');
}

/** Counts profiles under a merge policy: people when it stitches, fragments when it does not. */
async function countProfiles(session: Session, sandbox: string, policy: SeededMergePolicy): Promise<number> {
  const counted = policy.identityGraph.type === 'none' ? '*' : 'DISTINCT person';
  const [row] = await session.all<{ profiles: number }>(
    `SELECT count(${counted}) AS profiles FROM profile_fragments WHERE sandbox = $1`,
    [sandbox],
  );
  return row?.profiles ?? 0;
}
