import { describe, expect, it } from 'vitest';
import { RequestLog } from '../../../src/emulator/http/request-log.ts';
import { RequestRate } from '../../../src/emulator/http/request-rate.ts';
import { BatchFolders } from '../../../src/emulator/jobs/batch-folder.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('the rate of requests', () => {
  it('is counted per second, starting with the first request', async () => {
    const clock = new FakeClock();
    const rate = new RequestRate(clock, () => 2);
    const admitted = () => [rate.admits(), rate.admits(), rate.admits()];
    expect(admitted()).toEqual([true, true, false]);
    await clock.advanceBy(999);
    expect(rate.admits()).toBe(false);
    await clock.advanceBy(1);
    expect(admitted()).toEqual([true, true, false]);
  });

  it('is not limited without a limit', () => {
    const rate = new RequestRate(new FakeClock(), () => null);
    expect(Array.from({ length: 100 }, () => rate.admits()).every(Boolean)).toBe(true);
  });
});

describe('the log of requests', () => {
  const request = { time: new Date(0), method: 'GET', path: '/x', status: 200, requestId: 'r', sandbox: null };

  it('keeps the last ten thousand, numbered from the first', () => {
    const log = new RequestLog();
    const bounds = () => [log.requests.length, log.requests[0]?.number, log.requests.at(-1)?.number];
    for (let count = 0; count < 10_000; count += 1) log.add(request);
    expect(bounds()).toEqual([10_000, 1, 10_000]);
    log.add(request);
    expect(bounds()).toEqual([10_000, 2, 10_001]);
    for (let count = 10_001; count < 20_000; count += 1) log.add(request);
    expect(bounds()).toEqual([10_000, 10_001, 20_000]);
    log.clear();
    expect(log.requests).toEqual([]);
  });
});

describe('the files of a batch', () => {
  it.each([
    [0, []],
    [1, [1]],
    [8, [8]],
    [9, [8, 1]],
    [16, [8, 8]],
  ])('of %i parts have at most eight each', (count, expected) => {
    const parts = Array.from({ length: count }, (_, index) => ({
      name: `part-${index}`,
      path: '',
      sizeBytes: 1,
      rows: 1,
    }));
    const files = new BatchFolders('/folder').filesOf({ batchId: 'b', dataSetViewId: 'v', created: 1 }, parts);
    expect(files.map((file) => file.parts.length)).toEqual(expected);
    expect(files.map(({ id }) => id)).toEqual(expected.map((_, index) => `b-${index + 1}`));
    expect(files.flatMap((file) => file.parts.map(({ name }) => name))).toEqual(parts.map(({ name }) => name));
  });
});
