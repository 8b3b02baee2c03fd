import { platformId } from '../../domain/ids.ts';
import type { EvaluatedSegment, SegmentJobMetrics } from '../../domain/segment-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeNamespaceCounts, decodeTimeSpan } from './job.ts';
import { readMembershipStatus } from './membership-status.ts';
import { asList, asRecord, readCount, readId } from './readers.ts';

type MetricsKey =
  | 'totalTime'
  | 'profileSegmentationTime'
  | 'totalProfiles'
  | 'segmentedProfileCounter'
  | 'segmentedProfileByNamespaceCounter'
  | 'segmentedProfileByStatusCounter';

/** Null while the job has none, as right after it was created; any subset of them may be there. */
export function decodeSegmentJobMetrics(value: unknown): SegmentJobMetrics | null {
  const metrics = asRecord<MetricsKey>(value);
  if (metrics === null) return null;
  return {
    totalTime: decodeTimeSpan(metrics.totalTime),
    profileSegmentationTime: decodeTimeSpan(metrics.profileSegmentationTime),
    totalProfiles: readCount(metrics.totalProfiles),
  };
}

/**
 * The segments that a job evaluates, with what its metrics count of them. First those that it lists, then those that are
 * only counted: the counters may speak of more segments, and of each when the list is the one entry `*`.
 */
export function decodeEvaluatedSegments(
  segments: unknown,
  metrics: unknown,
  context: DecodeContext,
): readonly EvaluatedSegment[] {
  const record = asRecord<MetricsKey>(metrics) ?? {};
  const profiles = entriesOf(record.segmentedProfileCounter);
  const namespaces = entriesOf(record.segmentedProfileByNamespaceCounter);
  const statuses = entriesOf(record.segmentedProfileByStatusCounter);
  const listed = asList(segments).flatMap((value) => {
    const id = listedId(value);
    if (id === null) context.anomaly('missing-field');
    return id ?? [];
  });
  const ids = new Set([...listed, ...profiles.keys(), ...namespaces.keys(), ...statuses.keys()]);
  return [...ids].map((id) => ({
    segmentId: platformId(id),
    profileCount: readCount(profiles.get(id)),
    profilesByNamespace: decodeNamespaceCounts(namespaces.get(id)),
    profilesByStatus: decodeStatusCounts(statuses.get(id), context),
  }));
}

/** `{segmentId, segment?: {id, …}}`. The entry `*` has no segment. */
function listedId(value: unknown): string | null {
  const entry = asRecord<'segmentId' | 'segment'>(value);
  return readId(entry?.segmentId) ?? readId(asRecord<'id'>(entry?.segment)?.id);
}

const entriesOf = (value: unknown): ReadonlyMap<string, unknown> => new Map(Object.entries(asRecord(value) ?? {}));

/** A map from membership status to count; several words for one status count together. */
function decodeStatusCounts(value: unknown, context: DecodeContext): EvaluatedSegment['profilesByStatus'] {
  const counts = new Map<EvaluatedSegment['profilesByStatus'][number]['status'], number>();
  for (const [raw, counter] of entriesOf(value)) {
    const count = readCount(counter);
    if (count === null) continue;
    const status = readMembershipStatus(raw, context);
    counts.set(status, (counts.get(status) ?? 0) + count);
  }
  return [...counts].map(([status, count]) => ({ status, count }));
}
