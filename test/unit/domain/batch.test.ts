import { describe, expect, it } from 'vitest';
import { type BatchStatus, batchStatuses, isTerminalBatch } from '../../../src/domain/batch.ts';

describe('a batch', () => {
  it('is terminal in the final states of the platform', () => {
    const isRunning = (status: BatchStatus) => !isTerminalBatch({ status, completedAt: null });
    expect(batchStatuses.filter(isRunning)).toEqual([
      'LOADING',
      'LOADED',
      'QUEUED',
      'PROCESSING',
      'STAGING',
      'STAGED',
      'RETRYING',
      'STALLED',
      'UNKNOWN',
    ]);
  });

  it('has ended with an unknown status if its end is known, while a stalled one has not', () => {
    const completedAt = new Date('2030-01-01T00:00:00Z');
    expect(isTerminalBatch({ status: 'UNKNOWN', completedAt })).toBe(true);
    expect(isTerminalBatch({ status: 'STALLED', completedAt })).toBe(false);
  });
});
