import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuartz, QuartzSyntaxError } from '../../../src/runtime/quartz.ts';

const after = new Date('2026-11-22T12:00:00Z'); // a Sunday
const runs = (expression: string, count = 3): string[] =>
  parseQuartz(expression)
    .nextRuns(after, count)
    .map((date) => date.toISOString().slice(0, 19));

describe('Quartz expressions', () => {
  it.each([
    // Examples of Quartz's own tutorial.
    ['0 0 12 * * ?', ['2026-11-23T12:00:00', '2026-11-24T12:00:00']],
    ['0 15 10 ? * *', ['2026-11-23T10:15:00', '2026-11-24T10:15:00']],
    ['0 15 10 * * ?', ['2026-11-23T10:15:00', '2026-11-24T10:15:00']],
    ['0 15 10 * * ? *', ['2026-11-23T10:15:00', '2026-11-24T10:15:00']],
    ['0 15 10 * * ? 2027', ['2027-01-01T10:15:00', '2027-01-02T10:15:00']],
    ['0 * 14 * * ?', ['2026-11-22T14:00:00', '2026-11-22T14:01:00']],
    ['0 0/5 14 * * ?', ['2026-11-22T14:00:00', '2026-11-22T14:05:00']],
    ['0 0/5 14,18 * * ?', ['2026-11-22T14:00:00', '2026-11-22T14:05:00']],
    ['0 0-5 14 * * ?', ['2026-11-22T14:00:00', '2026-11-22T14:01:00']],
    ['0 10,44 14 ? 3 WED', ['2027-03-03T14:10:00', '2027-03-03T14:44:00']],
    ['0 15 10 ? * MON-FRI', ['2026-11-23T10:15:00', '2026-11-24T10:15:00']],
    ['0 15 10 15 * ?', ['2026-12-15T10:15:00', '2027-01-15T10:15:00']],
    ['0 15 10 L * ?', ['2026-11-30T10:15:00', '2026-12-31T10:15:00']],
    ['0 15 10 L-2 * ?', ['2026-11-28T10:15:00', '2026-12-29T10:15:00']],
    ['0 15 10 ? * 6L', ['2026-11-27T10:15:00', '2026-12-25T10:15:00']],
    ['0 15 10 ? * 6L 2027-2029', ['2027-01-29T10:15:00', '2027-02-26T10:15:00']],
    ['0 15 10 ? * 6#3', ['2026-12-18T10:15:00', '2027-01-15T10:15:00']],
    ['0 0 12 1/5 * ?', ['2026-11-26T12:00:00', '2026-12-01T12:00:00']],
    ['0 11 11 11 11 ?', ['2027-11-11T11:11:00', '2028-11-11T11:11:00']],
    // Rules that the tutorial describes in words.
    ['0 0 1 15W * ?', ['2026-12-15T01:00:00', '2027-01-15T01:00:00']],
    ['0 0 1 1W 5 ?', ['2027-05-03T01:00:00', '2028-05-01T01:00:00']],
    ['0 0 1 31W 1 ?', ['2027-01-29T01:00:00', '2028-01-31T01:00:00']],
    ['0 0 1 LW * ?', ['2026-11-30T01:00:00', '2026-12-31T01:00:00']],
    ['0 0 1 L-1W 2 ?', ['2027-02-26T01:00:00', '2028-02-28T01:00:00']],
    ['0 0 1 ? * L', ['2026-11-28T01:00:00', '2026-12-05T01:00:00']],
    ['0 0 1 ? * fri#2', ['2026-12-11T01:00:00', '2027-01-08T01:00:00']],
    ['0 0 1 ? * FRI-MON', ['2026-11-23T01:00:00', '2026-11-27T01:00:00']],
    ['0 0 22-2 * * ?', ['2026-11-22T22:00:00', '2026-11-22T23:00:00']],
    ['0 0 1 29 FEB ?', ['2028-02-29T01:00:00', '2032-02-29T01:00:00']],
    ['30/15 0 1 * * ?', ['2026-11-23T01:00:30', '2026-11-23T01:00:45']],
    ['  0  0 \t 1 1 * ?  ', ['2026-12-01T01:00:00', '2027-01-01T01:00:00']],
    ['0 0 1 L-30 * ?', ['2026-12-01T01:00:00', '2027-01-01T01:00:00']],
    ['0 0 1 L-10 * ?', ['2026-12-21T01:00:00', '2027-01-21T01:00:00']],
    ['0 0 1 ? 2 MONL', ['2027-02-22T01:00:00', '2028-02-28T01:00:00']],
    ['0 0 1 ? 2 1L', ['2027-02-28T01:00:00', '2028-02-27T01:00:00']],
    ['0 0 1 14W 11 ?', ['2027-11-15T01:00:00', '2028-11-14T01:00:00']],
    ['0 /30 1 * * ?', ['2026-11-23T01:00:00', '2026-11-23T01:30:00']],
    ['0/60 0 1 * * ?', ['2026-11-23T01:00:00', '2026-11-24T01:00:00']],
    ['0 0 1 ? * 1/7', ['2026-11-29T01:00:00', '2026-12-06T01:00:00']],
    ['0 0 1 ? * 5-6', ['2026-11-26T01:00:00', '2026-11-27T01:00:00']],
  ])('%s', (expression, expected) => {
    expect(runs(expression, expected.length)).toEqual(expected);
  });

  it('end with their years', () => {
    expect(runs('0 0 1 1 1 ? 2028-2029', 10)).toEqual(['2028-01-01T01:00:00', '2029-01-01T01:00:00']);
    expect(runs('0 0 1 30 2 ?', 1)).toEqual([]);
    expect(runs('0 0 1 1 1 ? 2098/1', 10)).toEqual(['2098-01-01T01:00:00', '2099-01-01T01:00:00']);
  });

  it.each([
    ['0 0 1 * *', 'must have six fields, or seven with a year'],
    ['0 0 1 * * ? * *', 'must have six fields, or seven with a year'],
    ['0 0 1 * * *', 'must have ? in exactly one of day of month and day of week'],
    ['0 0 1 ? * ?', 'must have ? in exactly one of day of month and day of week'],
    ['60 0 1 * * ?', 'second "60" must be from 0 to 59'],
    ['0 0 24 * * ?', 'hour "24" must be from 0 to 23'],
    ['0 0 1 32 * ?', 'day of month "32" must be from 1 to 31'],
    ['0 0 1 ? * 0', 'day of week "0" must be from 1 to 7'],
    ['0 0 1 ? * 8', 'day of week "8" must be from 1 to 7'],
    ['0 0 1 ? * MOO', 'day of week "MOO" must be from 1 to 7'],
    ['0 0 1 ? * 6#6', 'day of week "6#6" is not valid'],
    ['0 0 1 L,15 * ?', 'day of month "L" must be from 1 to 31'],
    ['0 0 1 1-5W * ?', 'day of month "5W" must be from 1 to 31'],
    ['0 0/0 1 * * ?', 'minute "0/0" must have a step from 1 to 60'],
    ['0 0 1 * 13 ?', 'month "13" must be from 1 to 12'],
    ['0 0 1 * * ? 2030-2027', 'year "2030-2027" must not end before it begins'],
    ['0 0, 1 * * ?', 'minute "" is not valid'],
    ['', 'must have six fields, or seven with a year'],
    ['0 0 1 L-31 * ?', 'day of month "L-31" counts at most 30 days from the end'],
    ['0 0 1 XL * ?', 'day of month "XL" must be from 1 to 31'],
    ['0 0 1 1WW * ?', 'day of month "1WW" must be from 1 to 31'],
    ['0 0 1 0W * ?', 'day of month "0" must be from 1 to 31'],
    ['0 0 1 ? * XMONL', 'day of week "XMONL" must be from 1 to 7'],
    ['0 0 1 ? * MONLX', 'day of week "MONLX" must be from 1 to 7'],
    ['0 0 1 ? * 16#3', 'day of week "16#3" is not valid'],
    ['0 0 1 ? * 6#33', 'day of week "6#33" is not valid'],
    ['0 -5 1 * * ?', 'minute "-5" is not valid'],
    ['0 *-5 1 * * ?', 'minute "*-5" is not valid'],
    ['0 0/61 1 * * ?', 'minute "0/61" must have a step from 1 to 60'],
    ['0 0 1 ? * 1/8', 'day of week "1/8" must have a step from 1 to 7'],
  ])('rejects %s', (expression, message) => {
    expect(() => parseQuartz(expression)).toThrow(new QuartzSyntaxError(message));
    expect(() => parseQuartz(expression)).toThrow(expect.objectContaining({ name: 'QuartzSyntaxError' }));
  });

  it('determine the number of runs per day', () => {
    expect(parseQuartz('0 0 1 * * ?').runsPerDay).toBe(1);
    expect(parseQuartz('0 0 1,13 * * ?').runsPerDay).toBe(2);
    expect(parseQuartz('0 */15 1-2 * * ?').runsPerDay).toBe(8);
    expect(parseQuartz('0,30 */15 1-2 * * ?').runsPerDay).toBe(16);
  });

  it('throw only QuartzSyntaxError, whatever the text', () => {
    const piece = fc.constantFrom(
      '*',
      '?',
      '1',
      '0',
      '59',
      'L',
      'W',
      '#',
      '-',
      '/',
      ',',
      'MON',
      'JAN',
      ' ',
      '2027',
      '6L',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        try {
          parseQuartz(pieces.join('')).nextRuns(after, 2);
        } catch (error) {
          expect(error).toBeInstanceOf(QuartzSyntaxError);
        }
      }),
    );
  });

  it('return runs later than the given time, in order, whatever that time', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2000-01-01'), max: new Date('2090-01-01'), noInvalidDate: true }),
        (from) => {
          const next = parseQuartz('0 30 3 ? * MON,THU').nextRuns(from, 3);
          expect(next).toHaveLength(3);
          const times = [from, ...next].map((date) => date.getTime());
          expect(times).toEqual([...times].sort((a, b) => a - b));
          expect(new Set(times).size).toBe(4);
          for (const run of next) expect([1, 4]).toContain(run.getUTCDay());
        },
      ),
    );
  });

  it('return the same runs as a search over every second', () => {
    const numbers = (minimum: number, maximum: number) =>
      fc
        .uniqueArray(fc.integer({ min: minimum, max: maximum }), { minLength: 1, maxLength: 4 })
        .map((values) => values.join(','));
    const field = (minimum: number, maximum: number) => fc.oneof(fc.constant('*'), numbers(minimum, maximum));
    const oneDay = 86_400;
    fc.assert(
      fc.property(
        field(0, 59),
        field(0, 59),
        field(0, 23),
        fc.integer({ min: 0, max: 3 * oneDay }),
        fc.integer({ min: 0, max: 999 }),
        (second, minute, hour, start, ms) => {
          const holds = (text: string, value: number) => text === '*' || text.split(',').map(Number).includes(value);
          const from = Date.UTC(2026, 10, 29) + start * 1_000 + ms;
          const expected: number[] = [];
          for (let at = from - ms + 1_000; expected.length < 3 && at < from + 2 * oneDay * 1_000; at += 1_000) {
            const date = new Date(at);
            if (
              holds(second, date.getUTCSeconds()) &&
              holds(minute, date.getUTCMinutes()) &&
              holds(hour, date.getUTCHours())
            )
              expected.push(at);
          }
          const found = parseQuartz(`${second} ${minute} ${hour} * * ?`).nextRuns(new Date(from), expected.length);
          expect(found.map(Number)).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each(['* * * * * ?', '0 0 1 30 2 ?', '59 59 23 31 12 ? 2099', '0 0 1 31 2,4,6,9,11 ?'])(
    'return the next runs of %s a hundred times in less than half a second of CPU time',
    (expression) => {
      const late = new Date('2026-11-30T23:58:30Z');
      const before = process.cpuUsage();
      for (let times = 0; times < 100; times += 1) parseQuartz(expression).nextRuns(late, 100);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1_000).toBeLessThan(500);
    },
  );

  it('are parsed once, and only up to a thousand characters', () => {
    expect(parseQuartz('0 7 1 * * ?')).toBe(parseQuartz('0 7 1 * * ?'));
    const first = parseQuartz('0 8 1 * * ?');
    for (let index = 0; index < 600; index += 1) parseQuartz(`0 8 1 * * ?${' '.repeat(index + 1)}`);
    expect(parseQuartz('0 8 1 * * ?')).not.toBe(first);
    const seconds = Array.from({ length: 400 }, () => '1').join(',');
    expect(parseQuartz('0 9 1 * * ?'.padEnd(1_000)).runsPerDay).toBe(1);
    expect(() => parseQuartz(`${seconds},${seconds} 0 1 * * ?`)).toThrow('must have at most 1000 characters');
  });
});
