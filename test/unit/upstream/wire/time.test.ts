import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTime } from '../../../../src/upstream/wire/time.ts';
import { decoding } from '../decoding.ts';

const decode = (value: unknown) => decoding((context) => readTime(value, context));
const november = new Date('2026-11-01T10:00:00.000Z');

describe('a time', () => {
  it.each([
    1_793_527_200_000,
    1_793_527_200,
    '1793527200000',
    '1793527200',
    ' 1793527200.0 ',
    '2026-11-01T10:00:00Z',
    '2026-11-01T10:00:00.000Z',
    '2026-11-01T12:00:00+02:00',
    '2026-11-01T12:00:00+0200',
    '2026-11-01T10:00:00',
    '2026-11-01T10:00Z',
    '2026-11-01 10:00:00',
    '1793527200.000000000',
    1_793_527_200_000.25,
  ])('is the same in each form of the platform: %j', (value) => {
    expect(decode(value)).toEqual({ value: november, anomalies: [] });
  });

  it.each([
    { value: 99_999_999_999, time: '5138-11-16T09:46:39.000Z' },
    { value: 100_000_000_000, time: '1973-03-03T09:46:40.000Z' },
    { value: 1_793_527_200.657, time: '2026-11-01T10:00:00.657Z' },
    { value: '1793527200.657123456', time: '2026-11-01T10:00:00.657Z' },
    { value: 1, time: '1970-01-01T00:00:01.000Z' },
    { value: '1970-01-01T00:00:00Z', time: '1970-01-01T00:00:00.000Z' },
    { value: 253_402_300_799_999, time: '9999-12-31T23:59:59.999Z' },
    { value: '0000-01-01T00:00:00Z', time: '0000-01-01T00:00:00.000Z' },
  ])('of $value is $time', ({ value, time }) => {
    expect(decode(value)).toEqual({ value: new Date(time), anomalies: [] });
  });

  it.each([undefined, null, {}, [], true, '', ' ', 0, '0', -1, '-1'])('is unknown for %j', (value) => {
    expect(decode(value)).toEqual({ value: null, anomalies: [] });
  });

  it.each([
    253_402_300_800_000,
    '1793527200000000',
    1e300,
    Number.NaN,
    'soon',
    '2026-13-01T00:00:00Z',
    '+056072-07-11T12:01:12.000Z',
    '9999-12-31T23:59:59-01:00',
    '0000-01-01T00:00:00+01:00',
  ])('that exceeds a year of four digits is counted: %j', (value) => {
    expect(decode(value)).toEqual({ value: null, anomalies: ['unusable-time'] });
  });

  it('is never in a year after 9999', () => {
    const digits = fc.stringMatching(/^-?\d{1,16}(\.0)?$/);
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.maxSafeInteger(), digits, fc.jsonValue()), (value) => {
        expect(decode(value).value?.toISOString() ?? '1970-01-01T00:00:00.000Z').toHaveLength(24);
      }),
    );
  });
});
