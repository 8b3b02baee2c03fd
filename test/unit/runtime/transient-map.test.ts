import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransientMap } from '../../../src/runtime/transient-map.ts';

type Operation = readonly [key: number, value: number | null];

/** Few keys, so that most removals find one. */
const operations = fc.array(fc.tuple(fc.nat(40), fc.option(fc.nat(9), { nil: null, freq: 2 })), {
  minLength: 500,
  maxLength: 1_000,
});

function apply(operations: readonly Operation[]) {
  const map = new TransientMap<number, number>();
  const model = new Map<number, number>();
  for (const [key, value] of operations) {
    if (value === null) {
      map.delete(key);
      model.delete(key);
    } else {
      map.set(key, value);
      model.set(key, value);
    }
  }
  return { map, model };
}

describe('a transient map', () => {
  it('has the entries of a Map after the same changes', () => {
    fc.assert(
      fc.property(operations, (changes) => {
        const { map, model } = apply(changes);
        expect(map.size).toBe(model.size);
        for (let key = 0; key <= 40; key += 1) expect(map.get(key)).toBe(model.get(key));
      }),
    );
  });

  it('keeps its entries while thousands of others come and go', () => {
    const map = new TransientMap<string, number>();
    map.set('kept', 1);
    for (let index = 0; index < 5_000; index += 1) {
      map.set(`other ${index}`, index);
      map.delete(`other ${index}`);
    }
    expect([map.size, map.get('kept'), map.get('other 4999')]).toEqual([1, 1, undefined]);
  });
});
