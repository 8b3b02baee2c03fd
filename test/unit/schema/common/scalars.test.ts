import fc from 'fast-check';
import { parseValue } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../../../src/schema/index.ts';

const scalar = (name: string) => {
  const type = schema.getType(name);
  if (type === undefined || !('specifiedByURL' in type)) throw new Error(`${name} is not a scalar`);
  return type;
};
const dateTime = scalar('DateTime');
const milliseconds = (value: unknown): number => {
  const parsed: unknown = dateTime.parseValue(value);
  if (!(parsed instanceof Date)) throw new Error('not a Date');
  // A literal in a document is read like a variable.
  if (typeof value === 'string') {
    const literal: unknown = dateTime.parseLiteral(parseValue(JSON.stringify(value)));
    expect(literal).toEqual(parsed);
  }
  return parsed.getTime();
};

describe('DateTime', () => {
  it.each([
    [new Date('9999-12-31T23:59:59.999Z'), '9999-12-31T23:59:59.999Z'],
    [new Date('0000-01-01T00:00:00.000Z'), '0000-01-01T00:00:00.000Z'],
  ])('writes %s', (date, text) => {
    expect(dateTime.serialize(date)).toBe(text);
  });

  it.each([new Date(253_402_300_800_000), new Date(-62_167_219_200_001), new Date(Number.NaN), '2030-01-31T23:59:59Z'])(
    'rejects output with a year of more than four digits, or that is not a date: %s',
    (value) => {
      expect(() => dateTime.serialize(value)).toThrow('DateTime cannot represent');
    },
  );

  it.each([
    ['2030-01-31T23:59:59Z', Date.UTC(2030, 0, 31, 23, 59, 59)],
    ['2030-01-31T23:59:59.5Z', Date.UTC(2030, 0, 31, 23, 59, 59, 500)],
    ['2030-01-31T23:59:59.123456789Z', Date.UTC(2030, 0, 31, 23, 59, 59, 123)],
    ['2030-01-31t23:59:59z', Date.UTC(2030, 0, 31, 23, 59, 59)],
    ['2030-01-01T00:00:00+02:00', Date.UTC(2029, 11, 31, 22)],
    ['2030-01-01T00:00:00-05:30', Date.UTC(2030, 0, 1, 5, 30)],
    ['2030-01-01T00:00:00-00:00', Date.UTC(2030, 0, 1)],
    ['2028-02-29T12:00:00Z', Date.UTC(2028, 1, 29, 12)],
    ['2000-02-29T12:00:00Z', Date.UTC(2000, 1, 29, 12)],
  ])('reads %s', (text, expected) => {
    expect(milliseconds(text)).toBe(expected);
  });

  it.each([
    '9999-12-31T23:59:59-01:00',
    '0000-01-01T00:00:00+01:00',
    '2030-02-30T00:00:00Z',
    '2030-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2030-04-31T00:00:00Z',
    '2030-13-01T00:00:00Z',
    '2030-00-01T00:00:00Z',
    '2030-01-00T00:00:00Z',
    '2030-01-32T00:00:00Z',
    '2030-01-01T24:00:00Z',
    '2030-01-01T25:00:00Z',
    '2030-01-01T00:60:00Z',
    '2030-01-01T00:00:60Z',
    '2030-01-01T00:00:00+24:00',
    '2030-01-01T00:00:00+02:60',
    '2030-01-01T00:00:00',
    '2030-01-01',
    '2030-01-01 00:00:00Z',
    '2030-01-01T00:00Z',
    '2030-01-01T00:00:00.Z',
    ' 2030-01-01T00:00:00Z',
    '2030-01-01T00:00:00Z\n',
    '+002030-01-01T00:00:00Z',
    'tomorrow',
    '',
    0,
    1_893_456_000_000,
    true,
    null,
    undefined,
    {},
    [],
    ['2030-01-01T00:00:00Z'],
    new Date(0),
  ])('rejects %j', (value) => {
    expect(milliseconds(value)).toBeNaN();
  });

  it('reads its own output', () => {
    const moment = fc.date({
      min: new Date('0000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moment, (date) => {
        expect(milliseconds(dateTime.serialize(date))).toBe(date.getTime());
      }),
    );
  });

  it('never moves a day of the calendar to another one', () => {
    const part = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, '0'));
    const year = fc.integer({ min: 0, max: 9_999 }).map((value) => String(value).padStart(4, '0'));
    fc.assert(
      fc.property(year, part(14), part(33), part(26), (yyyy, month, day, hour) => {
        const text = `${yyyy}-${month}-${day}T${hour}:00:00`;
        const parsed = milliseconds(`${text}Z`);
        if (!Number.isNaN(parsed)) expect(new Date(parsed).toISOString()).toBe(`${text}.000Z`);
      }),
      { numRuns: 500 },
    );
  });

  it('writes UTC with milliseconds, and accepts only dates', () => {
    expect(dateTime.serialize(new Date(Date.UTC(2030, 0, 31, 23, 59, 59)))).toBe('2030-01-31T23:59:59.000Z');
    expect(() => dateTime.serialize('2030-01-31T23:59:59.000Z')).toThrow('DateTime');
    expect(() => dateTime.serialize(0)).toThrow('DateTime');
  });
});

describe('SafeInt', () => {
  it('supports numbers beyond the range of Int, as far as JSON keeps them exact', () => {
    expect(scalar('SafeInt').serialize(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => scalar('SafeInt').serialize(2 ** 53)).toThrow();
  });
});
