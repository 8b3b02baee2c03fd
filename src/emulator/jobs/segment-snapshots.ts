import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import type { SegmentJob, SegmentSnapshot } from '../store/platform-store-segment-jobs.ts';

/** Segment id that stands for all segments. */
export const everySegment = '*';

type Segments = NonNullable<SegmentJob['segments']>;

/** Snapshots of segment definitions; null for a segment without a definition. Each id occurs once. */
export async function snapshotsOf(
  { segmentDefinitions }: Pick<PlatformRecords, 'segmentDefinitions'>,
  sandbox: string,
  ids: readonly string[],
): Promise<Segments> {
  const distinct = [...new Set(ids)];
  const byId = new Map((await segmentDefinitions.findMany(sandbox, distinct)).map((each) => [each.id, each]));
  return distinct.map((segmentId) => {
    const definition = byId.get(segmentId);
    return { segmentId, segment: definition === undefined ? null : snapshotOf(definition) };
  });
}

/** All segments of a sandbox, newest first. */
export async function allSnapshots(
  { segmentDefinitions }: Pick<PlatformRecords, 'segmentDefinitions'>,
  sandbox: string,
): Promise<Segments> {
  const definitions = await segmentDefinitions.list(sandbox);
  return definitions.map((definition) => ({ segmentId: definition.id, segment: snapshotOf(definition) }));
}

function snapshotOf({ expression, mergePolicyId }: SegmentDefinition): SegmentSnapshot {
  const { id, version } = findMergePolicy(mergePolicyId);
  return { expression, mergePolicy: { id, version } };
}
