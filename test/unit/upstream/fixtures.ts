import type { NewExportJob } from '../../../src/domain/export-job.ts';
import { platformId } from '../../../src/domain/ids.ts';

/** The smallest export: all fields of all profiles. */
export const newExportJob: NewExportJob = {
  fields: null,
  schemaName: '_xdm.context.profile',
  mergePolicy: null,
  filter: null,
  eventList: null,
  datasetId: platformId('5cf6bcf79ecc7c14530fe436'),
  segmentPerBatch: false,
  evaluateSegments: false,
  waitForBatch: false,
};
