import { describe, expect, it, vi } from 'vitest';
import { createMemoryIdempotencyRecords, type IdempotentCreate } from '../../../src/context/idempotency.ts';
import { parseTenant, type Tenant } from '../../../src/domain/tenant.ts';
import { ConflictError, OutcomeUnknownError, PlatformError } from '../../../src/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function tenant(sandbox: string): Tenant {
  const parsed = parseTenant('0123456789ABCDEF01234567@AdobeOrg', sandbox);
  if (parsed === null) throw new Error('not a tenant');
  return parsed;
}

const request = (changes: Partial<IdempotentCreate> = {}): IdempotentCreate => ({
  tenant: tenant('prod'),
  operation: 'createExportJob',
  key: 'k1',
  input: { datasetId: 'd1' },
  ...changes,
});

function setUp() {
  const clock = new FakeClock();
  let next = 1;
  const create = vi.fn(async () => `job-${next++}`);
  return { clock, create, records: createMemoryIdempotencyRecords({ clock }) };
}

describe('idempotency records', () => {
  it('answer the same key and input with the first id, and create nothing again', async () => {
    const { records, create } = setUp();
    expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: false });
    expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: true });
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('let a second request join the create that is under way', async () => {
    const { records } = setUp();
    let resolve = (_id: string) => {};
    const promise = new Promise<string>((settle) => {
      resolve = settle;
    });
    const create = vi.fn(() => promise);
    const both = Promise.all([records.run(request(), create), records.run(request(), create)]);
    resolve('job-1');
    expect(await both).toEqual([
      { id: 'job-1', replayed: false },
      { id: 'job-1', replayed: true },
    ]);
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('refuse a key that comes with another input', async () => {
    const { records, create } = setUp();
    await records.run(request(), create);
    await expect(records.run(request({ input: { datasetId: 'd2' } }), create)).rejects.toThrow(ConflictError);
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('keep tenants and operations apart', async () => {
    const { records, create } = setUp();
    await records.run(request(), create);
    expect(await records.run(request({ tenant: tenant('dev') }), create)).toEqual({ id: 'job-2', replayed: false });
    expect(await records.run(request({ operation: 'createSegmentJob' }), create)).toEqual({
      id: 'job-3',
      replayed: false,
    });
  });

  it('free the key when the create was refused', async () => {
    const { records, create } = setUp();
    create.mockRejectedValueOnce(new PlatformError({ message: 'no', status: 409 }));
    await expect(records.run(request(), create)).rejects.toThrow(PlatformError);
    expect(await records.run(request(), create)).toMatchObject({ replayed: false });
  });

  it('keep the key when the platform broke while it created', async () => {
    const { records, create } = setUp();
    create.mockRejectedValueOnce(new PlatformError({ message: 'broken', status: 500 }));
    await expect(records.run(request(), create)).rejects.toThrow(PlatformError);
    await expect(records.run(request(), create)).rejects.toThrow(PlatformError);
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('keep the key when nobody knows whether the create happened', async () => {
    const { records, create } = setUp();
    create.mockRejectedValueOnce(new OutcomeUnknownError({ message: 'no answer' }));
    await expect(records.run(request(), create)).rejects.toThrow(OutcomeUnknownError);
    await expect(records.run(request(), create)).rejects.toThrow(OutcomeUnknownError);
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('forget a key after 24 hours', async () => {
    const { records, create, clock } = setUp();
    await records.run(request(), create);
    await clock.advanceBy(24 * 60 * 60 * 1_000);
    expect(await records.run(request(), create)).toEqual({ id: 'job-2', replayed: false });
  });
});
