import { describe, expect, it } from 'vitest';
import { explainCron } from '../../../src/console/schedules/explain-cron.ts';
import { formatLocal, formatUtc } from '../../../src/console/schedules/run-times.ts';

describe('the time of a schedule', () => {
  it.each([
    ['0 30 23 * * ?', 'At 23:30'],
    // Quartz counts the days from Sunday, which is 1.
    ['0 0 4 ? * 2', 'At 04:00, only on Monday'],
    ['0 0', null],
    ['', null],
  ])('%s is explained as %s', (expression, text) => {
    expect(explainCron(expression)).toBe(text);
  });

  it('is shown in UTC and in the zone of the browser', () => {
    expect(formatUtc('2030-01-02T23:30:00.000Z')).toBe('Wed, Jan 2, 23:30 UTC');
    expect(formatLocal('2030-01-02T23:30:00.000Z', 'Asia/Kolkata')).toBe('Thu, Jan 3, 05:00 GMT+5:30');
  });
});
