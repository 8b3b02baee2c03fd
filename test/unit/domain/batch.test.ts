import { describe, expect, it } from 'vitest';
import { batchStatuses, isTerminalBatchStatus } from '../../../src/domain/batch.ts';

describe('a batch', () => {
  it('is terminal in the states that the platform never leaves', () => {
    expect(batchStatuses.filter((status) => !isTerminalBatchStatus(status))).toEqual([
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
});
