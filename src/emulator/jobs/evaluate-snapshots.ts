import { evaluateSegments, type MembershipModel, SegmentExpressionError } from '../engine/evaluate-segments.ts';
import type { Database } from '../store/connection.ts';
import type { SegmentJob, SegmentJobCounts } from '../store/platform-store-segment-jobs.ts';
import type { JobError } from './job-transitions.ts';

/** Type and format of expressions that can be evaluated. */
const supportedExpression = { type: 'PQL', format: 'pql/text' } as const;

const callStack = 'com.adobe.aep.unifiedprofile.segmentation.SegmentJob';

export type EvaluationOutcome =
  | { readonly kind: 'evaluated'; readonly counts: SegmentJobCounts }
  | { readonly kind: 'failed'; readonly error: JobError };

/**
 * Evaluates segments and updates the memberships atomically. Errors in the segments themselves (a missing definition,
 * an invalid expression) are returned as an outcome; all other errors are thrown.
 * @throws the signal's reason when `signal` aborts before the memberships were changed
 */
export async function evaluateSnapshots(
  database: Database,
  sandbox: string,
  segments: NonNullable<SegmentJob['segments']>,
  { now, membershipModel }: { readonly now: Date; readonly membershipModel: MembershipModel },
  signal: AbortSignal,
): Promise<EvaluationOutcome> {
  const evaluated: { id: string; expression: string; mergePolicyId: string }[] = [];
  for (const { segmentId, segment } of segments) {
    if (segment === null) return failed('0200000004', `Segment definition '${segmentId}' does not exist.`);
    const { type, format, value } = segment.expression;
    if (type !== supportedExpression.type || format !== supportedExpression.format) {
      return failed(
        '0200000005',
        `Segment '${segmentId}' has an expression of ${type} ${format}: only PQL pql/text is evaluated.`,
      );
    }
    evaluated.push({ id: segmentId, expression: value, mergePolicyId: segment.mergePolicy.id });
  }
  try {
    const result = await evaluateSegments(database, { sandbox, segments: evaluated, now, membershipModel }, signal);
    const perSegment = <T>(read: (counts: (typeof result.bySegment)[string]) => T) =>
      Object.fromEntries(Object.entries(result.bySegment).map(([id, counts]) => [id, read(counts)]));
    return {
      kind: 'evaluated',
      counts: {
        totalProfiles: result.totalProfiles,
        totalProfilesByMergePolicy: result.totalProfilesByMergePolicy,
        segmentedProfileCounter: perSegment(({ total }) => total),
        segmentedProfileByNamespaceCounter: perSegment(({ byNamespace }) => byNamespace),
        segmentedProfileByStatusCounter: perSegment(({ byStatus: { realized, existing, exited } }) =>
          membershipModel === 'two-state' ? { realized, exited } : { realized, existing, exited },
        ),
      },
    };
  } catch (error) {
    if (!(error instanceof SegmentExpressionError)) throw error;
    const { position } = error.cause;
    return failed('0200000006', `${error.message} Offset ${position}, segment '${error.segmentId}'.`);
  }
}

function failed(code: string, msg: string): { kind: 'failed'; error: JobError } {
  return { kind: 'failed', error: { code, msg, callStack } };
}
