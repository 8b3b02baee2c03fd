import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DataSetFileId, type DatasetId, platformId } from '../../../src/domain/ids.ts';
import { readBatches } from '../../../src/loaders/lists/batches.ts';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import { readExportJobs } from '../../../src/loaders/lists/export-jobs.ts';
import { readFiles } from '../../../src/loaders/lists/files.ts';
import type { Connection } from '../../../src/loaders/pagination/connection.ts';
import { batch, dataset, exportJob } from './entities.ts';
import { fakeBatches, fakeDatasets, fakeExportJobs, fakeFiles } from './fake-lists.ts';
import { repeated, walk } from './walk.ts';

const range = (length: number) => Array.from({ length }, (_, index) => index);
const idOf = (node: { readonly id: string }) => node.id;
const datasetId = platformId<DatasetId>('dataset');
const batchId = platformId<never>('batch');

describe('a page of a connection', () => {
  it('has a cursor for its position, and one for each edge', async () => {
    const { api } = fakeExportJobs(range(5).map((index) => exportJob(`job-${index}`, index)));
    const read = (after: string | null) => readExportJobs(api, { first: 2, after, filter: null });
    const first = await read(null);
    expect(first.nodes.map(idOf)).toEqual(['job-4', 'job-3']);
    expect(first.edges.map(({ node }) => node)).toEqual(first.nodes);
    expect(first.pageInfo).toMatchObject({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.edges[0]?.cursor,
      endCursor: first.edges[1]?.cursor,
    });
    const second = await read(first.edges[0]?.cursor ?? null);
    expect(second.nodes.map(idOf)).toEqual(['job-3', 'job-2']);
    expect(second.pageInfo.hasPreviousPage).toBe(true);
  });

  it('of an empty list has no cursors', async () => {
    const pages = [
      await readExportJobs(fakeExportJobs([]).api, { first: 5, after: null, filter: null }),
      await readDatasets(fakeDatasets([]).api, { first: 5, after: null, filter: null, orderBy: null }),
      await readBatches(fakeBatches([]).api, { first: 5, after: null, filter: null, of: datasetId }),
      await readFiles(fakeFiles([]).api, { first: 5, after: null, batchId }),
    ];
    const pageInfo = { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null };
    for (const page of pages) expect(page).toMatchObject({ edges: [], nodes: [], pageInfo, totalCount: null });
  });

  it.each([0, 1, 4, 5, 6, 10, 11])('reports correctly whether there is more, for %i rows by fives', async (count) => {
    const at = (index: number) => ({ createdAt: new Date(index) });
    const jobs = fakeExportJobs(range(count).map((index) => exportJob(`job-${index}`, index)));
    const datasets = fakeDatasets(range(count).map((index) => dataset(`set-${index}`, at(index))));
    const batches = fakeBatches(range(count).map((index) => batch(`batch-${index}`, at(index))));
    const files = fakeFiles(range(count).map((index) => [fileOf(index)]));
    const expected = range(Math.max(1, Math.ceil(count / 5))).map((page) => Math.min(5, count - page * 5));
    const sizes = async <Node>(read: (after: string | null) => Promise<Connection<Node>>) =>
      (await walk(read, String)).pages.map(({ nodes }) => nodes.length);
    expect(await sizes((after) => readExportJobs(jobs.api, { first: 5, after, filter: null }))).toEqual(expected);
    expect(
      await sizes((after) => readDatasets(datasets.api, { first: 5, after, filter: null, orderBy: null })),
    ).toEqual(expected);
    expect(await sizes((after) => readBatches(batches.api, { first: 5, after, filter: null, of: datasetId }))).toEqual(
      expected,
    );
    expect(await sizes((after) => readFiles(files.api, { first: 5, after, batchId }))).toEqual(expected);
    expect([jobs, datasets, batches, files].map(({ calls }) => calls.length)).toEqual(
      range(4).map(() => expected.length),
    );
  });
});

describe('the calls that a page costs', () => {
  const jobs = range(250).map((index) => exportJob(`job-${index}`, index));
  const sets = range(250).map((index) => dataset(`set-${index}`, { createdAt: new Date(index), name: `n-${index}` }));

  it.each([1, 20, 50, 99, 100])('are one for %i export jobs', async (first) => {
    const { api, calls } = fakeExportJobs(jobs);
    const page = await readExportJobs(api, { first, after: null, filter: null });
    expect(page.nodes).toHaveLength(first);
    expect(calls).toEqual([{ limit: first, cursor: undefined }]);
  });

  it.each([1, 20, 50, 99])(
    'are one for %i datasets, with one extra row to determine whether there is a next page',
    async (first) => {
      const { api, calls } = fakeDatasets(sets);
      const page = await readDatasets(api, { first, after: null, filter: null, orderBy: null });
      expect(page.nodes).toHaveLength(first);
      expect(calls.map(({ limit }) => limit)).toEqual([first + 1]);
    },
  );

  it('are two for 100 datasets, because the response has no room for one more, and the second requests as few as possible', async () => {
    const { api, calls } = fakeDatasets(sets);
    const page = await readDatasets(api, { first: 100, after: null, filter: null, orderBy: null });
    expect(page.pageInfo.hasNextPage).toBe(true);
    expect(calls.map(({ limit }) => limit)).toEqual([100, 3]);
  });

  it('never request more rows than Catalog permits', async () => {
    const equal = range(300).map((index) => dataset(`set-${index}`, { createdAt: new Date(1) }));
    const { api, calls } = fakeDatasets(equal);
    await walk((after) => readDatasets(api, { first: 100, after, filter: null, orderBy: null }), idOf);
    expect(calls.filter(({ limit }) => limit < 1 || limit > 100)).toEqual([]);
  });
});

describe('datasets', () => {
  const names = ['b', 'a', 'd', 'c', 'a'];
  const sets = names.map((name, index) =>
    dataset(`set-${index}`, {
      name,
      createdAt: new Date(1_000 + index),
      updatedAt: new Date(2_000 - index),
      schemaRef: { id: index % 2 === 0 ? 'even' : 'odd', contentType: null },
    }),
  );
  const read = (options: Partial<Parameters<typeof readDatasets>[1]>, first = 2) => {
    const list = fakeDatasets(sets);
    return walk((after) => readDatasets(list.api, { first, after, filter: null, orderBy: null, ...options }), idOf);
  };

  it('are ordered by name through row offsets', async () => {
    expect((await read({ orderBy: { field: 'name', direction: 'asc' } })).ids).toEqual([
      'set-1',
      'set-4',
      'set-0',
      'set-3',
      'set-2',
    ]);
    expect((await read({ orderBy: { field: 'name', direction: 'desc' } })).ids).toEqual([
      'set-2',
      'set-3',
      'set-0',
      'set-1',
      'set-4',
    ]);
  });

  it('ordered by name are returned exactly once although others are added between the pages', async () => {
    const row = fc.record({ id: fc.uuid(), name: fc.constantFrom(...'abcdef') });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(row, { selector: (each) => each.id }), fc.array(row), async (original, added) => {
        const list = fakeDatasets(original.map(({ id, name }) => dataset(id, { name })));
        const { ids } = await walk(
          (after) =>
            readDatasets(list.api, { first: 3, after, filter: null, orderBy: { field: 'name', direction: 'asc' } }),
          idOf,
          (page) => {
            const next = added[page];
            if (next !== undefined) list.rows.push(dataset(`new-${next.id}`, { name: next.name }));
          },
        );
        expect(original.filter(({ id }) => !ids.includes(id))).toEqual([]);
        expect(repeated(ids)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('ordered by name are all returned when the last returned one is deleted between the pages', async () => {
    const list = fakeDatasets(range(9).map((index) => dataset(`set-${index}`, { name: `name-${index}` })));
    const { ids } = await walk(
      (after) =>
        readDatasets(list.api, { first: 3, after, filter: null, orderBy: { field: 'name', direction: 'asc' } }),
      idOf,
      (page) => {
        if (page === 0) list.rows = list.rows.filter(({ id }) => id !== 'set-2');
      },
    );
    expect(ids).toEqual(range(9).map((index) => `set-${index}`));
  });

  it('are filtered by the platform if possible, and by the schema in the gateway', async () => {
    expect((await read({ filter: { name: 'a' } })).ids).toEqual(['set-4', 'set-1']);
    expect((await read({ filter: { createdAfter: new Date(1_002) } })).ids).toEqual(['set-4', 'set-3']);
    expect((await read({ filter: { updatedAfter: new Date(1_998) } })).ids).toEqual(['set-1', 'set-0']);
    expect((await read({ filter: { schemaId: 'odd' } })).ids).toEqual(['set-3', 'set-1']);
    const oldest = { field: 'created', direction: 'asc' } as const;
    const both = { filter: { schemaId: 'even', createdAfter: new Date(1_000) }, orderBy: oldest };
    expect((await read(both, 1)).ids).toEqual(['set-2', 'set-4']);
  });

  it('without the time of the order are returned too', async () => {
    const list = fakeDatasets(range(7).map((index) => dataset(`set-${index}`, { createdAt: new Date(index) })));
    const orderBy = { field: 'updated', direction: 'asc' } as const;
    const { ids } = await walk((after) => readDatasets(list.api, { first: 2, after, filter: null, orderBy }), idOf);
    expect(ids).toEqual(range(7).map((index) => `set-${index}`));
  });

  it('without the time of the order are returned once each, before all others', async () => {
    const rows = range(9).map((index) =>
      dataset(`set-${index}`, { updatedAt: index < 4 ? null : new Date(1_000 + index) }),
    );
    const list = fakeDatasets(rows);
    const orderBy = { field: 'updated', direction: 'asc' } as const;
    for (const first of [1, 2, 3, 5]) {
      const { ids } = await walk((after) => readDatasets(list.api, { first, after, filter: null, orderBy }), idOf);
      expect(ids).toEqual(rows.map(idOf));
    }
  });
});

describe('a filter that the platform does not have', () => {
  it('reads at most ten upstream pages of 100 rows per request, and continues exactly there', async () => {
    const wanted = [5, 999, 1_000, 1_001, 2_400];
    const jobs = range(2_500).map((index) =>
      exportJob(`job-${String(9_999 - index)}`, 10_000 - index, {
        status: wanted.includes(index) ? 'FAILED' : 'SUCCEEDED',
      }),
    );
    const { api, calls } = fakeExportJobs(jobs);
    const callsOf: number[] = [];
    const { pages, ids } = await walk(async (after) => {
      const before = calls.length;
      const page = await readExportJobs(api, { first: 10, after, filter: { statuses: ['FAILED', 'CANCELLED'] } });
      callsOf.push(calls.length - before);
      return page;
    }, idOf);
    expect(ids).toEqual(wanted.map((index) => `job-${9_999 - index}`));
    expect(pages.map(({ nodes }) => nodes.length)).toEqual([2, 2, 1]);
    expect(callsOf).toEqual([10, 10, 5]);
    expect(calls.every(({ limit }) => limit === 100)).toBe(true);
  });

  it('may return a page without rows, with a cursor to continue', async () => {
    const jobs = range(1_500).map((index) =>
      exportJob(`job-${index}`, 10_000 - index, { status: index === 1_200 ? 'FAILED' : 'SUCCEEDED' }),
    );
    const { api } = fakeExportJobs(jobs);
    const filter = { statuses: ['FAILED', 'CANCELLED'] as const };
    const empty = await readExportJobs(api, { first: 1, after: null, filter });
    expect(empty.nodes).toEqual([]);
    expect(empty.pageInfo).toMatchObject({ hasNextPage: true, startCursor: null, endCursor: expect.any(String) });
    const next = await readExportJobs(api, { first: 1, after: empty.pageInfo.endCursor, filter });
    expect(next.nodes.map(idOf)).toEqual(['job-1200']);
    expect(next.pageInfo.hasNextPage).toBe(false);
  });

  it('reports the end when no later row matches', async () => {
    const jobs = range(300).map((index) =>
      exportJob(`job-${index}`, 1_000 - index, { status: index < 2 ? 'FAILED' : 'SUCCEEDED' }),
    );
    const page = await readExportJobs(fakeExportJobs(jobs).api, {
      first: 2,
      after: null,
      filter: { statuses: ['FAILED', 'CANCELLED'] },
    });
    expect(page.nodes).toHaveLength(2);
    expect(page.pageInfo.hasNextPage).toBe(false);
  });

  it('stops reading if all later rows are too old', async () => {
    const jobs = range(900).map((index) => exportJob(`job-${index}`, 1_000 - index));
    const { api, calls } = fakeExportJobs(jobs);
    const filter = { createdAfter: new Date(850), createdBefore: new Date(950) };
    const { ids } = await walk((after) => readExportJobs(api, { first: 99, after, filter }), idOf);
    expect(ids).toEqual(range(99).map((index) => `job-${index + 51}`));
    expect(calls).toHaveLength(1);
  });

  it('returns each matching row exactly once, in order, for any page size', async () => {
    const rows = fc.array(fc.record({ wanted: fc.boolean(), key: fc.integer({ min: 0, max: 50 }) }), {
      maxLength: 350,
    });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 100 }), async (given, first) => {
        const sets = given.map(({ wanted, key }, index) =>
          dataset(`set-${index}`, {
            createdAt: new Date(key),
            schemaRef: wanted ? { id: 'wanted', contentType: null } : null,
          }),
        );
        const list = fakeDatasets(sets);
        const filter = { schemaId: 'wanted' };
        const { ids } = await walk((after) => readDatasets(list.api, { first, after, filter, orderBy: null }), idOf);
        const { objects } = await list.api.list({ limit: sets.length });
        expect(ids).toEqual(objects.filter(({ schemaRef }) => schemaRef !== null).map(idOf));
      }),
      { numRuns: 40 },
    );
  });
});

const fileOf = (entry: number, part = 0) => ({
  fileId: platformId<DataSetFileId>(`file-${entry}`),
  name: `part-${part}.parquet`,
  sizeBytes: 1,
});

describe('the files of a batch', () => {
  it('are returned once each and in order, whatever the number of parts and the page size', async () => {
    const parts = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 15 });
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(parts, sizes, async (counts, firsts) => {
        const { api } = fakeFiles(counts.map((count, entry) => range(count).map((part) => fileOf(entry, part))));
        const label = ({ fileId, name }: { fileId: string; name: string }) => `${fileId}/${name}`;
        const { ids } = await walk(
          (after, page) => readFiles(api, { first: firsts[page % firsts.length] ?? 1, after, batchId }),
          label,
        );
        expect(ids).toEqual(counts.flatMap((count, entry) => range(count).map((part) => label(fileOf(entry, part)))));
      }),
      { numRuns: 200 },
    );
  });

  it('of two files may share an id or a name, but not both', async () => {
    const entries = [[fileOf(0, 0), fileOf(0, 1)], [fileOf(1, 0)]];
    const page = await readFiles(fakeFiles(entries).api, { first: 10, after: null, batchId });
    expect(page.nodes).toEqual(entries.flat());
  });
});
