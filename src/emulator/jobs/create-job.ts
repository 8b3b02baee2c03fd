import { randomBytes } from 'node:crypto';
import { mergePolicyFor } from '../catalog/merge-policy-of-request.ts';
import { PlatformError, upsCodes } from '../errors.ts';
import type { EmulatorQuirks } from '../options.ts';
import { changedDataset, newBatchDocument } from '../store/catalog-documents.ts';
import type { ReceivedExportRequest } from '../store/export-request.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import { batchIdsOf, type ExportJob } from '../store/platform-store-export-jobs.ts';

/** Number of bytes in a batch id. */
const batchIdBytes = 16;

/**
 * Stores a NEW export job with the Catalog batches that it will write.
 * @throws {PlatformError} when the sandbox does not have the dataset
 */
export async function createJob(
  records: PlatformRecords,
  sandbox: string,
  { request, sent }: ReceivedExportRequest,
  { now, ...origin }: Pick<ExportJob, 'requestId' | 'run'> & { readonly now: number },
  { unknownDatasetStatus }: Pick<EmulatorQuirks, 'unknownDatasetStatus'>,
): Promise<ExportJob> {
  const dataset = await records.datasets.find(sandbox, request.datasetId);
  if (dataset === null) {
    throw new PlatformError(
      unknownDatasetStatus,
      unknownDatasetStatus === 404 ? upsCodes.unknownDataset : upsCodes.invalidRequest,
      `Dataset ${request.datasetId} is unknown in sandbox ${sandbox}.`,
    );
  }
  const job: ExportJob = {
    id: await records.exportJobs.nextId(),
    sandbox,
    status: 'NEW',
    creationTime: now,
    updateTime: now,
    ...origin,
    request,
    sent,
    mergePolicy: mergePolicyFor(request),
    output: outputFor(request),
    errors: [],
    metrics: { totalTime: { startTimeInMs: now } },
    computeGatewayJobId: {},
    hanging: false,
  };
  const batchIds = batchIdsOf(job);
  await records.exportJobs.insert([job]);
  await records.batches.insert(
    sandbox,
    batchIds.map((id) => ({
      id,
      datasetId: dataset.id,
      created: now,
      document: newBatchDocument(dataset.id, now),
    })),
  );
  await records.datasets.update(
    sandbox,
    dataset.id,
    changedDataset(dataset.document, now, { lastBatchId: batchIds.at(-1), lastBatchStatus: 'loading' }),
  );
  return job;
}

function outputFor({ segmentPerBatch, segments }: ReceivedExportRequest['request']): ExportJob['output'] {
  if (!segmentPerBatch || segments === null) return { kind: 'single', batchId: newBatchId() };
  return {
    kind: 'per-segment',
    batches: segments.map(({ segmentId, segmentNs, statuses }) => ({
      segmentId,
      segmentNs,
      status: statuses,
      batchId: newBatchId(),
    })),
  };
}

function newBatchId(): string {
  return randomBytes(batchIdBytes).toString('hex');
}
