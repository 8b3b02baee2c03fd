import { describe, expect, it, vi } from 'vitest';
import {
  type Create,
  createIdempotencyRecords,
  type IdempotencyRecords,
  type IdempotentCreate,
} from '../../src/context/idempotency/idempotency.ts';
import type { IdempotencyStore } from '../../src/context/idempotency/store.ts';
import {
  ConflictError,
  ForbiddenError,
  OutcomeUnknownError,
  PlatformError,
  RateLimitedError,
  UnauthenticatedError,
} from '../../src/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { otherOrganization, tenantOf } from '../support/tenants.ts';
import { uncountedWrites } from '../support/uncounted-metrics.ts';

/** Creates a store without records. */
export type MakeIdempotencyStore = (clock: FakeClock) => Promise<IdempotencyStore>;

export const createRequest = (changes: Partial<IdempotentCreate> = {}): IdempotentCreate => ({
  tenant: tenantOf('prod'),
  operation: 'createExportJob',
  key: 'k1',
  input: { datasetId: 'd1' },
  signal: new AbortController().signal,
  ...changes,
});

/** A create with controlled results that counts its calls. */
export function controlledCreate() {
  let settle: { resolve(id: string): void; reject(error: unknown): void } | null = null;
  const send = vi.fn(
    () =>
      new Promise<string>((resolve, reject) => {
        settle = { resolve, reject };
      }),
  );
  const create: Create = async (starting) => {
    await starting();
    return await send();
  };
  return {
    create,
    send,
    sent: () => vi.waitFor(() => expect(settle).not.toBeNull()),
    resolve: (id: string) => settle?.resolve(id),
    reject: (error: unknown) => settle?.reject(error),
  };
}

/** Tests that every idempotency store must pass. */
export function idempotencyContract(name: string, make: MakeIdempotencyStore): void {
  const request = createRequest;
  const setUp = async () => {
    const clock = new FakeClock();
    let next = 1;
    const send = vi.fn(async () => `job-${next++}`);
    const create: Create = async (starting) => {
      await starting();
      return await send();
    };
    const store = await make(clock);
    const records: IdempotencyRecords = createIdempotencyRecords({ store, clock, metrics: uncountedWrites });
    return { clock, store, create, send, records };
  };

  describe(`idempotency records over ${name}`, () => {
    it('return the first id for the same key and input, and create nothing again', async () => {
      const { records, create, send } = await setUp();
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: false });
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: true });
      expect(send).toHaveBeenCalledTimes(1);
    });

    it('let a second request wait for the create of the first', async () => {
      const { records, clock } = await setUp();
      const { create, send, sent, resolve } = controlledCreate();
      const first = records.run(request(), create);
      await sent();
      const second = records.run(request(), create);
      resolve('job-1');
      expect(await clock.runUntil(Promise.all([first, second]))).toEqual([
        { id: 'job-1', replayed: false },
        { id: 'job-1', replayed: true },
      ]);
      expect(send).toHaveBeenCalledTimes(1);
    });

    it('let a waiting request create when the first one was rejected', async () => {
      const { records, clock, create, send } = await setUp();
      const rejected = controlledCreate();
      const first = records.run(request(), rejected.create);
      await rejected.sent();
      const others = Promise.all([records.run(request(), create), records.run(request(), create)]);
      rejected.reject(new UnauthenticatedError({ message: 'The token is not valid.' }));
      await expect(first).rejects.toBeInstanceOf(UnauthenticatedError);
      const results = await clock.runUntil(others);
      expect(results.map(({ id }) => id)).toEqual(['job-1', 'job-1']);
      expect(results.map(({ replayed }) => replayed).toSorted()).toEqual([false, true]);
      expect(send).toHaveBeenCalledTimes(1);
    });

    it('let a waiting request share an unknown outcome', async () => {
      const { records, clock, create, send } = await setUp();
      const lost = controlledCreate();
      const first = records.run(request(), lost.create);
      await lost.sent();
      const second = expect(clock.runUntil(records.run(request(), create))).rejects.toThrow(OutcomeUnknownError);
      lost.reject(new OutcomeUnknownError({ message: 'lost' }));
      await expect(first).rejects.toThrow(OutcomeUnknownError);
      await second;
      expect(send).not.toHaveBeenCalled();
    });

    it('let no request wait longer than a minute', async () => {
      const { records, clock, create, send } = await setUp();
      const endless = controlledCreate();
      const first = records.run(request(), endless.create);
      await endless.sent();
      let ended = false;
      const second = records.run(request(), create).finally(() => {
        ended = true;
      });
      const failure = expect(second).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT', retryable: true });
      await clock.advanceBy(59_999);
      expect(ended).toBe(false);
      await clock.advanceBy(1);
      await failure;
      expect(send).not.toHaveBeenCalled();
      endless.resolve('job-1');
      await first;
    });

    it('let a request that gives up waiting create nothing later', async () => {
      const { records, create, send } = await setUp();
      const rejected = controlledCreate();
      const first = records.run(request(), rejected.create);
      await rejected.sent();
      const leaving = new AbortController();
      const second = records.run(request({ signal: leaving.signal }), create);
      const reason = new Error('The client left.');
      leaving.abort(reason);
      await expect(second).rejects.toBe(reason);
      rejected.reject(new ForbiddenError({ message: 'no' }));
      await expect(first).rejects.toThrow(ForbiddenError);
      expect(send).not.toHaveBeenCalled();
    });

    it('reject a key that is used with another input', async () => {
      const { records, create, send } = await setUp();
      await records.run(request(), create);
      await expect(records.run(request({ input: { datasetId: 'd2' } }), create)).rejects.toThrow(ConflictError);
      expect(send).toHaveBeenCalledTimes(1);
    });

    it.each<[string, Partial<IdempotentCreate>]>([
      ['sandboxes of one organization', { tenant: tenantOf('dev') }],
      ['organizations with equal sandbox names', { tenant: tenantOf('prod', otherOrganization) }],
      ['operations', { operation: 'createSegmentJob' }],
    ])('separate %s', async (_, other) => {
      const { records, create } = await setUp();
      await records.run(request(), create);
      expect(await records.run(request(other), create)).toEqual({ id: 'job-2', replayed: false });
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: true });
      expect(await records.run(request(other), create)).toEqual({ id: 'job-2', replayed: true });
    });

    it.each([
      ['lone surrogates', '\ud800', '\ud801'],
      ['a lone surrogate and its replacement character', '\ud800', '\ufffd'],
      ['case', 'k', 'K'],
    ])('separate keys that differ only in %s', async (_, one, other) => {
      const { records, create } = await setUp();
      expect(await records.run(request({ key: one }), create)).toEqual({ id: 'job-1', replayed: false });
      expect(await records.run(request({ key: other }), create)).toEqual({ id: 'job-2', replayed: false });
      expect(await records.run(request({ key: one }), create)).toEqual({ id: 'job-1', replayed: true });
    });

    it.each([
      ['the platform rejected the create', new PlatformError({ message: 'no', status: 409 })],
      ['the platform was overloaded and created nothing', new PlatformError({ message: 'busy', status: 503 })],
      ['there were too many calls', new RateLimitedError({ message: 'slower' })],
    ])('free the key when %s', async (_, error) => {
      const { records, create, send } = await setUp();
      send.mockRejectedValueOnce(error);
      await expect(records.run(request(), create)).rejects.toBe(error);
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: false });
    });

    it.each([
      ['with an unknown outcome', new OutcomeUnknownError({ message: 'lost' })],
      ['with a fault of the gateway', new TypeError('a fault')],
    ])('keep the key when the create ended %s', async (_, error) => {
      const { records, create, send } = await setUp();
      send.mockRejectedValueOnce(error);
      await expect(records.run(request(), create)).rejects.toBe(error);
      await expect(records.run(request(), create)).rejects.toThrow(OutcomeUnknownError);
      expect(send).toHaveBeenCalledTimes(1);
    });

    it('free the key when a preparation failed, whatever its outcome', async () => {
      const { records, create } = await setUp();
      const lost = new OutcomeUnknownError({ message: 'The dataset may have been created.' });
      await expect(records.run(request(), () => Promise.reject(lost))).rejects.toBe(lost);
      expect(await records.run(request(), create)).toEqual({ id: 'job-1', replayed: false });
    });

    it('create nothing under a claim that is no longer held', async () => {
      const { clock, store, create, send } = await setUp();
      const stolen: IdempotencyStore = {
        claim: async (...options) => {
          const found = await store.claim(...options);
          if (found.state !== 'claimed') return found;
          return { ...found, claim: { start: async () => false, end: (outcome) => found.claim.end(outcome) } };
        },
      };
      const records = createIdempotencyRecords({ store: stolen, clock, metrics: uncountedWrites });
      await expect(records.run(request(), create)).rejects.toMatchObject({ retryable: true });
      expect(send).not.toHaveBeenCalled();
    });

    it('leave no deadline behind', async () => {
      const { records, clock, create } = await setUp();
      await records.run(request(), create);
      await records.run(request(), create);
      expect(clock.pending('deadline')).toBe(0);
    });
  });
}
