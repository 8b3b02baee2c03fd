import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DatasetId, platformId } from '../../../src/domain/ids.ts';
import { readBatches } from '../../../src/loaders/lists/batches.ts';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import type { Connection } from '../../../src/loaders/pagination/connection.ts';
import {
  type CatalogObject,
  type CatalogPage,
  catalogPage,
  UnusableRow,
} from '../../../src/upstream/apis/catalog-page.ts';
import { batch, dataset } from './entities.ts';
import { fakeBatches, fakeDatasets } from './fake-lists.ts';
import { walk } from './walk.ts';

interface Row {
  readonly id: string;
  readonly createdAt: Date;
  readonly isBad: boolean;
}

/** A list in which the bad rows are unusable. */
const spoiling = <Options, Value extends CatalogObject>(
  { list }: { readonly list: (options: Options) => Promise<CatalogPage<Value>> },
  rows: readonly Row[],
) => {
  const bad = new Set(rows.filter(({ isBad }) => isBad).map(({ id }) => id));
  return {
    list: async (options: Options) => {
      const page = await list(options);
      return catalogPage<Value>(page.rows.map((row) => (bad.has(row.id) ? new UnusableRow(row.id) : row)));
    },
  };
};

type Read = (rows: readonly Row[], first: number, after: string | null) => Promise<Connection<{ readonly id: string }>>;

const readSets =
  (field: 'created' | 'name'): Read =>
  (rows, first, after) => {
    const sets = rows.map(({ id, createdAt }) => dataset(id, { name: id, createdAt, updatedAt: createdAt }));
    const api = spoiling(fakeDatasets(sets).api, rows);
    return readDatasets(api, { first, after, filter: null, orderBy: { field, direction: 'desc' } });
  };
const of = platformId<DatasetId>('dataset');
const readers: readonly (readonly [string, Read])[] = [
  ['datasets by time', readSets('created')],
  ['datasets by name', readSets('name')],
  [
    'batches',
    (rows, first, after) => {
      const all = rows.map(({ id, createdAt }) => batch(id, { createdAt, datasetId: of }));
      return readBatches(spoiling(fakeBatches(all).api, rows), { first, after, filter: null, of });
    },
  ],
];

describe.each(readers)('a connection of %s', (_, read) => {
  it('returns every usable row once, whichever rows are unusable', async () => {
    const given = fc.array(fc.record({ createdMs: fc.integer({ min: 1, max: 12 }), isBad: fc.boolean() }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(given, fc.integer({ min: 1, max: 100 }), async (list, first) => {
        const rows = list.map(({ createdMs, isBad }, index) => ({
          id: `row-${index}`,
          createdAt: new Date(createdMs),
          isBad,
        }));
        const { ids } = await walk(
          (after) => read(rows, first, after),
          ({ id }) => id,
        );
        expect(ids.toSorted()).toEqual(
          rows
            .filter(({ isBad }) => !isBad)
            .map(({ id }) => id)
            .toSorted(),
        );
      }),
      { numRuns: 150 },
    );
  });
});
