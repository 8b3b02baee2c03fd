import { everySegment } from '../jobs/segment-snapshots.ts';
import type { JsonObject } from '../json.ts';
import { credential, type EmulatorQuirks } from '../options.ts';
import type { SegmentJob, SegmentSnapshot } from '../store/platform-store-segment-jobs.ts';

/** A segment job in the API's format. */
export function segmentJobRecord(
  job: SegmentJob,
  sandbox: JsonObject,
  { recordFields }: Pick<EmulatorQuirks, 'recordFields'>,
): JsonObject {
  const href = `/segment/jobs/${job.id}`;
  return {
    id: job.id,
    imsOrgId: credential.organization,
    sandbox,
    profileInstanceId: 'ups',
    source: job.run === null ? 'api' : 'scheduler',
    status: job.status,
    batchId: job.batchId,
    computeJobId: job.computeJobId,
    computeGatewayJobId: job.computeGatewayJobId ?? undefined,
    segments:
      job.segments === null
        ? [{ segmentId: everySegment }]
        : job.segments.map(({ segmentId, segment }) => ({
            segmentId,
            segment: segment === null ? undefined : snapshot(segmentId, segment),
          })),
    metrics: metricsOf(job) ?? (recordFields === 'observed' ? waitingMetrics(job) : undefined),
    errors: job.errors.map((error) => ({ ...error })),
    requestId: job.requestId,
    schema: { name: '_xdm.context.profile' },
    properties: job.run === null ? undefined : { ...job.run },
    _links: { cancel: { href, method: 'DELETE' }, checkStatus: { href, method: 'GET' } },
    updateTime: job.updateTime,
    creationTime: job.creationTime,
    updateEpoch: Math.floor(job.updateTime / 1_000),
  };
}

function snapshot(id: string, { expression, mergePolicy }: SegmentSnapshot): JsonObject {
  return { id, expression: { ...expression }, mergePolicyId: mergePolicy.id, mergePolicy: { ...mergePolicy } };
}

/** Metrics of a job that was never PROCESSING. If it was cancelled, it has an end time. */
function waitingMetrics({ status, creationTime, updateTime }: SegmentJob): JsonObject {
  const ended = status === 'CANCELLED' || status === 'FAILED';
  const end = ended ? { endTimeInMs: updateTime, totalTimeInMs: updateTime - creationTime } : {};
  return {
    totalTime: { startTimeInMs: creationTime, ...end },
    profileSegmentationTime: {},
    segmentedProfileCounter: {},
    segmentedProfileByNamespaceCounter: {},
    segmentedProfileByStatusCounter: {},
    totalProfilesByMergePolicy: {},
  };
}

function metricsOf({ metrics }: SegmentJob): JsonObject | undefined {
  if (metrics === null) return undefined;
  const { totalTime, profileSegmentationTime, counts } = metrics;
  return {
    totalTime: { ...totalTime },
    profileSegmentationTime: { ...profileSegmentationTime },
    ...(counts && {
      totalProfiles: counts.totalProfiles,
      totalProfilesByMergePolicy: { ...counts.totalProfilesByMergePolicy },
      segmentedProfileCounter: { ...counts.segmentedProfileCounter },
      segmentedProfileByNamespaceCounter: copied(counts.segmentedProfileByNamespaceCounter),
      segmentedProfileByStatusCounter: copied(counts.segmentedProfileByStatusCounter),
    }),
  };
}

function copied(counters: Readonly<Record<string, Readonly<Record<string, number>>>>): JsonObject {
  return Object.fromEntries(Object.entries(counters).map(([id, counter]) => [id, { ...counter }]));
}
