import { describe, expect, it } from 'vitest';
import { checkScheduleLimits, nextRunOf } from '../../../src/emulator/jobs/schedule-request.ts';

describe('the limits of schedules', () => {
  it('allow five merge policies and not six', () => {
    expect(() => checkScheduleLimits({ mergePolicies: 5, hasSchedule: false })).not.toThrow();
    expect(() => checkScheduleLimits({ mergePolicies: 6, hasSchedule: false })).toThrow(/at most 5/);
  });

  it('allow one schedule', () => {
    expect(() => checkScheduleLimits({ mergePolicies: 1, hasSchedule: true })).toThrow(/already/);
  });
});

describe('the next run of a schedule', () => {
  const after = new Date('2026-11-02T09:00:00Z');

  it('is later than the given time', () => {
    const run = nextRunOf({ type: 'batch_segmentation', state: 'active', schedule: '0 0 9 * * ?' }, after);
    expect(run).toBe(Date.UTC(2026, 10, 3, 9));
  });

  it('is null when the schedule is inactive, or its expression has no further run', () => {
    expect(nextRunOf({ type: 'batch_segmentation', state: 'inactive', schedule: '0 0 9 * * ?' }, after)).toBeNull();
    expect(
      nextRunOf(
        { type: 'batch_segmentation', state: 'active', schedule: '0 0 9 * * ? 2026' },
        new Date('2026-12-31T09:00:00Z'),
      ),
    ).toBeNull();
  });

  it.each(['delta', 'system'] as const)('is null for the type %s, which belongs to the platform', (type) => {
    expect(nextRunOf({ type, state: 'active', schedule: '0 0 9 * * ?' }, after)).toBeNull();
  });
});
