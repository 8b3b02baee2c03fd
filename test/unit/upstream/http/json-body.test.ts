import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonOf } from '../../../../src/upstream/http/json-body.ts';

/** A positive integer of this many digits. */
const integerOf = (digits: number) =>
  fc
    .tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: digits - 1, maxLength: digits - 1 }),
    )
    .map(([first, rest]) => `${first}${rest.join('')}`);

it.each([15, 16, 17, 18, 19, 20])('ids of %i digits stay exact, at any position of a body', (digits) => {
  const offsets = Array.from({ length: 32 }, (_, offset) => offset);
  fc.assert(
    fc.property(integerOf(digits), fc.boolean(), (integer, negative) => {
      const written = negative ? `-${integer}` : integer;
      for (const offset of offsets) {
        // The blanks before the number move it to each place that the search looks at, and between two of them.
        const bodies = [`{"id":${' '.repeat(offset)}${written}}`, `[${' '.repeat(offset)}${written},1]`];
        for (const body of bodies) {
          const [found] = Object.values(jsonOf(Buffer.from(body)) as object);
          expect(String(found)).toBe(written);
        }
      }
    }),
    { numRuns: 30 },
  );
});

it('the smallest id that exceeds the precision of a double stays exact, at any position of a body', () => {
  const smallest = '9007199254740993';
  expect(jsonOf(Buffer.from(smallest))).toBe(smallest);
  for (let offset = 0; offset < 64; offset += 1) {
    const blanks = ' '.repeat(offset);
    expect([offset, jsonOf(Buffer.from(`[${blanks}${smallest}]`))]).toEqual([offset, [smallest]]);
  }
});

it('digits within strings and fractions stay unchanged', () => {
  const text = '{"text":"id: 12345678901234567890","\\"1234567890123456":1.1234567890123456789,"big":1e400}';
  expect(jsonOf(Buffer.from(text))).toEqual(JSON.parse(text));
});

it('an integer within the precision of a double is a number, and a larger one is a string', () => {
  expect(jsonOf(Buffer.from('[9007199254740991,9007199254740992,1234567890123456]'))).toEqual([
    9_007_199_254_740_991,
    '9007199254740992',
    1_234_567_890_123_456,
  ]);
});

it('an id after the digits of a string stays exact', () => {
  for (let length = 16; length < 64; length += 1) {
    const body = `{"text":"${'1'.repeat(length)}","id":9007199254740993}`;
    expect(jsonOf(Buffer.from(body))).toEqual({ text: '1'.repeat(length), id: '9007199254740993' });
  }
});

it('a string of a million digits is parsed at once', () => {
  const digits = '1'.repeat(1_000_000);
  // A search that reads each digit again from each position takes minutes.
  expect(jsonOf(Buffer.from(`["${digits}",-9007199254740993]`))).toEqual([digits, '-9007199254740993']);
});
