import { describe, expect, it, vi } from 'vitest';
import type { JobProgress, JobStatus } from '../../../../src/domain/job.ts';
import { ConflictError, ForbiddenError, OutcomeUnknownError } from '../../../../src/errors.ts';
import { cancelJob } from '../../../../src/schema/common/cancel-job.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const job = (status: JobStatus, metrics: JobProgress['metrics'] = null) => ({
  id: '1',
  status,
  rawStatus: String(status),
  metrics,
});
type Job = ReturnType<typeof job>;

/** Cancels a job. Its default status is PROCESSING. */
function cancel(
  platform: { readonly cancel: () => Promise<boolean>; readonly get: () => Promise<Job | null> },
  before = job('PROCESSING'),
) {
  const nudge = vi.fn();
  const cancelled = cancelJob(
    { clock: new FakeClock() },
    {
      id: '1',
      noun: 'job',
      load: async () => before,
      writes: platform,
      watch: { nudge },
      withStatus: (known, status) => ({ ...known, ...status }),
    },
  );
  return { cancelled, nudge };
}

const lost = () => Promise.reject(new OutcomeUnknownError({ message: 'lost' }));

describe('a cancel', () => {
  it('returns the state of the platform after it', async () => {
    const { cancelled, nudge } = cancel({ cancel: async () => true, get: async () => job('CANCELLED') });
    expect(await cancelled).toEqual(job('CANCELLED'));
    expect(nudge).toHaveBeenCalledTimes(1);
  });

  it('returns CANCELLING if that state cannot be read', async () => {
    const get = () => Promise.reject(new ForbiddenError({ message: 'no' }));
    expect(await cancel({ cancel: async () => true, get }).cancelled).toEqual(job('CANCELLING'));
  });

  it.each<[string, () => Promise<boolean>]>([
    ['does not know the job', async () => false],
    ['no longer has it after the mark', async () => true],
    ['no longer has it after a lost response', lost],
  ])('returns the last known state if the platform %s', async (_, send) => {
    expect(await cancel({ cancel: send, get: async () => null }).cancelled).toEqual(job('PROCESSING'));
  });

  it('is a conflict if the job has an unknown status and has ended', async () => {
    const endedAt = new Date('2030-01-01T00:00:00Z');
    const metrics = { totalTime: { startedAt: null, endedAt, durationMs: null } };
    const send = vi.fn(async () => true);
    const before = { ...job('UNKNOWN', metrics), rawStatus: 'EVAPORATED' };
    const { cancelled } = cancel({ cancel: send, get: async () => before }, before);
    await expect(cancelled).rejects.toThrow('The job 1 has already ended: it is EVAPORATED.');
    expect(send).not.toHaveBeenCalled();
  });

  it.each<[string, JobStatus]>([
    ['has succeeded', 'SUCCEEDED'],
    ['has failed', 'FAILED'],
  ])('is a conflict after a lost response if the job %s', async (_, status) => {
    const { cancelled } = cancel({ cancel: lost, get: async () => job(status) });
    await expect(cancelled).rejects.toBeInstanceOf(ConflictError);
  });

  it.each<[string, () => Promise<Job | null>]>([
    ['is still running', async () => job('PROCESSING')],
    ['cannot be read', lost],
  ])('stays unknown after a lost response if the job %s, and causes a round soon', async (_, get) => {
    const { cancelled, nudge } = cancel({ cancel: lost, get });
    await expect(cancelled).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(nudge).toHaveBeenCalledTimes(1);
  });

  it('causes no lookup if the platform rejects it', async () => {
    const get = vi.fn(async () => job('CANCELLED'));
    const send = () => Promise.reject(new ForbiddenError({ message: 'no' }));
    await expect(cancel({ cancel: send, get }).cancelled).rejects.toBeInstanceOf(ForbiddenError);
    expect(get).not.toHaveBeenCalled();
  });
});
