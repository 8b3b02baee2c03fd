import { platformId } from '../../../src/domain/ids.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { at, decodesRecorded, november, readNow } from './recorded-platform.ts';

const create = (api: PlatformApi) => api.segmentJobs.create([platformId(norway)]);

const norway = '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001';
const returned = '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3002';
const everybody = '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3003';

const uncounted = (segmentId: string) => ({
  segmentId,
  profileCount: null,
  profilesByNamespace: [],
  profilesByStatus: [],
});
const twelveFromNorway = {
  segmentId: norway,
  profileCount: 12,
  profilesByNamespace: [{ namespace: 'Email', count: 12 }],
  profilesByStatus: [
    { status: 'REALIZED', count: 11 },
    { status: 'EXITED', count: 1 },
  ],
};
const startedAt = (time: Date) => ({
  totalTime: { startedAt: time, endedAt: null, durationMs: null },
  profileSegmentationTime: null,
  totalProfiles: null,
});

decodesRecorded('segment-jobs', {
  'observed: list': {
    ask: (api) => api.segmentJobs.list({ limit: 2 }),
    means: {
      jobs: [
        {
          ...readNow,
          id: '5d1f7a20-6c3e-4b18-9f02-a1b2c3d40002',
          // The platform stopped this job, without a cancel request through this API.
          status: 'CANCELLED',
          rawStatus: 'KILLED',
          source: 'scheduler',
          scheduleId: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30001',
          segments: [
            twelveFromNorway,
            { ...uncounted(returned), profileCount: 34 },
            { ...uncounted(everybody), profileCount: 0 },
          ],
          metrics: {
            totalTime: { startedAt: at('10:00:30'), endedAt: at('10:10:00'), durationMs: 570_000 },
            profileSegmentationTime: null,
            totalProfiles: 2000,
          },
          errors: [],
          requestId: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30001-1793527200000',
          createdAt: at('10:00:00'),
          updatedAt: at('10:10:00'),
        },
        {
          ...readNow,
          id: '5d1f7a20-6c3e-4b18-9f02-a1b2c3d40001',
          status: 'SUCCEEDED',
          rawStatus: 'SUCCEEDED',
          source: 'api',
          scheduleId: null,
          segments: [twelveFromNorway],
          metrics: {
            totalTime: { startedAt: at('00:01:00'), endedAt: at('00:02:00'), durationMs: 60_000 },
            profileSegmentationTime: { startedAt: at('00:01:20'), endedAt: at('00:01:50'), durationMs: 30_000 },
            totalProfiles: 2000,
          },
          errors: [],
          requestId: 'Vq3kReCoRdEdReQuEsTiDsEv00000007',
          createdAt: november,
          updatedAt: at('00:02:00'),
        },
      ],
      next: 1,
      total: 5,
    },
  },
  'observed: last page of the list': {
    ask: (api) => api.segmentJobs.list({ limit: 2, start: 2 }),
    means: { jobs: [], next: null, total: 5 },
  },
  'observed: create': {
    ask: create,
    means: {
      ...readNow,
      id: '5d1f7a20-6c3e-4b18-9f02-a1b2c3d40003',
      status: 'NEW',
      rawStatus: 'NEW',
      source: 'api',
      scheduleId: null,
      segments: [uncounted(norway)],
      metrics: startedAt(at('10:10:00')),
      errors: [],
      requestId: 'Vq3kReCoRdEdReQuEsTiDeIg00000008',
      createdAt: at('10:10:00'),
      updatedAt: at('10:10:00'),
    },
  },
  'documented: create without metrics': {
    ask: create,
    means: {
      ...readNow,
      id: '5d1f7a20-6c3e-4b18-9f02-a1b2c3d40004',
      status: 'PROCESSING',
      rawStatus: 'PROCESSING',
      source: 'api',
      scheduleId: null,
      segments: [uncounted(norway)],
      metrics: null,
      errors: [],
      requestId: 'Vq3kReCoRdEdReQuEsTiDnIn00000009',
      createdAt: at('10:10:00'),
      updatedAt: at('10:10:00'),
    },
  },
  'documented: a cancelled job of every segment': {
    ask: (api) => api.segmentJobs.get(platformId('5d1f7a20-6c3e-4b18-9f02-a1b2c3d40005')),
    means: {
      ...readNow,
      id: '5d1f7a20-6c3e-4b18-9f02-a1b2c3d40005',
      status: 'CANCELLED',
      rawStatus: 'CANCELED',
      source: 'api',
      scheduleId: null,
      segments: [uncounted('*')],
      metrics: startedAt(at('10:00:30')),
      errors: [],
      requestId: 'Vq3kReCoRdEdReQuEsTiDtEn00000010',
      createdAt: at('10:00:00'),
      updatedAt: at('10:05:00'),
    },
  },
  'documented: some of many': {
    ask: (api) =>
      api.segmentJobs.getMany([
        platformId('5d1f7a20-6c3e-4b18-9f02-a1b2c3d40001'),
        platformId('5d1f7a20-6c3e-4b18-9f02-a1b2c3d40999'),
      ]),
    means: {
      found: [
        {
          ...readNow,
          id: '5d1f7a20-6c3e-4b18-9f02-a1b2c3d40001',
          status: 'FAILED',
          rawStatus: 'FAILED',
          source: null,
          scheduleId: null,
          segments: [uncounted(norway)],
          metrics: null,
          errors: [
            { code: '1100000003', message: 'The evaluation did not finish.', callStack: null, recordCount: null },
          ],
          requestId: 'Vq3kReCoRdEdReQuEsTiDsEv00000007',
          createdAt: november,
          updatedAt: at('00:02:00'),
        },
      ],
      failed: [],
      calls: 1,
    },
  },
  'observed: cancel': {
    ask: (api) => api.segmentJobs.cancel(platformId('5d1f7a20-6c3e-4b18-9f02-a1b2c3d40003')),
    means: true,
  },
});
