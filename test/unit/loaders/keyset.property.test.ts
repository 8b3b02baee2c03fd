import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import { readBatches } from '../../../src/loaders/lists/batches.ts';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import { readExportJobs } from '../../../src/loaders/lists/export-jobs.ts';
import type { Connection } from '../../../src/loaders/pagination/connection.ts';
import { batch, dataset, exportJob } from './entities.ts';
import { fakeBatches, fakeDatasets, fakeExportJobs } from './fake-lists.ts';
import { repeated, walk } from './walk.ts';

/**
 * A connection over a list that changes between pages. `key` is a time, with few different values, so that many are
 * equal.
 */
interface ChangingList {
  insert(id: string, key: number): void;
  delete(id: string): void;
  read(first: number, after: string | null): Promise<Connection<{ readonly id: string }>>;
  keyOf(id: string): number;
}

function changing<Row extends { readonly id: string }>(
  list: { rows: Row[] },
  make: (id: string, key: number) => Row,
  read: ChangingList['read'],
): ChangingList {
  const keys = new Map<string, number>();
  return {
    insert: (id, key) => {
      keys.set(id, key);
      list.rows.push(make(id, key));
    },
    delete: (id) => {
      list.rows = list.rows.filter((row) => row.id !== id);
    },
    read,
    keyOf: (id) => keys.get(id) ?? Number.NaN,
  };
}

const datasetsBy = (field: 'created' | 'updated', direction: 'asc' | 'desc') => () => {
  const list = fakeDatasets([]);
  const make = (id: string, key: number) =>
    dataset(id, field === 'created' ? { createdAt: new Date(key) } : { updatedAt: new Date(key) });
  return changing(list, make, (first, after) =>
    readDatasets(list.api, { first, after, filter: null, orderBy: { field, direction } }),
  );
};

const lists: readonly [name: string, direction: 1 | -1, make: () => ChangingList][] = [
  [
    'export jobs',
    -1,
    () => {
      const list = fakeExportJobs([]);
      return changing(list, exportJob, (first, after) => readExportJobs(list.api, { first, after, filter: null }));
    },
  ],
  [
    'filtered export jobs',
    -1,
    () => {
      const list = fakeExportJobs([]);
      const filter = { statuses: ['SUCCEEDED'] as const };
      return changing(list, exportJob, (first, after) => readExportJobs(list.api, { first, after, filter }));
    },
  ],
  ['datasets, newest first', -1, datasetsBy('created', 'desc')],
  ['datasets, oldest first', 1, datasetsBy('created', 'asc')],
  ['datasets, last updated first', -1, datasetsBy('updated', 'desc')],
  ['datasets, last updated last', 1, datasetsBy('updated', 'asc')],
  [
    'batches',
    -1,
    () => {
      const list = fakeBatches([]);
      return changing(
        list,
        (id, key) => batch(id, { createdAt: new Date(key) }),
        (first, after) => readBatches(list.api, { first, after, filter: null, of: platformId('dataset') }),
      );
    },
  ],
];

const key = fc.integer({ min: 0, max: 4 });
const id = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnop'), minLength: 3, maxLength: 5 });
const row = fc.record({ id, key });
const step = fc.record({
  first: fc.integer({ min: 1, max: 9 }),
  inserted: fc.array(row, { maxLength: 3 }),
  /** Indexes of the rows to delete, modulo the number of current rows. */
  deleted: fc.array(fc.nat(), { maxLength: 2 }),
});
const scenario = fc.record({
  original: fc.uniqueArray(row, { maxLength: 24, selector: (each) => each.id }),
  steps: fc.array(step, { minLength: 1, maxLength: 5 }),
});

describe.each(lists)('a walk over %s', (_, direction, make) => {
  it('returns every remaining row exactly once and none twice, whatever is added and removed between its pages', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ original, steps }) => {
        const list = make();
        for (const each of original) list.insert(each.id, each.key);
        const present = new Set(original.map((each) => each.id));
        const ever = new Set(present);
        const deleted = new Set<string>();

        const stepOf = (page: number) => steps[page % steps.length];
        const { ids } = await walk(
          (after, page) => list.read(stepOf(page)?.first ?? 1, after),
          (node) => node.id,
          (page) => {
            // Changes end after a while, so that the walk ends.
            if (page >= steps.length) return;
            for (const each of stepOf(page)?.inserted ?? []) {
              if (ever.has(each.id)) continue;
              ever.add(each.id);
              present.add(each.id);
              list.insert(each.id, each.key);
            }
            for (const index of stepOf(page)?.deleted ?? []) {
              const victim = [...present][index % present.size];
              if (victim === undefined) continue;
              present.delete(victim);
              deleted.add(victim);
              list.delete(victim);
            }
          },
        );

        expect(repeated(ids)).toEqual([]);
        expect(original.filter((each) => !deleted.has(each.id) && !ids.includes(each.id))).toEqual([]);
        const keys = ids.map(list.keyOf);
        expect(keys).toEqual(keys.toSorted((a, b) => direction * (a - b)));
      }),
      { numRuns: 120 },
    );
  });

  it('returns every row once even if more rows share a time than a cursor can name', async () => {
    const list = make();
    const ids = Array.from({ length: 130 }, (_each, index) => `row-${String(index).padStart(3, '0')}`);
    for (const each of ids) list.insert(each, 1);
    for (const first of [1, 7, 39, 40, 41, 99, 100]) {
      const met = await walk(
        (after) => list.read(first, after),
        (node) => node.id,
      );
      expect(repeated(met.ids)).toEqual([]);
      expect(met.ids).toHaveLength(ids.length);
      expect(met.pages).toHaveLength(Math.ceil(ids.length / first));
    }
  });
});
