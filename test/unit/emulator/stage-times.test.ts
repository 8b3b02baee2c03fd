import { describe, expect, it } from 'vitest';
import { stageDurationMs } from '../../../src/emulator/jobs/stage-times.ts';
import { defaultPace } from '../../../src/emulator/options.ts';

describe('the stages of an export job', () => {
  const ids = Array.from({ length: 500 }, (_, index) => 24_000 + index);

  it('last two to ten seconds for a small export job, different for each job', () => {
    const totals = ids.map((id) =>
      (['newMs', 'exportingMs', 'writingMs'] as const).reduce(
        (sum, stage) => sum + stageDurationMs(defaultPace, stage, id),
        0,
      ),
    );
    expect(Math.min(...totals)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...totals)).toBeLessThanOrEqual(10_000);
    expect(new Set(totals).size).toBeGreaterThan(400);
  });

  it('last two to eight seconds for a segment job', () => {
    const stages = ['newMs', 'queuedMs', 'segmentingMs'] as const;
    const totals = ids.map((id) =>
      stages.reduce((sum, stage) => sum + stageDurationMs(defaultPace, stage, `job-${id}`), 0),
    );
    expect(Math.min(...totals)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...totals)).toBeLessThanOrEqual(8_000);
    expect(new Set(totals).size).toBeGreaterThan(400);
  });

  it('last equally long whenever the same job runs', () => {
    for (const id of ids) {
      expect(stageDurationMs(defaultPace, 'newMs', id)).toBe(stageDurationMs(defaultPace, 'newMs', id));
    }
    expect(stageDurationMs({ ...defaultPace, newMs: [0, 0] }, 'newMs', 1)).toBe(0);
  });
});
