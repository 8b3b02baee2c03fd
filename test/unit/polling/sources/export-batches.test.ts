import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../../src/domain/export-job.ts';
import { type BatchId, platformId } from '../../../../src/domain/ids.ts';
import { ForbiddenError, PlatformError, UpstreamUnreachableError } from '../../../../src/errors.ts';
import { exportBatches } from '../../../../src/polling/sources/export-batches.ts';
import { batchesOf, exportJob, FakePlatform } from '../fake-platform.ts';

const broken = new PlatformError({ message: 'broken', status: 500 });

/** A platform with these batches, all LOADING, and a job of them. */
function setUp(...ids: readonly string[]) {
  const platform = new FakePlatform();
  for (const id of ids) platform.batches.set(id, 'LOADING');
  const read = (job: ExportJob) =>
    exportBatches.read(
      platform.reader(),
      job.destination.batches.map(({ batchId }) => batchId),
      { signal: new AbortController().signal },
    );
  return { platform, read, job: exportJob('a', 0, 'SUCCEEDED', batchesOf(...ids)) };
}
const statesOf = ({ observedBatches }: ExportJob) =>
  [...(observedBatches?.states ?? [])].map(([id, { status }]) => `${id}=${status}`);
const absencesOf = ({ observedBatches }: ExportJob) => [...(observedBatches?.absences ?? [])];

describe('a reading of batches', () => {
  it('keeps the state of a batch that Catalog returns as an error, and does not count it as absent', async () => {
    const { platform, read, job } = setUp('b', 'c', 'd');
    const before = (await read(job)).apply(job);
    platform.unreadableBatches.set('c', new ForbiddenError({ message: 'no' }));
    for (const id of ['b', 'c']) platform.batches.set(id, 'LOADED');
    platform.batches.delete('d');
    const { apply, incomplete } = await read(before);
    const after = apply(before);
    expect(statesOf(after)).toEqual(['b=LOADED', 'c=LOADING', 'd=LOADING']);
    expect(absencesOf(after)).toEqual([['d', 1]]);
    // No call failed, so that the next reading is not delayed.
    expect(incomplete).toBeNull();
  });

  it('reads the other batches of a call that fails because of one, and counts the calls', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `b${index}`);
    const { platform, read, job } = setUp(...ids);
    const before = (await read(job)).apply(job);
    platform.calls.length = 0;
    platform.failure = (call) => (call.ids?.includes('b0') === true ? broken : null);
    for (const id of ids) platform.batches.set(id, 'LOADED');
    const { apply, calls, incomplete } = await read(before);
    const after = apply(before);
    expect(statesOf(after).filter((state) => state.endsWith('LOADING'))).toEqual(['b0=LOADING']);
    expect(absencesOf(after)).toEqual([]);
    expect(incomplete).toBe(broken);
    expect([calls, platform.count('batches')]).toEqual([15, 15]);
  });

  it('fails if no batch could be read, with the rejection of the credential if there is one', async () => {
    const { platform, read, job } = setUp('b', 'c');
    platform.failure = () => new UpstreamUnreachableError({ message: 'away' });
    await expect(read(job)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    platform.failure = () => new ForbiddenError({ message: 'no' });
    await expect(read(job)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    platform.failure = () => null;
    for (const id of ['b', 'c']) platform.unreadableBatches.set(platformId<BatchId>(id), broken);
    await expect(read(job)).rejects.toBe(broken);
  });

  it('fails if the platform rejects the credential of one of its calls', async () => {
    const { platform, read, job } = setUp('b', 'c', 'd', 'e', 'f');
    const forbidden = new ForbiddenError({ message: 'no' });
    platform.failure = ({ ids }) => {
      if (ids?.length === 5) return broken;
      return ids?.includes('f') === true ? forbidden : null;
    };
    await expect(read(job)).rejects.toBe(forbidden);
  });
});
