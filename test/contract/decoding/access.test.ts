import { expect } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import type { ProfileQuery } from '../../../src/domain/profile.ts';
import { PlatformError } from '../../../src/errors.ts';
import { at, decodesRecorded, june, notRead } from './recorded-platform.ts';

const query = (namespace: string, value: string): ProfileQuery => ({
  namespace,
  value,
  fields: null,
  mergePolicyId: null,
});

decodesRecorded('profiles', {
  'observed: some of many': {
    ask: (api) => api.profiles.getMany([query('Email', 'ada@example.com'), query('crmId', '80001')]),
    means: [
      {
        entityId: 'BVrqzRECORDED0001',
        attributes: {
          person: { name: { firstName: 'Ada' } },
          identityMap: { email: [{ id: 'ada@example.com' }] },
          segmentMembership: {
            ups: {
              '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001': {
                lastQualificationTime: '2026-11-01T10:00:00Z',
                status: 'realized',
              },
              '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3002': { timestamp: '2026-06-01T00:00:00Z', status: 'exited' },
            },
            Email: { 'partner@example.com': { status: 'existing' } },
          },
        },
        segmentMemberships: [
          {
            namespace: 'ups',
            segmentId: '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3001',
            status: 'REALIZED',
            lastQualificationTime: at('10:00:00'),
          },
          {
            namespace: 'ups',
            segmentId: '8e2d7c40-1a3b-4c5d-9e6f-70819a2b3002',
            status: 'EXITED',
            lastQualificationTime: june,
          },
          {
            namespace: 'Email',
            segmentId: 'partner@example.com',
            status: 'EXISTING',
            lastQualificationTime: null,
          },
        ],
        lastModifiedAt: at('10:05:00'),
      },
      null,
    ],
  },
  'documented: errors for some of many': {
    ask: (api) => api.profiles.getMany([query('Email', 'ada@example.com')]),
    means: [expect.any(PlatformError)],
  },
  'observed: one profile': notRead,
  'observed: events of one profile': notRead,
});

decodesRecorded('data-access', {
  'observed: files of a batch': {
    ask: (api) => api.files.list({ batchId: platformId('01K9VALUES0000000000000001'), start: 0, limit: 100 }),
    means: {
      files: [{ fileId: '01K9VALUES0000000000000001-DE1', name: 'part-00000.parquet', sizeBytes: 8192 }],
      next: null,
    },
  },
  // Read together with the list of files.
  'observed: parts of a file': notRead,
  'observed: failed files of a batch': notRead,
  'observed: meta files of a batch': notRead,
});

decodesRecorded('sandboxes', {
  'observed: list': {
    ask: (api) => api.sandboxes.available(),
    means: [
      { name: 'prod', title: 'Production', type: 'production', state: 'active', isDefault: true },
      { name: 'harbour-dev', title: 'Development', type: 'development', state: 'creating', isDefault: false },
    ],
  },
  'documented: list in the form of the API description': {
    ask: (api) => api.sandboxes.available(),
    means: [{ name: 'prod', title: 'Production', type: 'production', state: 'active', isDefault: true }],
  },
});
