import { describe, expect, it } from 'vitest';
import type { AnomalyKind } from '../../../../src/upstream/index.ts';
import { batchProperties, decodeBatch } from '../../../../src/upstream/wire/batch.ts';
import { datasetProperties, decodeDataset, decodeDatasetReference } from '../../../../src/upstream/wire/dataset.ts';

function counting() {
  const anomalies: AnomalyKind[] = [];
  return { anomalies, anomaly: (kind: AnomalyKind) => void anomalies.push(kind) };
}

/** The names of the properties that a decoder looks at. */
function propertiesRead(decode: (value: object) => unknown): Set<string> {
  const read = new Set<string>();
  decode(
    new Proxy(
      {},
      {
        get: (_target, name) => {
          read.add(String(name));
          return undefined;
        },
      },
    ),
  );
  return read;
}

describe('a dataset', () => {
  it('is decoded under its key', () => {
    const value = {
      name: 'Profiles',
      description: 'Union',
      schemaRef: { id: 'https://ns.adobe.com/xdm/context/profile__union', contentType: 'application/xdm' },
      fileDescription: { persisted: true, containerFormat: 'parquet', format: 'parquet' },
      version: '1.0.2',
      state: 'DRAFT',
      tags: { unifiedProfile: ['enabled:true'], lone: 'value' },
      lastBatchId: 'b-2',
      lastSuccessfulBatch: 'b-1',
      extensions: { adobe_lakeHouse: { metrics: { storageSize: 2048, rowCount: '7', asOf: 1_578_461_577_083 } } },
      createdUser: 'A1B2@techacct.adobe.com',
      created: 1_578_461_577_083,
      updated: '1578461577083',
      imsOrg: 'ignored',
    };
    expect(decodeDataset('5e14', value, counting())).toEqual({
      id: '5e14',
      name: 'Profiles',
      description: 'Union',
      schemaRef: { id: 'https://ns.adobe.com/xdm/context/profile__union', contentType: 'application/xdm' },
      fileFormat: 'parquet',
      version: '1.0.2',
      state: 'DRAFT',
      tags: [
        { name: 'unifiedProfile', values: ['enabled:true'] },
        { name: 'lone', values: ['value'] },
      ],
      recordCount: 7,
      sizeBytes: 2048,
      measuredAt: new Date(1_578_461_577_083),
      lastBatchId: 'b-2',
      lastSuccessfulBatchId: 'b-1',
      createdBy: 'A1B2@techacct.adobe.com',
      createdAt: new Date(1_578_461_577_083),
      updatedAt: new Date(1_578_461_577_083),
    });
  });

  const nothing = {
    id: 'x',
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
  };

  it('may omit every property, or have `{}` for it (#23)', () => {
    const context = counting();
    expect(decodeDataset('x', {}, context)).toEqual(nothing);
    const empty = Object.fromEntries(datasetProperties().map((name) => [name, {}]));
    expect(decodeDataset('x', empty, context)).toEqual(nothing);
    expect(context.anomalies).toEqual([]);
  });

  it('remains in the list when it is not an object, and is counted', () => {
    const context = counting();
    expect(decodeDataset('x', null, context)).toEqual(nothing);
    expect(context.anomalies).toEqual(['not-an-object']);
  });

  it('is requested with exactly the decoded properties', () => {
    expect(propertiesRead((value) => decodeDataset('x', value, counting()))).toEqual(new Set(datasetProperties()));
  });

  it.each([
    { value: ['@/dataSets/5c8c3c555033b814b69f947f'], expected: '5c8c3c555033b814b69f947f' },
    { value: ['@/datasets/5c8c3c555033b814b69f947f'], expected: '5c8c3c555033b814b69f947f' },
    { value: '@/dataSets/5c8c', expected: '5c8c' },
    { value: ['@/batches/5c8c'], expected: null },
    { value: ['@/dataSets/'], expected: null },
    { value: [], expected: null },
    { value: {}, expected: null },
  ])('is decoded from the reference $value (#16, #25)', ({ value, expected }) => {
    expect(decodeDatasetReference(value)).toBe(expected);
  });
});

describe('a batch', () => {
  it('is decoded under its key, with its dataset from the related objects', () => {
    const value = {
      status: 'success',
      relatedObjects: [
        { type: 'batch', id: 'other' },
        { type: 'dataSet', id: '5c01' },
      ],
      recordCount: 10,
      failedRecordCount: '2',
      size: 4096,
      errors: [{ code: '106', description: 'Bad row', rows: [] }],
      started: 1_578_461_577_001,
      completed: 1_578_461_577_002,
      created: 1_578_461_577_003,
      updated: 1_578_461_577_004,
    };
    expect(decodeBatch('b-1', value, counting())).toEqual({
      id: 'b-1',
      status: 'SUCCESS',
      rawStatus: 'success',
      datasetId: '5c01',
      recordCount: 10,
      failedRecordCount: 2,
      sizeBytes: 4096,
      errors: [{ code: '106', message: 'Bad row', callStack: null, recordCount: null }],
      predecessorIds: [],
      successorId: null,
      startedAt: new Date(1_578_461_577_001),
      completedAt: new Date(1_578_461_577_002),
      createdAt: new Date(1_578_461_577_003),
      updatedAt: new Date(1_578_461_577_004),
    });
  });

  it.each([
    { raw: 'failure', status: 'FAILED' },
    { raw: 'failed', status: 'FAILED' },
    { raw: 'Active', status: 'ACTIVE' },
    { raw: 'replay', status: 'UNKNOWN' },
  ])('with the status $raw is $status', ({ raw, status }) => {
    expect(decodeBatch('b', { status: raw }, counting())).toMatchObject({ status, rawStatus: raw });
  });

  it('without a status remains in the list as UNKNOWN and is counted, because a shorter page would be treated as the last', () => {
    const context = counting();
    expect(decodeBatch('b', { recordCount: {} }, context)).toMatchObject({
      status: 'UNKNOWN',
      rawStatus: '',
      recordCount: null,
      errors: [],
      datasetId: null,
    });
    expect(context.anomalies).toEqual(['missing-status']);
  });

  it('is requested with exactly the decoded properties', () => {
    expect(propertiesRead((value) => decodeBatch('x', value, counting()))).toEqual(new Set(batchProperties()));
  });
});
