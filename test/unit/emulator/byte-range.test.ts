import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseByteRange } from '../../../src/emulator/operations/byte-range.ts';

describe('a byte range', () => {
  it.each([
    [null, { kind: 'whole' }],
    ['', { kind: 'whole' }],
    ['bytes=', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['bytes=0-1,3-4', { kind: 'whole' }],
    ['bytes=5-2', { kind: 'whole' }],
    ['bytes=a-b', { kind: 'whole' }],
    ['items=0-1', { kind: 'whole' }],
    ['bytes=0-0', { kind: 'part', start: 0, end: 0 }],
    ['bytes=2-', { kind: 'part', start: 2, end: 9 }],
    ['bytes=-3', { kind: 'part', start: 7, end: 9 }],
    ['bytes=-30', { kind: 'part', start: 0, end: 9 }],
    ['BYTES=8-99', { kind: 'part', start: 8, end: 9 }],
    ['bytes=10-', { kind: 'unsatisfiable' }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
  ])('of %j in ten bytes is %j', (header, expected) => {
    expect(parseByteRange(header, 10)).toEqual(expected);
  });

  it('of an empty file cannot be satisfied', () => {
    expect(parseByteRange('bytes=0-', 0)).toEqual({ kind: 'unsatisfiable' });
    expect(parseByteRange('bytes=-1', 0)).toEqual({ kind: 'unsatisfiable' });
  });

  it('never exceeds the file', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(50), (first, last, size) => {
        const range = parseByteRange(`bytes=${first}-${last}`, size);
        if (range.kind === 'part') {
          expect(range.start).toBe(first);
          expect(range.end).toBeLessThan(size);
          expect(range.end).toBeGreaterThanOrEqual(range.start);
        }
      }),
    );
  });
});
