import { describe, expect, it } from 'vitest';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import { readExportJobs } from '../../../src/loaders/lists/export-jobs.ts';
import { readSegmentDefinitions } from '../../../src/loaders/lists/segment-definitions.ts';
import { readSegmentJobs } from '../../../src/loaders/lists/segment-jobs.ts';
import { catalogPage } from '../../../src/upstream/apis/catalog-page.ts';
import { dataset, exportJob, segmentDefinition, segmentJob } from './entities.ts';
import { fakeDatasets } from './fake-lists.ts';
import { type UnrulyRow, unrulyLists } from './unruly-lists.ts';
import { repeated, walk } from './walk.ts';

const range = (length: number) => Array.from({ length }, (_, index) => index);

/** Returns the numbers below `length` in an order that is independent of their size. */
const scattered = (length: number) => range(length).map((index) => (index * 7_919) % length);

describe.each(unrulyLists)('a walk over more rows than a cursor names, of %s', (_, make) => {
  const rowsOf = (keys: readonly number[]): UnrulyRow[] => keys.map((key) => ({ id: `long-id-of-row-${key}`, key }));

  it.each([7, 40, 100])('returns every row once, in an order that the platform chooses, by %i', async (first) => {
    const list = make();
    list.rows = rowsOf(scattered(353));
    const { ids } = await walk((after) => list.read(first, after), list.idOf);
    expect(ids).toHaveLength(353);
    expect(new Set(ids).size).toBe(353);
  });

  it.each([1, 33])('returns every row once in order while %i others are added after each page', async (arrivals) => {
    const list = make();
    const sign = list.direction === 'asc' ? 1 : -1;
    const original = rowsOf(range(353).map((index) => 10_000 + sign * index));
    list.rows = [...original];
    let next = 1;
    const { ids } = await walk(
      (after) => list.read(40, after),
      list.idOf,
      () => {
        // Newer rows are at the head of a list in descending order, and at the end of one in ascending order.
        const added = rowsOf(range(arrivals).map((index) => 10_000 - sign * (next + index))).reverse();
        next += arrivals;
        if (list.direction === 'desc') list.rows = [...added, ...list.rows];
      },
    );
    expect(repeated(ids)).toEqual([]);
    expect(original.filter(({ id }) => !ids.includes(id))).toEqual([]);
  });
});

describe('a platform with its own order', () => {
  const times = [5, 9, 3, 7, 1, 8, 2, 10, 4, 6];

  it.each([
    { field: 'updateTime', direction: 'desc' },
    { field: 'creationTime', direction: 'asc' },
  ] as const)('loses no segment job by $field $direction', async (orderBy) => {
    const jobs = times.map((time) => segmentJob(`job-${time}`, time));
    const page = await readSegmentJobs(
      { list: async () => ({ jobs, next: null, total: 10 }) },
      { first: 20, after: null, filter: null, orderBy },
    );
    expect(page.nodes).toEqual(jobs);
    expect(page.pageInfo.hasNextPage).toBe(false);
  });

  it('loses no segment definition, with or without a time', async () => {
    const definitions = times.map((time) =>
      segmentDefinition(`segment-${time}`, { createdAt: time % 3 === 0 ? null : new Date(time) }),
    );
    const page = await readSegmentDefinitions(
      { list: async () => ({ definitions, next: null, total: null }) },
      { first: 20, after: null, filter: null, orderBy: null },
    );
    expect(page.nodes).toEqual(definitions);
  });

  it('is read to the end for a filter by time, although an older job comes first', async () => {
    const jobs = [exportJob('old', 1), exportJob('new', 9), exportJob('middle', 5)];
    const page = await readExportJobs(
      { list: async () => ({ jobs, next: null }) },
      { first: 5, after: null, filter: { createdAfter: new Date(4) } },
    );
    expect(page.nodes.map(({ id }) => id)).toEqual(['new', 'middle']);
  });
});

describe('a page of the platform', () => {
  it('is read for a schema even after the first hundred datasets by name', async () => {
    const sets = range(250).map((index) =>
      dataset(`set-${index}`, {
        name: `name-${String(index).padStart(3, '0')}`,
        schemaRef: index % 50 === 49 ? { id: 'https://wanted', contentType: null } : null,
      }),
    );
    const { api, calls } = fakeDatasets(sets);
    const orderBy = { field: 'name', direction: 'asc' } as const;
    const filter = { schemaId: 'https://wanted' };
    const { ids } = await walk(
      (after) => readDatasets(api, { first: 3, after, filter, orderBy }),
      ({ id }) => id,
    );
    expect(ids).toEqual([49, 99, 149, 199, 249].map((index) => `set-${index}`));
    expect(calls.some(({ start = 0 }) => start >= 99)).toBe(true);
  });

  it('is deduplicated if it contains a row twice, with and without a filter', async () => {
    const jobs = [exportJob('b', 2), exportJob('b', 2), exportJob('a', 1), exportJob('b', 2)];
    for (const filter of [null, { statuses: ['SUCCEEDED', 'FAILED'] as const }]) {
      const page = await readExportJobs(
        { list: async () => ({ jobs, next: null }) },
        { first: 9, after: null, filter },
      );
      expect(page.nodes.map(({ id }) => id)).toEqual(['b', 'a']);
    }
  });

  it('ends the list if it leads back to an earlier one', async () => {
    let calls = 0;
    const pages = [['a', 'b'], ['c']];
    const { ids } = await walk(
      (after) =>
        readSegmentDefinitions(
          {
            list: async ({ page = 0 }) => {
              calls += 1;
              const definitions = (pages[page] ?? []).map((id) => segmentDefinition(id));
              return { definitions, next: 1 - page, total: null };
            },
          },
          { first: 2, after, filter: null, orderBy: null },
        ),
      ({ id }) => id,
    );
    expect(ids).toEqual(['a', 'b', 'c']);
    expect(calls).toBeLessThan(8);
  });

  it('ends the list if it is repeated', async () => {
    const sets = range(100).map((index) => dataset(`set-${index}`, { createdAt: new Date(1_000 - index) }));
    const { ids } = await walk(
      (after) =>
        readDatasets(
          { list: async ({ limit }) => catalogPage(sets.slice(0, limit)) },
          { first: 50, after, filter: null, orderBy: null },
        ),
      ({ id }) => id,
    );
    expect(ids.slice(0, 50)).toEqual(sets.slice(0, 50).map(({ id }) => id));
    expect(repeated(ids)).toEqual([]);
  });
});

describe.each(unrulyLists)('a cursor within a page of %s', (_, make) => {
  it('continues after its edge, and is short while the platform keeps the order', async () => {
    const list = make();
    const sign = list.direction === 'asc' ? 1 : -1;
    list.rows = range(300).map((index) => ({ id: `long-id-of-row-${index}`, key: 10_000 + sign * index }));
    const ids: string[] = [];
    let after: string | null = null;
    for (let page = await list.read(30, null); page.edges.length > 0; page = await list.read(30, after)) {
      const taken = page.edges.slice(0, 13);
      ids.push(...taken.map(({ node }) => list.idOf(node)));
      after = taken.at(-1)?.cursor ?? null;
    }
    expect(ids).toEqual(list.rows.map(({ id }) => id));
  });
});

it('a page with all its cursors is small', async () => {
  const sets = range(200).map((index) => dataset('0123456789abcdef'.repeat(2) + index, { createdAt: new Date(index) }));
  const { api } = fakeDatasets(sets);
  const read = (after: string | null) => readDatasets(api, { first: 100, after, filter: null, orderBy: null });
  const { edges } = await read((await read(null)).pageInfo.endCursor);
  expect(edges).toHaveLength(100);
  expect(edges.slice(0, -1).every(({ cursor }) => cursor.length < 250)).toBe(true);
});
