import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import type { NewSchedule } from '../../../../src/domain/schedule.ts';
import { decodeSchedule, encodeNewSchedule, encodeScheduleChange } from '../../../../src/upstream/wire/schedule.ts';
import { decoding, reading } from '../decoding.ts';

const daily = {
  id: '4e538382-dbd8-449e-988a-4ac639ebe72b',
  name: 'daily',
  state: 'active',
  type: 'batch_segmentation',
  schedule: '0 0 1 * * ?',
  properties: { segments: ['*'] },
  createEpoch: 1_568_267_948,
  updateEpoch: 1_568_267_949,
};
const decode = (value: unknown) => decoding((context) => decodeSchedule(value, context, reading));

describe('a schedule', () => {
  it('is decoded with all its properties, and unknown ones are ignored (#38, #41)', () => {
    expect(decode({ ...daily, frequency: 'daily', sandbox: { sandboxName: 'prod' }, imsOrgId: 'org' })).toEqual({
      value: {
        id: '4e538382-dbd8-449e-988a-4ac639ebe72b',
        name: 'daily',
        state: 'ACTIVE',
        type: 'BATCH_SEGMENTATION',
        rawType: 'batch_segmentation',
        schedule: '0 0 1 * * ?',
        frequency: 'daily',
        segmentIds: ['*'],
        createdAt: new Date(1_568_267_948_000),
        updatedAt: new Date(1_568_267_949_000),
        ...reading,
      },
      anomalies: [],
    });
  });

  it.each([{ segments: [] }, {}, undefined, { segments: null }])('may name no segments: %j (#38)', (properties) => {
    expect(decode({ ...daily, properties })).toMatchObject({ value: { segmentIds: [] }, anomalies: [] });
  });

  it('names each segment once, also if it is not in a list', () => {
    const segments = (value: unknown) => decode({ ...daily, properties: { segments: value } }).value?.segmentIds;
    expect(segments(['a', 'b', 'a', '', null, 7])).toEqual(['a', 'b', '7']);
    expect(segments('a')).toEqual(['a']);
  });

  it.each([
    { fields: { state: 'Inactive', type: 'EXPORT' }, expected: { state: 'INACTIVE', type: 'EXPORT' }, anomalies: [] },
    { fields: { state: 'paused' }, expected: { state: 'UNKNOWN' }, anomalies: ['unknown-status'] },
    { fields: { type: 'Import' }, expected: { type: 'UNKNOWN', rawType: 'Import' }, anomalies: ['unknown-status'] },
    { fields: { state: undefined }, expected: { state: 'UNKNOWN' }, anomalies: ['missing-status'] },
    { fields: { frequency: 7 }, expected: { frequency: null }, anomalies: [] },
    { fields: { type: '' }, expected: { type: 'UNKNOWN', rawType: '', frequency: null }, anomalies: ['missing-field'] },
    { fields: { schedule: undefined }, expected: { schedule: '' }, anomalies: ['missing-field'] },
    { fields: { id: 7, name: {} }, expected: { id: '7', name: null }, anomalies: [] },
    { fields: { createEpoch: '1568267948' }, expected: { createdAt: new Date(1_568_267_948_000) }, anomalies: [] },
    {
      fields: { createEpoch: 'soon', updateEpoch: 1e300 },
      expected: { createdAt: null, updatedAt: null },
      anomalies: ['unusable-time', 'unusable-time'],
    },
  ])('with $fields has $expected (#7)', ({ fields, expected, anomalies }) => {
    expect(decode({ ...daily, ...fields })).toMatchObject({ value: expected, anomalies });
  });

  it('is rejected without an id', () => {
    expect(decode({ ...daily, id: '' })).toEqual({ value: null, anomalies: ['missing-id'] });
    expect(decode('daily')).toEqual({ value: null, anomalies: ['not-an-object'] });
  });
});

describe('the request for a schedule', () => {
  const created: NewSchedule = {
    name: 'nightly',
    type: 'EXPORT',
    schedule: '0 0 2 * * ?',
    segmentIds: [platformId('s-1')],
    state: 'INACTIVE',
  };

  it('contains all properties of a new one, in the words of the platform', () => {
    expect(encodeNewSchedule(created)).toEqual({
      name: 'nightly',
      type: 'export',
      properties: { segments: ['s-1'] },
      schedule: '0 0 2 * * ?',
      state: 'inactive',
    });
    expect(encodeNewSchedule({ ...created, type: 'BATCH_SEGMENTATION', state: 'ACTIVE' })).toMatchObject({
      type: 'batch_segmentation',
      state: 'active',
    });
  });

  it('contains only the changes of an existing one', () => {
    const state = { op: 'add', path: '/state', value: 'active' };
    const schedule = { op: 'add', path: '/schedule', value: '0 0 3 * * ?' };
    expect(encodeScheduleChange({ state: 'ACTIVE' })).toEqual([state]);
    expect(encodeScheduleChange({ schedule: '0 0 3 * * ?' })).toEqual([schedule]);
    expect(encodeScheduleChange({ state: 'ACTIVE', schedule: '0 0 3 * * ?' })).toEqual([state, schedule]);
  });
});
