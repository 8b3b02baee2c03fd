import { platformId } from '../../domain/ids.ts';
import { sumOfCounts } from '../../domain/job.ts';
import type { EvaluatedSegment, SegmentJobMetrics } from '../../domain/segment-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { figuresOf } from './figures.ts';
import { decodeNamespaceCounts, decodeTimeSpan, decodeTotalTime } from './job.ts';
import { readMembershipStatus } from './membership-status.ts';
import { asList, asRecord, readCount, readId, type WireRecord } from './readers.ts';

/**
 * The metrics of a job. Null if the job has none, for example directly after its creation. Any subset may be present.
 */
export function decodeSegmentJobMetrics(job: WireRecord<'metrics'>, context: DecodeContext): SegmentJobMetrics | null {
  const figure = figuresOf(job);
  const metrics = {
    totalTime: decodeTotalTime(figure, context),
    profileSegmentationTime: figure((value) => decodeTimeSpan(value, context), 'profileSegmentationTime'),
    totalProfiles: figure(readCount, 'totalProfiles'),
  };
  const isEmpty = Object.values(metrics).every((value) => value === null);
  return isEmpty && asRecord(job.metrics) === null ? null : metrics;
}

/**
 * The segments that a job evaluates, with the counts in its metrics. The listed segments come first, followed by
 * segments that only the metrics contain. If the list is the single entry `*`, the metrics contain all segments.
 */
export function decodeEvaluatedSegments(
  job: WireRecord<'segments' | 'metrics'>,
  context: DecodeContext,
): readonly EvaluatedSegment[] {
  const figure = figuresOf(job);
  const profiles = figure(asRecord, 'segmentedProfileCounter');
  const namespaces = figure(asRecord, 'segmentedProfileByNamespaceCounter');
  const statuses = figure(asRecord, 'segmentedProfileByStatusCounter');
  const listed = asList(job.segments).flatMap((value) => {
    const id = listedId(value);
    if (id === null) context.anomaly('missing-field');
    return id ?? [];
  });
  const counted = [profiles, namespaces, statuses].flatMap((counters) => Object.keys(counters ?? {}));
  return [...new Set([...listed, ...counted])].map((id) => ({
    segmentId: platformId(id),
    profileCount: readCount(profiles?.[id]),
    profilesByNamespace: decodeNamespaceCounts(namespaces?.[id]) ?? [],
    profilesByStatus: decodeStatusCounts(statuses?.[id], context),
  }));
}

/** `{segmentId, segment?: {id, …}}`. The entry `*` has no segment. */
function listedId(value: unknown): string | null {
  const entry = asRecord<'segmentId' | 'segment'>(value);
  return readId(entry?.segmentId) ?? readId(asRecord<'id'>(entry?.segment)?.id);
}

/** A map from membership status to count; several words for one status count together. */
function decodeStatusCounts(value: unknown, context: DecodeContext): EvaluatedSegment['profilesByStatus'] {
  const counts = new Map<EvaluatedSegment['profilesByStatus'][number]['status'], number>();
  for (const [raw, counter] of Object.entries(asRecord(value) ?? {})) {
    const count = readCount(counter);
    if (count === null) continue;
    const status = readMembershipStatus(raw, context);
    counts.set(status, sumOfCounts(counts.get(status) ?? 0, count));
  }
  return [...counts].map(([status, count]) => ({ status, count }));
}
