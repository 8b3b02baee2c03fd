import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Arrange, type UnrulyRow, unrulyLists } from './unruly-lists.ts';
import { repeated, walk } from './walk.ts';

const key = fc.option(fc.integer({ min: 1, max: 9 }), { freq: 8 });
const id = fc.string({ unit: fc.constantFrom(...'abcdefghij'), minLength: 3, maxLength: 12 });
const row = fc.record({ id, key });
const step = fc.record({
  first: fc.integer({ min: 1, max: 12 }),
  /** Rows that are inserted, each at a position of the list. */
  inserted: fc.array(fc.record({ id, key, position: fc.nat() }), { maxLength: 4 }),
  /** Rows that the list contains a second time, at another position. */
  repeated: fc.array(fc.record({ which: fc.nat(), position: fc.nat() }), { maxLength: 1 }),
});
/** A page that ends with a repeated row, after the last new row. */
const repeatedAtTheEnd = {
  original: ['aaa', 'aah'].map((name) => ({ id: name, key: null })),
  steps: [
    {
      first: 1,
      inserted: [
        { id: 'aia', key: null, position: 0 },
        { id: 'aaj', key: 1, position: 3 },
        { id: 'aad', key: null, position: 0 },
        { id: 'aae', key: null, position: 0 },
      ],
      repeated: [{ which: 0, position: 6 }],
    },
  ],
};
const scenario = fc.record({
  original: fc.uniqueArray(row, { maxLength: 60, selector: (each) => each.id }),
  steps: fc.array(step, { minLength: 1, maxLength: 6 }),
});

/** Shuffles each page differently. */
function shuffling(seed: number): Arrange {
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
  return (page) =>
    page
      .map((each) => ({ each, at: random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ each }) => each);
}

const withTotal = unrulyLists.filter(([name]) => /^(?:segment|merge)/.test(name) && !name.includes('filters'));

describe.each(withTotal)('a walk over %s, of which the platform reports the number', (_, make) => {
  it('returns every row once although all rows are in another order for each page', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(row, { maxLength: 60, selector: (each) => each.id }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(),
        async (original, first, seed) => {
          const list = make();
          const shuffle = shuffling(seed);
          list.rows = original.map(withTime);
          const { ids } = await walk(
            (after) => list.read(first, after),
            list.idOf,
            () => {
              list.rows = [...shuffle(list.rows)];
            },
          );
          expect(ids.toSorted()).toEqual(original.map((each) => each.id).toSorted());
        },
      ),
      { numRuns: 80 },
    );
  });
});

const withTime = (each: UnrulyRow): UnrulyRow => ({ ...each, key: each.key ?? 1 });

describe.each(unrulyLists)('a walk over %s, in whatever order the platform returns them', (_, make) => {
  it('returns every row once while rows are inserted anywhere and repeated between its pages', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ original, steps }) => {
        const list = make();
        const asListed = (each: UnrulyRow) => (list.hasRowsWithoutTime ? each : withTime(each));
        list.rows = original.map(asListed);
        const known = new Set(original.map((each) => each.id));
        const stepOf = (page: number) => steps[page % steps.length];
        const { ids } = await walk(
          (after, page) => list.read(stepOf(page)?.first ?? 1, after),
          list.idOf,
          (page) => {
            if (page >= steps.length) return;
            for (const { position, ...each } of stepOf(page)?.inserted ?? []) {
              if (known.has(each.id)) continue;
              known.add(each.id);
              list.rows.splice(position % (list.rows.length + 1), 0, asListed(each));
            }
            for (const { which, position } of stepOf(page)?.repeated ?? []) {
              const again = list.rows[which % list.rows.length];
              if (again !== undefined) list.rows.splice(position % (list.rows.length + 1), 0, again);
            }
          },
        );
        expect(repeated(ids)).toEqual([]);
        expect(original.filter((each) => !ids.includes(each.id))).toEqual([]);
      }),
      { numRuns: 150, examples: [[repeatedAtTheEnd]] },
    );
  });

  it('returns every row once while each page is shuffled', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(row, { maxLength: 60, selector: (each) => each.id }),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        async (original, firsts, seed) => {
          const list = make();
          const sign = list.direction === 'asc' ? 1 : -1;
          list.rows = original.map(withTime).toSorted((a, b) => sign * ((a.key ?? 0) - (b.key ?? 0)));
          list.arrange = shuffling(seed);
          const { ids } = await walk((after, page) => list.read(firsts[page % firsts.length] ?? 1, after), list.idOf);
          expect(ids.toSorted()).toEqual(original.map((each) => each.id).toSorted());
        },
      ),
      { numRuns: 80 },
    );
  });
});
