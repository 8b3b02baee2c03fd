import type { NewDataset } from '../../../src/domain/dataset.ts';
import type { DatasetId } from '../../../src/domain/ids.ts';
import { platformId } from '../../../src/domain/ids.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { at, decodesRecorded, june, november } from './recorded-platform.ts';

const get = (id: string) => async (api: PlatformApi) => (await api.datasets.getMany([platformId<DatasetId>(id)])).found;

const union = {
  id: 'https://ns.adobe.com/xdm/context/profile__union',
  contentType: 'application/vnd.adobe.xed+json;version=1',
};
const newDataset: NewDataset = {
  name: 'Recorded',
  description: null,
  schemaRef: union,
  fileFormat: 'parquet',
  tags: [],
};

decodesRecorded('datasets', {
  'observed: list': {
    ask: async (api) => (await api.datasets.list({ limit: 3 })).objects,
    means: [
      {
        id: '6a45e2c11f0b7d3c9e8a1003',
        name: 'Loyalty export (new)',
        description: '',
        schemaRef: union,
        fileFormat: 'parquet',
        version: '1.0.0',
        state: 'DRAFT',
        tags: [
          { name: 'adobe/pqs/table', values: ['loyalty_export_new'] },
          { name: 'adobe/siphon/table/format', values: ['delta'] },
        ],
        recordCount: null,
        sizeBytes: null,
        measuredAt: null,
        lastBatchId: null,
        lastSuccessfulBatchId: null,
        createdBy: '0A1B2C3D4E5F60718293A4B5@techacct.example.com',
        createdAt: at('10:00:00'),
        updatedAt: at('10:00:00'),
      },
      {
        id: '6a45e2c11f0b7d3c9e8a1001',
        name: 'Harbour shop visits',
        description: 'Every page of the shop',
        schemaRef: {
          id: 'https://ns.adobe.com/harbour/schemas/4be1c7d0019a',
          contentType: 'application/vnd.adobe.xed+json;version=1',
        },
        fileFormat: 'parquet',
        version: '1.0.21',
        state: 'ACTIVE',
        tags: [
          { name: 'adobe/pqs/table', values: ['harbour_shop_visits'] },
          { name: 'adobe/siphon/table/format', values: ['delta'] },
          { name: 'unifiedProfile', values: ['enabled:true', 'enabledAt:2026-06-01 08:30:00'] },
          { name: 'unifiedIdentity', values: ['enabled:true'] },
        ],
        recordCount: 1208,
        sizeBytes: 734_003,
        measuredAt: november,
        lastBatchId: '01K9VALUES0000000000000001',
        lastSuccessfulBatchId: '01K9VALUES0000000000000001',
        createdBy: '0A1B2C3D4E5F60718293A4B5@techacct.example.com',
        createdAt: june,
        updatedAt: november,
      },
    ],
  },
  'observed: one dataset': {
    ask: get('6a45e2c11f0b7d3c9e8a1005'),
    means: [
      {
        id: '6a45e2c11f0b7d3c9e8a1005',
        name: 'Profile snapshot of the default policy',
        description: 'Kept by the platform',
        schemaRef: union,
        fileFormat: 'parquet',
        version: '1.0.4',
        state: 'ACTIVE',
        tags: [
          { name: 'adobe/pqs/table', values: ['profile_snapshot_default'] },
          { name: 'acp_validationContext', values: ['disabled'] },
        ],
        recordCount: 0,
        sizeBytes: 0,
        measuredAt: november,
        lastBatchId: null,
        lastSuccessfulBatchId: null,
        createdBy: 'acp_core_unifiedProfile_feeds@AdobeID',
        createdAt: june,
        updatedAt: new Date('2026-06-01T00:01:00.000Z'),
      },
    ],
  },
  'documented: one dataset in the older form': {
    ask: get('5b7e4c118d209a4be1c7d007'),
    means: [
      {
        id: '5b7e4c118d209a4be1c7d007',
        name: 'Old export',
        description: null,
        schemaRef: union,
        fileFormat: 'parquet',
        version: '1.0.2',
        state: null,
        tags: [],
        recordCount: null,
        sizeBytes: null,
        measuredAt: null,
        lastBatchId: '0d209a4be1c7d0075b7e4c118d209a4b',
        lastSuccessfulBatchId: '1d209a4be1c7d0075b7e4c118d209a4b',
        createdBy: 'old_client@AdobeID',
        createdAt: june,
        updatedAt: new Date('2026-06-01T00:01:00.000Z'),
      },
    ],
  },
  'documented: requested properties that are empty objects': {
    ask: get('5b7e4c118d209a4be1c7d009'),
    means: [
      {
        id: '5b7e4c118d209a4be1c7d009',
        name: 'Bare',
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
      },
    ],
  },
  'observed: create': { ask: (api) => api.datasets.create(newDataset), means: '6a45e2c11f0b7d3c9e8a1010' },
  'documented: create with the older spelling': {
    ask: (api) => api.datasets.create(newDataset),
    means: '6a45e2c11f0b7d3c9e8a1011',
  },
  'observed: delete': {
    ask: (api) => api.datasets.delete(platformId('6a45e2c11f0b7d3c9e8a1010')),
    means: true,
  },
  'documented: delete of an unknown dataset': {
    ask: (api) => api.datasets.delete(platformId('6a45e2c11f0b7d3c9e8a1012')),
    means: false,
  },
});
