import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoTime } from '../../../src/runtime/iso-time.ts';

/** The limits of a Date, in milliseconds. */
const lastMs = 8.64e15;

it('formats every time like Date, in any order', () => {
  const day = 86_400_000;
  const time = fc.oneof(
    fc.integer({ min: -lastMs, max: lastMs }),
    // Times around the same midnights. Some of them share the text of a day.
    fc
      .tuple(fc.integer({ min: -2, max: 20_000 }), fc.integer({ min: -1, max: 1 }))
      .map(([days, ms]) => days * day + ms),
    fc.constantFrom(0, -1, -lastMs, lastMs, -62_167_219_200_001, -62_167_219_200_000, 253_402_300_799_999),
  );
  fc.assert(
    fc.property(fc.array(time, { maxLength: 20 }), (times) => {
      for (const ms of times) expect(isoTime(new Date(ms))).toBe(new Date(ms).toISOString());
    }),
    { numRuns: 1_000 },
  );
});

it('throws for an invalid date, whatever was formatted before', () => {
  isoTime(new Date(0));
  for (const _ of [1, 2]) expect(() => isoTime(new Date(Number.NaN))).toThrow(RangeError);
});
