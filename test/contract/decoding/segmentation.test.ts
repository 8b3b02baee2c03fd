import type { MergePolicyId, ScheduleId, SegmentId } from '../../../src/domain/ids.ts';
import { platformId } from '../../../src/domain/ids.ts';
import { at, decodesRecorded, june, november, readNow } from './recorded-platform.ts';

const minuteAfterJune = new Date('2026-06-01T00:01:00.000Z');
const policy = '2b7f1d4c-9e3a-4f60-8a15-7c0de2b45001';

decodesRecorded('segment-definitions', {
  'observed: list': {
    ask: (api) => api.segmentDefinitions.list({ limit: 2 }),
    means: {
      definitions: [
        {
          id: '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001',
          name: 'Readers in Norway',
          description: 'They live in Norway',
          expression: { type: 'PQL', format: 'pql/text', value: 'homeAddress.country = "NO"' },
          mergePolicy: { id: policy, version: null },
          evaluation: ['BATCH'],
          createdAt: november,
          updatedAt: at('10:00:00'),
        },
        {
          id: '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3002',
          name: 'Came back lately',
          description: '',
          expression: { type: 'PQL', format: 'pql/json', value: '{"nodeType":"literal","value":true}' },
          mergePolicy: { id: policy, version: null },
          evaluation: ['CONTINUOUS'],
          createdAt: june,
          updatedAt: minuteAfterJune,
        },
      ],
      next: 1,
      total: 3,
    },
  },
  'observed: times in milliseconds where seconds are documented, and no others': {
    ask: (api) => api.segmentDefinitions.getMany([platformId<SegmentId>('8e2d7c40-1a3b-4c5d-9e6f-70819a2b3003')]),
    means: {
      found: [
        {
          id: '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3003',
          name: 'Everybody',
          description: null,
          expression: { type: 'PQL', format: 'pql/text', value: 'true' },
          mergePolicy: null,
          evaluation: ['BATCH'],
          createdAt: june,
          updatedAt: november,
        },
      ],
      failed: [],
      calls: 1,
    },
  },
});

const scheduleChanges = platformId<ScheduleId>('4c2e9b10-7d5a-4f33-8e21-b0c1d2e30005');

decodesRecorded('schedules', {
  'observed: list': {
    ask: (api) => api.schedules.list(),
    means: [
      {
        ...readNow,
        id: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30001',
        name: 'Every segment, daily',
        type: 'BATCH_SEGMENTATION',
        rawType: 'batch_segmentation',
        state: 'ACTIVE',
        schedule: '0 0 3 * * ?',
        frequency: 'daily',
        segmentIds: ['*'],
        createdAt: june,
        updatedAt: november,
      },
      {
        ...readNow,
        id: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30002',
        name: 'Snapshot',
        type: 'EXPORT',
        rawType: 'export',
        state: 'ACTIVE',
        schedule: '0 30 4 * * ?',
        frequency: 'daily',
        segmentIds: [],
        createdAt: june,
        updatedAt: minuteAfterJune,
      },
      {
        ...readNow,
        id: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30003',
        name: 'Changes since the last snapshot',
        type: 'UNKNOWN',
        rawType: 'delta',
        state: 'INACTIVE',
        schedule: '0 45 4 * * ?',
        frequency: 'daily',
        segmentIds: [],
        createdAt: june,
        updatedAt: minuteAfterJune,
      },
      {
        ...readNow,
        id: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30004',
        name: 'Housekeeping',
        type: 'UNKNOWN',
        rawType: 'system',
        state: 'ACTIVE',
        schedule: '0 0 1 * * ?',
        frequency: 'daily',
        segmentIds: [],
        createdAt: june,
        updatedAt: minuteAfterJune,
      },
    ],
    anomalies: ['unknown-status', 'unknown-status'],
  },
  'observed: create': {
    ask: (api) =>
      api.schedules.create({
        name: 'Mornings',
        type: 'BATCH_SEGMENTATION',
        schedule: '0 0 5 * * ?',
        segmentIds: [platformId('8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001')],
        state: 'INACTIVE',
      }),
    means: {
      ...readNow,
      id: scheduleChanges,
      name: 'Mornings',
      type: 'BATCH_SEGMENTATION',
      rawType: 'batch_segmentation',
      state: 'INACTIVE',
      schedule: '0 0 5 * * ?',
      frequency: 'daily',
      segmentIds: ['8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001'],
      createdAt: at('10:00:00'),
      updatedAt: at('10:00:00'),
    },
  },
  'documented: one schedule': {
    ask: (api) => api.schedules.get(platformId('4c2e9b10-7d5a-4f33-8e21-b0c1d2e30006')),
    means: {
      ...readNow,
      id: '4c2e9b10-7d5a-4f33-8e21-b0c1d2e30006',
      name: 'Evenings',
      type: 'BATCH_SEGMENTATION',
      rawType: 'batch_segmentation',
      state: 'ACTIVE',
      schedule: '0 0 18 * * ?',
      frequency: null,
      segmentIds: ['*'],
      createdAt: november,
      updatedAt: at('10:00:00'),
    },
  },
  'observed: change': { ask: (api) => api.schedules.update(scheduleChanges, { state: 'ACTIVE' }), means: true },
  'observed: delete': { ask: (api) => api.schedules.delete(scheduleChanges), means: true },
});

decodesRecorded('merge-policies', {
  'observed: list': {
    ask: (api) => api.mergePolicies.list({ limit: 2 }),
    means: {
      policies: [
        {
          id: policy,
          name: 'Everything by time',
          version: 2,
          isDefault: true,
          identityGraph: 'pdg',
          attributeMerge: 'timestampOrdered',
          datasetPrecedence: null,
          updatedAt: november,
        },
        {
          id: '2b7f1d4c-9e3a-4f60-8a15-7c0de2b45002',
          name: 'Shop first',
          version: 1,
          isDefault: false,
          identityGraph: 'none',
          attributeMerge: 'dataSetPrecedence',
          datasetPrecedence: ['6a45e2c11f0b7d3c9e8a1001', '6a45e2c11f0b7d3c9e8a1005'],
          updatedAt: minuteAfterJune,
        },
      ],
      next: 'K1ReCoRdEd-bWVyZ2U',
      total: 3,
    },
  },
  'observed: last page of the list': {
    ask: (api) => api.mergePolicies.list({ limit: 2, start: 'K1ReCoRdEd-bWVyZ2U' }),
    means: { policies: [], next: null, total: 3 },
  },
  'documented: some of many': {
    ask: (api) => api.mergePolicies.getMany([platformId<MergePolicyId>('ups-default')]),
    means: {
      found: [
        {
          id: 'ups-default',
          name: null,
          version: 1,
          isDefault: false,
          identityGraph: 'none',
          attributeMerge: 'timestampOrdered',
          datasetPrecedence: null,
          updatedAt: at('10:00:00'),
        },
      ],
      failed: [],
      calls: 1,
    },
  },
});
