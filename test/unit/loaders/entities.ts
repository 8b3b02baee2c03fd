import type { Batch } from '../../../src/domain/batch.ts';
import type { Dataset } from '../../../src/domain/dataset.ts';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { platformId } from '../../../src/domain/ids.ts';
import type { MergePolicy } from '../../../src/domain/merge-policy.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import type { SegmentDefinition } from '../../../src/domain/segment-definition.ts';
import type { SegmentJob } from '../../../src/domain/segment-job.ts';

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
    recordCount: null,
    sizeBytes: null,
    measuredAt: null,
    lastBatchId: null,
    lastSuccessfulBatchId: null,
    createdBy: null,
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
    predecessorIds: [],
    successorId: null,
    startedAt: null,
    completedAt: null,
    createdAt: null,
    updatedAt: null,
    ...more,
  };
}

export function segmentJob(id: string, createdAtMs: number, more: Partial<SegmentJob> = {}): SegmentJob {
  const at = new Date(createdAtMs);
  return {
    id: platformId(id),
    status: 'SUCCEEDED',
    rawStatus: 'SUCCEEDED',
    source: null,
    scheduleId: null,
    segments: [],
    metrics: null,
    errors: [],
    requestId: null,
    createdAt: at,
    updatedAt: at,
    requestedAt: at,
    observedAt: at,
    ...more,
  };
}

export function segmentDefinition(id: string, more: Partial<SegmentDefinition> = {}): SegmentDefinition {
  return {
    id: platformId(id),
    name: null,
    description: null,
    expression: null,
    mergePolicy: null,
    evaluation: [],
    createdAt: null,
    updatedAt: null,
    ...more,
  };
}

export function mergePolicy(id: string): MergePolicy {
  return {
    id: platformId(id),
    name: null,
    version: null,
    isDefault: false,
    identityGraph: null,
    attributeMerge: null,
    datasetPrecedence: null,
    updatedAt: null,
  };
}

export function schedule(id: string, more: Partial<Schedule> = {}): Schedule {
  const at = new Date(0);
  return {
    id: platformId(id),
    name: null,
    type: 'BATCH_SEGMENTATION',
    rawType: 'batch_segmentation',
    state: 'ACTIVE',
    schedule: '0 0 1 * * ?',
    frequency: null,
    segmentIds: [],
    createdAt: null,
    updatedAt: null,
    requestedAt: at,
    observedAt: at,
    ...more,
  };
}
