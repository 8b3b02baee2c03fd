import { describe, expect, it, vi } from 'vitest';
import type { IdempotencyRecords, IdempotentCreate } from '../../src/context/idempotency.ts';
import { ConflictError, OutcomeUnknownError, PlatformError } from '../../src/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { otherOrganization, tenantOf } from '../support/tenants.ts';

/** Makes records that hold nothing yet. */
export type MakeIdempotencyRecords = (clock: FakeClock) => Promise<IdempotencyRecords>;

export const createRequest = (changes: Partial<IdempotentCreate> = {}): IdempotentCreate => ({
  tenant: tenantOf('prod'),
  operation: 'createExportJob',
  key: 'k1',
  input: { datasetId: 'd1' },
  ...changes,
});

/** What all idempotency records must do, wherever they are. */
export function idempotencyContract(name: string, make: MakeIdempotencyRecords): void {
  const request = createRequest;
  const setUp = async () => {
    const clock = new FakeClock();
    let next = 1;
    const create = vi.fn(async () => `job-${next++}`);
    return { clock, create, records: await make(clock) };
  };

  describe(`${name} as idempotency records`, () => {
    it('answer the same key and input with the first id, and create nothing again', async () => {
      const { records, create } = await setUp();
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: false });
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: true });
      expect(create).toHaveBeenCalledTimes(1);
    });

    it('let a second request join the create that is under way', async () => {
      const { records, clock } = await setUp();
      let resolve = (_id: string) => {};
      const promise = new Promise<string>((settle) => {
        resolve = settle;
      });
      const create = vi.fn(() => promise);
      const first = records.run(request(), create);
      await vi.waitFor(() => expect(create).toHaveBeenCalled());
      const second = records.run(request(), create);
      resolve('job-1');
      expect(await clock.runUntil(Promise.all([first, second]))).toEqual([
        { id: 'job-1', replayed: false },
        { id: 'job-1', replayed: true },
      ]);
      expect(create).toHaveBeenCalledTimes(1);
    });

    it('refuse a key that comes with another input', async () => {
      const { records, create } = await setUp();
      await records.run(request(), create);
      await expect(records.run(request({ input: { datasetId: 'd2' } }), create)).rejects.toThrow(ConflictError);
      expect(create).toHaveBeenCalledTimes(1);
    });

    it.each<[string, Partial<IdempotentCreate>]>([
      ['sandboxes of one organization', { tenant: tenantOf('dev') }],
      ['organizations with equal sandbox names', { tenant: tenantOf('prod', otherOrganization) }],
      ['operations', { operation: 'createSegmentJob' }],
    ])('keep %s apart', async (_, other) => {
      const { records, create } = await setUp();
      await records.run(request(), create);
      expect(await records.run(request(other), create)).toEqual({ id: 'job-2', replayed: false });
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: true });
      expect(await records.run(request(other), create)).toEqual({ id: 'job-2', replayed: true });
    });

    it('free the key when the create was refused', async () => {
      const { records, create } = await setUp();
      create.mockRejectedValueOnce(new PlatformError({ message: 'no', status: 409 }));
      await expect(records.run(request(), create)).rejects.toThrow(PlatformError);
      expect(await records.run(request(), create)).toMatchObject({ replayed: false });
    });

    it('free the key when the platform broke before anything was created', async () => {
      const { records, create } = await setUp();
      create.mockRejectedValueOnce(new PlatformError({ message: 'not read', status: 503 }));
      await expect(records.run(request(), create)).rejects.toThrow(PlatformError);
      expect(await records.run(request(), create)).toMatchObject({ replayed: false });
    });

    it('keep the key when nobody knows whether the create happened', async () => {
      const { records, create } = await setUp();
      create.mockRejectedValueOnce(new OutcomeUnknownError({ message: 'no answer' }));
      await expect(records.run(request(), create)).rejects.toThrow(OutcomeUnknownError);
      await expect(records.run(request(), create)).rejects.toThrow(OutcomeUnknownError);
      expect(create).toHaveBeenCalledTimes(1);
    });
  });
}
