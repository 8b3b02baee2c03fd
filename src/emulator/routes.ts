import type { Route } from './http/router.ts';
import { listBatchFiles, listFailedFiles, listMetaFiles } from './operations/batch-files.ts';
import { getDatasetView, listDatasetFiles, listDatasetViews, listViewFiles } from './operations/catalog-files.ts';
import { getDatasetFile, headDatasetFile } from './operations/dataset-files.ts';
import { getEntity, postEntities } from './operations/entities.ts';
import { cancelExportJob, createExportJob, getExportJob } from './operations/export-jobs.ts';
import { listExportJobs } from './operations/list-export-jobs.ts';
import { listSegmentJobs } from './operations/list-segment-jobs.ts';
import { bulkGetMergePolicies, getMergePolicy, listMergePolicies } from './operations/merge-policies.ts';
import { getBatches, getLastBatches, listBatches } from './operations/read-batches.ts';
import { getDatasets, listDatasets } from './operations/read-datasets.ts';
import {
  bulkGetSegmentDefinitions,
  getSegmentDefinition,
  listSegmentDefinitions,
} from './operations/read-segment-definitions.ts';
import { getSandbox, listSandboxes, listSandboxTypes } from './operations/sandboxes.ts';
import {
  createSchedule,
  deleteSchedule,
  getSchedule,
  listSchedules,
  postSchedule,
  updateSchedule,
} from './operations/schedules.ts';
import { bulkGetSegmentJobs, cancelSegmentJob, createSegmentJob, getSegmentJob } from './operations/segment-jobs.ts';
import { invalidateToken, issueToken, rejectJwtExchange, validateToken } from './operations/token.ts';
import {
  createDataset,
  deepPatchDataset,
  deleteDataset,
  patchDataset,
  replaceDataset,
} from './operations/write-datasets.ts';
import {
  createSegmentDefinition,
  deleteSegmentDefinition,
  patchSegmentDefinition,
} from './operations/write-segment-definitions.ts';

/** All routes of the emulated platform. */
export const routes = [
  ims('POST', '/token/v3', issueToken),
  ims('POST', '/token/v2', issueToken),
  // Older scripts use this path.
  ims('POST', '/token', issueToken),
  ims('POST', '/exchange/jwt', rejectJwtExchange),
  ims('GET', '/validate_token/v1', validateToken),
  ims('POST', '/validate_token/v1', validateToken),
  ims('POST', '/invalidate_token/v2', invalidateToken),

  ups('GET', '/export/jobs', listExportJobs),
  ups('POST', '/export/jobs', createExportJob),
  ups('GET', '/export/jobs/:jobId', getExportJob),
  ups('DELETE', '/export/jobs/:jobId', cancelExportJob),

  ups('GET', '/config/schedules', listSchedules),
  ups('POST', '/config/schedules', createSchedule),
  ups('GET', '/config/schedules/:scheduleId', getSchedule),
  ups('PATCH', '/config/schedules/:scheduleId', updateSchedule),
  ups('POST', '/config/schedules/:scheduleId', postSchedule),
  ups('DELETE', '/config/schedules/:scheduleId', deleteSchedule),

  ups('GET', '/segment/jobs', listSegmentJobs),
  ups('POST', '/segment/jobs', createSegmentJob),
  ups('POST', '/segment/jobs/bulk-get', bulkGetSegmentJobs),
  ups('GET', '/segment/jobs/:jobId', getSegmentJob),
  ups('DELETE', '/segment/jobs/:jobId', cancelSegmentJob),

  ups('GET', '/segment/definitions', listSegmentDefinitions),
  ups('POST', '/segment/definitions', createSegmentDefinition),
  ups('POST', '/segment/definitions/bulk-get', bulkGetSegmentDefinitions),
  ups('GET', '/segment/definitions/:segmentId', getSegmentDefinition),
  ups('PATCH', '/segment/definitions/:segmentId', patchSegmentDefinition),
  ups('DELETE', '/segment/definitions/:segmentId', deleteSegmentDefinition),

  ups('GET', '/config/mergePolicies', listMergePolicies),
  ups('POST', '/config/mergePolicies/bulk-get', bulkGetMergePolicies),
  ups('GET', '/config/mergePolicies/:policyId', getMergePolicy),

  { ...ups('GET', '/access/entities', getEntity), service: 'profile-access' },
  { ...ups('POST', '/access/entities', postEntities), service: 'profile-access' },

  // Tutorials and clients spell the collection in three ways.
  ...datasetRoutes('/dataSets'),
  ...datasetRoutes('/datasets'),
  ...datasetRoutes('/dataSet'),
  catalog('GET', '/dataSetFiles', listDatasetFiles),
  catalog('GET', '/batches', listBatches),
  catalog('GET', '/batches/:ids', getBatches),
  catalog('GET', '/lastBatches', getLastBatches),

  dataAccess('GET', '/batches/:batchId/files', listBatchFiles),
  dataAccess('GET', '/batches/:batchId/failed', listFailedFiles),
  dataAccess('GET', '/batches/:batchId/meta', listMetaFiles),
  dataAccess('GET', '/files/:fileId', getDatasetFile),
  dataAccess('HEAD', '/files/:fileId', headDatasetFile),

  sandboxManagement('', listSandboxes),
  sandboxManagement('/sandboxes', listSandboxes),
  sandboxManagement('/sandboxes/:name', getSandbox),
  sandboxManagement('/sandboxTypes', listSandboxTypes),
] as const satisfies readonly Route[];

function ims(method: Route['method'], path: string, operation: Route['operation']): Route {
  return { method, path: `/ims${path}`, service: 'ims', access: 'open', operation };
}

function datasetRoutes(collection: string): readonly Route[] {
  return [
    catalog('GET', collection, listDatasets),
    catalog('POST', collection, createDataset),
    catalog('GET', `${collection}/:ids`, getDatasets),
    catalog('PUT', `${collection}/:ids`, replaceDataset),
    catalog('PATCH', `${collection}/:ids`, patchDataset),
    catalog('DELETE', `${collection}/:ids`, deleteDataset),
    catalog('GET', `${collection}/:datasetId/views`, listDatasetViews),
    catalog('GET', `${collection}/:datasetId/views/:viewId`, getDatasetView),
    catalog('GET', `${collection}/:datasetId/views/:viewId/files`, listViewFiles),
    catalog('PATCH', `/v2${collection}/:ids`, deepPatchDataset),
  ];
}

function ups(method: Route['method'], path: string, operation: Route['operation']): Route {
  return { method, path: `/data/core/ups${path}`, service: 'ups', access: 'sandbox', operation };
}

function catalog(method: Route['method'], path: string, operation: Route['operation']): Route {
  return { method, path: `/data/foundation/catalog${path}`, service: 'catalog', access: 'sandbox', operation };
}

function dataAccess(method: Route['method'], path: string, operation: Route['operation']): Route {
  return { method, path: `/data/foundation/export${path}`, service: 'data-access', access: 'sandbox', operation };
}

/** A route of sandbox management. Such requests name no sandbox. */
function sandboxManagement(path: string, operation: Route['operation']): Route {
  return {
    method: 'GET',
    path: `/data/foundation/sandbox-management${path}`,
    service: 'sandbox',
    access: 'organization',
    operation,
  };
}
