import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatChange,
  formatCount,
  formatDuration,
  formatMoment,
  formatWhen,
} from '../../../src/console/app/format.ts';

const at = (time: string) => Date.parse(`2030-01-10T${time}Z`);

describe('a duration', () => {
  it.each([
    [0, '0 s'],
    [850, '850 ms'],
    [1_000, '1 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [185_000, '3 min 05 s'],
    [3_600_000, '1 h'],
    [7_830_000, '2 h 10 min'],
    [86_400_000, '1 d'],
    [356_400_000, '4 d 3 h'],
  ])('of %i ms has its two largest units: %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('a count', () => {
  it('has separators, and null is a dash', () => {
    expect([formatCount(1_234_567), formatCount(0), formatCount(null)]).toEqual(['1,234,567', '0', '–']);
  });

  it('that has changed has a sign', () => {
    expect([formatChange(1_200), formatChange(-5), formatChange(0)]).toEqual(['+1,200', '−5', '±0']);
  });
});

describe('a time', () => {
  it.each([
    ['11:59:58', 'just now'],
    ['11:59:30', '30 s ago'],
    ['11:20:00', '40 min ago'],
    ['02:00:00', '10 h ago'],
    // The clock of the gateway is ahead of that of the person.
    ['12:00:03', 'just now'],
  ])('%s is %s at noon', (time, text) => {
    expect(formatWhen(`2030-01-10T${time}Z`, at('12:00:00'))).toBe(text);
  });

  it('of another day has its date, and of another year its year', () => {
    expect(formatWhen('2030-01-03T09:05:00Z', at('12:00:00'))).toMatch(/^Jan 3, \d\d:05$/);
    expect(formatMoment('2028-06-15T12:00:00Z', at('12:00:00'))).toBe('Jun 15, 2028');
    expect(formatMoment('2030-01-10T12:07:00Z', at('12:00:00'))).toMatch(/^\d\d:07$/);
  });

  it('ago has one unit', () => {
    expect([-5, 12_000, 300_000, 7_200_000, 9 * 86_400_000].map(formatAge)).toEqual([
      '0 s',
      '12 s',
      '5 min',
      '2 h',
      '9 d',
    ]);
  });
});
