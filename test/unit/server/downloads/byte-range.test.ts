import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange } from '../../../../src/server/downloads/byte-range.ts';

/** Any character, lone surrogates included. */
const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

const all = { kind: 'all' };
const unsatisfiable = { kind: 'unsatisfiable' };
const part = (first: number, last: number) => ({ kind: 'part', first, last });

describe('a Range header', () => {
  // The examples of RFC 9110, section 14.1.2, for a representation of 10,000 bytes.
  it.each([
    ['bytes=0-499', part(0, 499)],
    ['bytes=500-999', part(500, 999)],
    ['bytes=-500', part(9_500, 9_999)],
    ['bytes=9500-', part(9_500, 9_999)],
    ['bytes=0-0', part(0, 0)],
    ['bytes= 0-999', part(0, 999)],
    // Several ranges may be ignored.
    ['bytes=0-0,-1', all],
    ['bytes=500-600,601-999', all],
    ['bytes= 0-999, 4500-5499, -1000', all],
  ])('%s asks for %j of 10,000 bytes', (header, expected) => {
    expect(parseRange(header, 10_000)).toEqual(expected);
  });

  it.each([
    ['bytes=0-', part(0, 9)],
    ['bytes=9-9', part(9, 9)],
    ['bytes=9-99', part(9, 9)],
    ['bytes=-99', part(0, 9)],
    ['bytes=-10', part(0, 9)],
    ['bytes=10-', unsatisfiable],
    ['bytes=10-20', unsatisfiable],
    ['bytes=-0', unsatisfiable],
    [`bytes=${'9'.repeat(400)}-`, unsatisfiable],
    [`bytes=5-${'9'.repeat(400)}`, part(5, 9)],
    [`bytes=-${'9'.repeat(400)}`, part(0, 9)],
  ])('%s of ten bytes is cut to what there is', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=1',
    'bytes=5-2',
    'bytes=--1',
    'items=0-1',
    'bytes=0-1;x',
    '0-1',
  ])('%j is not understood, and the whole file is sent', (header) => {
    expect(parseRange(header, 10)).toEqual(all);
  });

  it.each(['bytes=0-0', 'bytes=0-', 'bytes=-1', 'bytes=-0'])(
    '%s of an empty file asks for bytes that do not exist',
    (header) => {
      expect(parseRange(header, 0)).toEqual(unsatisfiable);
    },
  );

  it('any Range header selects only bytes within the file', () => {
    const number = fc.oneof(fc.constant(''), fc.nat().map(String), fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String));
    const header = fc.oneof(
      fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
      fc.string({ unit: codeUnit }),
    );
    fc.assert(
      fc.property(header, fc.nat(), (text, total) => {
        const range = parseRange(text, total);
        if (range.kind !== 'part') return;
        expect(range.first).toBeGreaterThanOrEqual(0);
        expect(range.last).toBeGreaterThanOrEqual(range.first);
        expect(range.last).toBeLessThan(total);
      }),
      { numRuns: 300 },
    );
  });

  it('gives exactly the bytes that it names', () => {
    const total = fc.integer({ min: 1, max: 1_000 });
    fc.assert(
      fc.property(total, fc.nat({ max: 1_000 }), fc.nat({ max: 1_000 }), (length, from, size) => {
        const bytes = Array.from({ length }, (_, index) => index);
        const taken = (header: string) => {
          const range = parseRange(header, length);
          return range.kind === 'part' ? bytes.slice(range.first, range.last + 1) : [];
        };
        expect(taken(`bytes=${from}-${from + size}`)).toEqual(bytes.slice(from, from + size + 1));
        expect(taken(`bytes=${from}-`)).toEqual(bytes.slice(from));
        expect(taken(`bytes=-${size}`)).toEqual(size === 0 ? [] : bytes.slice(-size));
      }),
    );
  });
});
