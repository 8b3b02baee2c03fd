import type { NewExportJob } from '../../../src/domain/export-job.ts';
import { platformId } from '../../../src/domain/ids.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { at, decodesRecorded, june, november, readNow } from './recorded-platform.ts';

const get = (id: string) => (api: PlatformApi) => api.exportJobs.get(platformId(id));
const create = (api: PlatformApi) => api.exportJobs.create(newExportJob);

const dataset = '6a45e2c11f0b7d3c9e8a1003';
const norway = '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001';
const newExportJob: NewExportJob = {
  fields: null,
  schemaName: '_xdm.context.profile',
  mergePolicy: null,
  filter: null,
  eventList: null,
  datasetId: platformId(dataset),
  segmentPerBatch: false,
  evaluateSegments: false,
  waitForBatch: false,
};

/** Values that all recorded jobs share, and null for fields that most of them do not report. */
const job = {
  ...readNow,
  jobType: 'BATCH',
  fields: null,
  schemaName: '_xdm.context.profile',
  mergePolicy: { id: '2b7f1d4c-9e3a-4f60-8a15-7c0de2b45001', version: 2 },
  filter: null,
  eventList: null,
  errors: [],
  computeJobs: null,
  profileInstanceId: 'ups',
  organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg',
};
const metrics = {
  totalTime: null,
  profileExportTime: null,
  datasetWriteTime: null,
  totalExportedProfiles: null,
  exportedProfilesByNamespace: [],
};
const startedAt = (time: Date) => ({ startedAt: time, endedAt: null, durationMs: null });

decodesRecorded('export-jobs', {
  'observed: list': {
    ask: (api) => api.exportJobs.list({ limit: 2 }),
    means: {
      jobs: [
        {
          ...job,
          id: '9021',
          status: 'SUCCEEDED',
          rawStatus: 'SUCCEEDED',
          filter: {
            segments: [{ segmentId: norway, segmentNs: 'ups', statuses: [] }],
            segmentQualificationTime: null,
            fromIngestTimestamp: null,
            emptyProfiles: false,
          },
          destination: {
            datasetId: dataset,
            segmentPerBatch: false,
            batches: [{ batchId: '01K9VALUES0000000000000001', segment: null }],
          },
          metrics: {
            totalTime: { startedAt: at('10:00:30'), endedAt: at('10:05:00'), durationMs: 270_000 },
            profileExportTime: { startedAt: at('10:01:00'), endedAt: at('10:04:00'), durationMs: 180_000 },
            datasetWriteTime: { startedAt: at('10:04:00'), endedAt: at('10:05:00'), durationMs: 60_000 },
            totalExportedProfiles: 1500,
            exportedProfilesByNamespace: [
              { namespace: 'Email', count: 1200 },
              { namespace: 'Phone', count: 300 },
            ],
          },
          computeJobs: { exportJob: 'c1d2e3f4-0000-4000-8000-000000000001', pushJob: null },
          requestId: 'Vq3kReCoRdEdReQuEsTiDoNe00000001',
          createdAt: at('10:00:00'),
          updatedAt: at('10:05:00'),
        },
        {
          ...job,
          id: '9020',
          status: 'FAILED',
          rawStatus: 'FAILED',
          destination: { datasetId: dataset, segmentPerBatch: false, batches: [] },
          metrics: {
            ...metrics,
            totalTime: { startedAt: at('00:01:00'), endedAt: at('00:02:00'), durationMs: 60_000 },
          },
          errors: [
            {
              code: '1100000003',
              message: 'The export did not finish.',
              callStack: 'at harbour.Export.run',
              recordCount: null,
            },
          ],
          requestId: 'Vq3kReCoRdEdReQuEsTiDtWo00000002',
          createdAt: november,
          updatedAt: at('00:02:00'),
        },
      ],
      next: { createdAtMs: november.getTime(), id: '9020' },
    },
  },
  'observed: last page of the list': {
    ask: (api) => api.exportJobs.list({ limit: 2, cursor: { createdAtMs: 1_793_491_200_000, id: platformId('9020') } }),
    means: { jobs: [], next: null },
  },
  'observed: create': {
    ask: create,
    means: {
      ...job,
      id: '9022',
      status: 'NEW',
      rawStatus: 'NEW',
      destination: {
        datasetId: dataset,
        segmentPerBatch: false,
        batches: [{ batchId: '01K9VALUES0000000000000002', segment: null }],
      },
      metrics: { ...metrics, totalTime: startedAt(at('10:10:00')) },
      requestId: 'Vq3kReCoRdEdReQuEsTiDtHr00000003',
      createdAt: at('10:10:00'),
      updatedAt: at('10:10:00.500'),
    },
  },
  'documented: create that echoes its request': {
    ask: create,
    means: {
      ...job,
      id: '9023',
      status: 'NEW',
      rawStatus: 'NEW',
      fields: ['identities.id', 'personalEmail.address', 'person.name.firstName'],
      mergePolicy: { id: 'timestampOrdered-none-mp', version: 1 },
      filter: {
        segments: [{ segmentId: norway, segmentNs: 'UPS', statuses: ['REALIZED', 'EXITED'] }],
        segmentQualificationTime: { startTime: june, endTime: november },
        fromIngestTimestamp: june,
        emptyProfiles: true,
      },
      eventList: {
        fields: ['timestamp', 'web.webPageDetails.name'],
        fromIngestTimestamp: june,
        toIngestTimestamp: november,
      },
      destination: { datasetId: dataset, segmentPerBatch: false, batches: [] },
      metrics: { ...metrics, totalTime: startedAt(at('10:10:00')) },
      requestId: 'Vq3kReCoRdEdReQuEsTiDfOu00000004',
      createdAt: at('10:10:00'),
      updatedAt: at('10:10:00.500'),
    },
  },
  'documented: a batch per segment': {
    ask: get('9024'),
    means: {
      ...job,
      id: '9024',
      status: 'SUCCEEDED',
      rawStatus: 'SUCCESS',
      mergePolicy: null,
      destination: {
        datasetId: dataset,
        segmentPerBatch: true,
        batches: [
          {
            batchId: '01K9VALUES0000000000000003',
            segment: { segmentId: norway, segmentNs: 'ups', statuses: ['REALIZED', 'EXISTING'] },
          },
          {
            batchId: '01K9VALUES0000000000000004',
            segment: {
              segmentId: '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3002',
              segmentNs: 'AdCloud',
              statuses: ['EXITED'],
            },
          },
        ],
      },
      metrics: { ...metrics, totalTime: startedAt(at('10:00:30')) },
      errors: [
        {
          code: '1100000007',
          message: 'One attempt was repeated.',
          callStack: 'at harbour.Export.retry',
          recordCount: null,
        },
      ],
      computeJobs: { exportJob: 'c1d2e3f4-0000-4000-8000-000000000002', pushJob: null },
      requestId: 'Vq3kReCoRdEdReQuEsTiDfIv00000005',
      createdAt: at('10:00:00'),
      updatedAt: at('10:00:00'),
    },
  },
  'documented: batches as one object next to the batch id': {
    ask: get('9025'),
    means: {
      ...job,
      id: '9025',
      status: 'PROCESSING',
      rawStatus: 'PROCESSING',
      mergePolicy: null,
      destination: {
        datasetId: dataset,
        segmentPerBatch: false,
        batches: [
          {
            batchId: '01K9VALUES0000000000000005',
            segment: { segmentId: norway, segmentNs: 'ups', statuses: ['REALIZED'] },
          },
        ],
      },
      metrics: { ...metrics, totalTime: startedAt(at('10:00:30')) },
      requestId: 'Vq3kReCoRdEdReQuEsTiDsIx00000006',
      createdAt: at('10:00:00'),
      updatedAt: at('10:00:30'),
    },
  },
  'observed: cancel': { ask: (api) => api.exportJobs.cancel(platformId('9022')), means: true },
  'documented: cancel with a message': { ask: (api) => api.exportJobs.cancel(platformId('9022')), means: true },
});
