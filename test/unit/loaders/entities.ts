import type { Batch } from '../../../src/domain/batch.ts';
import type { Dataset } from '../../../src/domain/dataset.ts';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { platformId } from '../../../src/domain/ids.ts';

export function exportJob(id: string, createdAtMs: number, more: Partial<ExportJob> = {}): ExportJob {
  const at = new Date(createdAtMs);
  return {
    id: platformId(id),
    status: 'SUCCEEDED',
    rawStatus: 'SUCCEEDED',
    jobType: 'BATCH',
    fields: null,
    schemaName: '_xdm.context.profile',
    mergePolicy: null,
    filter: null,
    eventList: null,
    destination: { datasetId: platformId('dataset'), segmentPerBatch: false, batches: [] },
    metrics: {
      totalTime: null,
      profileExportTime: null,
      datasetWriteTime: null,
      totalExportedProfiles: null,
      exportedProfilesByNamespace: [],
    },
    errors: [],
    computeJobs: null,
    profileInstanceId: null,
    requestId: null,
    organizationId: null,
    createdAt: at,
    updatedAt: at,
    requestedAt: at,
    observedAt: at,
    ...more,
  };
}

export function dataset(id: string, more: Partial<Dataset> = {}): Dataset {
  return {
    id: platformId(id),
    name: null,
    description: null,
    schemaRef: null,
    fileFormat: null,
    version: null,
    state: null,
    tags: [],
    lastBatchId: null,
    lastSuccessfulBatchId: null,
    createdAt: null,
    updatedAt: null,
    ...more,
  };
}

export function batch(id: string, more: Partial<Batch> = {}): Batch {
  return {
    id: platformId(id),
    status: 'SUCCESS',
    rawStatus: 'success',
    datasetId: platformId('dataset'),
    recordCount: null,
    failedRecordCount: null,
    sizeBytes: null,
    errors: [],
    startedAt: null,
    completedAt: null,
    createdAt: null,
    updatedAt: null,
    ...more,
  };
}
