import type { JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import type { ExportJob, SegmentBatch } from '../store/platform-store-export-jobs.ts';

/** Kind of response that contains a record. The platform's samples differ between these kinds. */
export type RecordPlace = 'list' | 'create' | 'get';

type RecordQuirks = Pick<
  EmulatorQuirks,
  'destinationKey' | 'destinationBatches' | 'batchSegmentStatus' | 'recordFields'
>;

/** An export job in the API's format. */
export function exportJobRecord(
  job: ExportJob,
  place: RecordPlace,
  organization: string,
  quirks: RecordQuirks,
): JsonObject {
  return {
    id: job.id,
    jobType: 'BATCH',
    destination: destinationOf(job, place, quirks),
    fields: job.request.fields ?? undefined,
    schema: { name: job.request.schemaName },
    imsOrgId: organization,
    status: job.status,
    filter: job.sent.filter,
    // Only the response to a create includes these values.
    additionalFields: place === 'create' ? job.sent.additionalFields : undefined,
    mergePolicy: { ...job.mergePolicy },
    profileInstanceId: 'ups',
    errors: job.errors.length === 0 ? undefined : job.errors.map((error) => ({ ...error })),
    metrics: metricsOf(job),
    computeGatewayJobId: { ...job.computeGatewayJobId },
    creationTime: job.creationTime,
    updateTime: job.updateTime,
    requestId: job.requestId,
    // As with segment jobs, except that `api` is never shown here.
    source: job.run && 'scheduler',
    properties: (job.sent.properties ?? job.run) && { ...job.sent.properties, ...job.run },
  };
}

function destinationOf({ request, output, status }: ExportJob, place: RecordPlace, quirks: RecordQuirks): JsonObject {
  const { datasetId, segmentPerBatch } = request;
  return {
    ...(datasetKey(place, quirks) === 'datasetId' ? { datasetId } : { dataSetId: datasetId }),
    // The documented lists omit it when it is false.
    segmentPerBatch:
      quirks.recordFields === 'documented' && place === 'list' && !segmentPerBatch ? undefined : segmentPerBatch,
    ...(output.kind === 'single'
      ? { batchId: status === 'FAILED' ? '' : output.batchId }
      : { batches: batchesOf(output.batches, quirks) }),
  };
}

function datasetKey(place: RecordPlace, { destinationKey }: RecordQuirks): 'datasetId' | 'dataSetId' {
  if (destinationKey !== 'documented') return destinationKey;
  return place === 'list' ? 'datasetId' : 'dataSetId';
}

function batchesOf(batches: readonly SegmentBatch[], quirks: RecordQuirks): JsonObject | readonly JsonObject[] {
  const entries = batches.map(({ status, ...batch }) => {
    const [only] = status;
    const bare = quirks.batchSegmentStatus === 'string' && status.length === 1 && only !== undefined;
    return { ...batch, status: bare ? only : status };
  });
  const [only] = entries;
  return quirks.destinationBatches === 'object' && entries.length === 1 && only !== undefined ? only : entries;
}

function metricsOf({ metrics }: ExportJob): JsonObject {
  const { totalTime, profileExportTime, aCPDatasetWriteTime, exportedProfileByNamespaceCounter } = metrics;
  return {
    totalTime: { ...totalTime },
    profileExportTime: profileExportTime && { ...profileExportTime },
    aCPDatasetWriteTime: aCPDatasetWriteTime && { ...aCPDatasetWriteTime },
    totalExportedProfileCounter: metrics.totalExportedProfileCounter,
    exportedProfileByNamespaceCounter: exportedProfileByNamespaceCounter && { ...exportedProfileByNamespaceCounter },
  };
}
