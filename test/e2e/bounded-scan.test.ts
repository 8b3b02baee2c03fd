import { describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import {
  failedExportJob,
  type LongPlatform,
  rareDataset,
  rareEvery,
  startLongPlatform,
} from '../support/long-platform.ts';
import { everyPage } from './gateway-reading.ts';
import {
  type ExportJobFilter,
  ScanExportJobsDocument,
  ScanSegmentJobsDocument,
  type SegmentJobFilter,
} from './operations.generated.ts';

/** Number of upstream pages that one request may read, and of rows on each of them. */
const maxPages = 10;
const pageSize = 100;

interface ScanOptions {
  readonly first: number;
  readonly filter?: ExportJobFilter;
  /** Number of jobs that are created after each page. */
  readonly arrivals?: number;
}

const listCalls = ({ requests }: LongPlatform) => requests.filter((request) => /\/jobs\/?\?/.test(request)).length;

/** Reads a list to its end, and returns the jobs of each page and the number of its calls. */
async function scan(platform: LongPlatform, gateway: Gateway, { first, filter, arrivals = 0 }: ScanOptions) {
  const calls: number[] = [];
  const pages = await everyPage(async (after) => {
    const before = listCalls(platform);
    const { page } = await gateway.query(ScanExportJobsDocument, { first, after, filter: filter ?? null });
    calls.push(listCalls(platform) - before);
    platform.arrive(arrivals);
    return page;
  });
  return { calls, pages: pages.map(({ nodes }) => nodes.map(({ platformId }) => Number(platformId))) };
}

/** The numbers of the rare jobs, youngest first. */
const rareOf = (count: number) =>
  Array.from({ length: Math.floor(count / rareEvery) }, (_, index) => (index + 1) * rareEvery).reverse();

describe('a filter that the platform does not support, over more jobs than one request reads', () => {
  it('returns the matches of ten pages and continues where they end, to the end of the list', async () => {
    await using platform = await startLongPlatform({ exportJobs: 2_550 });
    await using gateway = await startGateway({ platform });
    const { pages, calls } = await scan(platform, gateway, { first: 5, filter: { datasetId: rareDataset } });
    expect(pages).toEqual([[2_400, 2_000, 1_600], [1_200, 800], [400]]);
    expect(calls).toEqual([maxPages, maxPages, 6]);
  });

  it('ends a page as soon as it is full', async () => {
    await using platform = await startLongPlatform({ exportJobs: 2_550 });
    await using gateway = await startGateway({ platform });
    const { pages, calls } = await scan(platform, gateway, { first: 2, filter: { datasetId: rareDataset } });
    expect(pages.flat()).toEqual(rareOf(2_550));
    expect(pages.slice(0, 2)).toEqual([
      [2_400, 2_000],
      [1_600, 1_200],
    ]);
    expect(Math.max(...calls)).toBeLessThanOrEqual(maxPages);
  });

  it('reports that there may be more while it has found nothing, and finally that there is none', async () => {
    await using platform = await startLongPlatform({ exportJobs: 2_000 });
    await using gateway = await startGateway({ platform });
    const { pages, calls } = await scan(platform, gateway, { first: 20, filter: { datasetId: 'of nobody' } });
    expect(pages).toEqual([[], []]);
    expect(calls).toEqual([maxPages, maxPages]);
  });

  it('reads no older jobs than the times of the filter permit', async () => {
    await using platform = await startLongPlatform({ exportJobs: 2_550 });
    await using gateway = await startGateway({ platform });
    // Job 2,300 was created 2,300 seconds after the start of the year.
    const createdAfter = '2026-01-01T00:38:20Z';
    const { pages, calls } = await scan(platform, gateway, { first: 100, filter: { createdAfter } });
    expect(pages.flat()).toEqual(Array.from({ length: 250 }, (_, index) => 2_550 - index));
    expect(calls.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(Math.ceil(250 / pageSize) * 2);
  });

  it.each<{ filter: ExportJobFilter; found: readonly number[] }>([
    { filter: { statuses: ['FAILED'] }, found: [failedExportJob] },
    { filter: { createdBefore: '2026-01-01T00:00:04Z' }, found: [3, 2, 1] },
    { filter: { createdBefore: '2026-01-01T00:00:10Z', statuses: ['FAILED'] }, found: [failedExportJob] },
    { filter: { createdBefore: '2026-01-01T00:20:00Z', createdAfter: '2026-01-01T00:19:57Z' }, found: [1199, 1198] },
  ])('costs one call if the platform or the order can apply it: $filter', async ({ filter, found }) => {
    await using platform = await startLongPlatform({ exportJobs: 3_000 });
    await using gateway = await startGateway({ platform });
    expect(await scan(platform, gateway, { first: 20, filter })).toEqual({ pages: [found], calls: [1] });
  });

  it.each([0, 150])(
    'returns every existing job once, while %i others are created after each page',
    async (arrivals) => {
      await using platform = await startLongPlatform({ exportJobs: 2_550 });
      await using gateway = await startGateway({ platform });
      const filtered = await scan(platform, gateway, { first: 1, filter: { datasetId: rareDataset }, arrivals });
      expect(filtered.pages.flat()).toEqual(rareOf(2_550));
      const all = await scan(platform, gateway, { first: 100, arrivals });
      const ids = all.pages.flat();
      expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => ids.length - index));
      expect(new Set(all.calls)).toEqual(new Set([1]));
    },
  );
});

describe.each(['page', 'row'] as const)('segment jobs, in lists that count by %s', (start) => {
  const filter: SegmentJobFilter = { statuses: ['FAILED', 'CANCELLED'] };

  it.each([0, 130])(
    'are returned once each, by several statuses, while %i others are created after each page',
    async (arrivals) => {
      await using platform = await startLongPlatform({ segmentJobs: 2_550, start });
      await using gateway = await startGateway({ platform });
      const wanted = Array.from({ length: 2_550 }, (_, index) => 2_550 - index)
        .filter((number) => number % rareEvery < 2)
        .map((number) => `segment-job-${number}`);
      const calls: number[] = [];
      const pages = await everyPage(async (after) => {
        const before = listCalls(platform);
        const { page } = await gateway.query(ScanSegmentJobsDocument, { first: 3, after, filter });
        calls.push(listCalls(platform) - before);
        platform.arrive(arrivals);
        return page;
      });
      expect(pages.flatMap(({ nodes }) => nodes.map(({ platformId }) => platformId))).toEqual(wanted);
      expect(Math.max(...calls)).toBeLessThanOrEqual(maxPages);
    },
  );

  it('are returned once each without a filter while others are created', async () => {
    await using platform = await startLongPlatform({ segmentJobs: 330, start });
    await using gateway = await startGateway({ platform });
    const pages = await everyPage(async (after) => {
      const { page } = await gateway.query(ScanSegmentJobsDocument, { first: 40, after });
      platform.arrive(7);
      return page;
    });
    expect(pages.flatMap(({ nodes }) => nodes.map(({ platformId }) => platformId))).toEqual(
      Array.from({ length: 330 }, (_, index) => `segment-job-${330 - index}`),
    );
  });
});
