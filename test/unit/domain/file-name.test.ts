import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeName, fileNameOf } from '../../../src/domain/file-name.ts';

describe('the name of a file', () => {
  it.each([
    ['part-0.parquet', 'part-0.parquet'],
    ['a/b/part-0.parquet', 'part-0.parquet'],
    ['a\\b\\part-0.parquet', 'part-0.parquet'],
    ['a/..', 'file'],
    ['.', 'file'],
    ['a/', 'file'],
    ['  ', 'file'],
    ['...', '...'],
    ['.hidden', '.hidden'],
    ['line\r\nbreak.csv', 'line__break.csv'],
    ['lone \ud83d surrogate', 'lone _ surrogate'],
    ['whole 😀 pair', 'whole 😀 pair'],
  ])('for the path %j is %j', (path, name) => {
    expect(fileNameOf(path)).toBe(name);
  });

  it('keeps its end if it is too long to be saved', () => {
    expect(fileNameOf(`${'x'.repeat(300)}.parquet`)).toBe(`${'x'.repeat(247)}.parquet`);
    expect(fileNameOf(`${'x'.repeat(255)}`)).toHaveLength(255);
    const encoded = encodeName(fileNameOf(`${'é😀'.repeat(10_000)}-00001.parquet`));
    expect(encoded).toMatch(/-00001\.parquet$/);
    expect(encoded.length).toBeLessThanOrEqual(255);
    expect(encoded.length).toBeGreaterThan(240);
  });

  it('can always be encoded, as one segment that no URL parser changes', () => {
    const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(fc.string({ unit: codeUnit }), (path) => {
        const encoded = encodeName(fileNameOf(path));
        expect(encoded).toMatch(/^[\w%.!~-]+$/);
        expect(new URL(`http://x/y/${encoded}`).pathname).toBe(`/y/${encoded}`);
        expect(decodeURIComponent(encoded)).toBe(fileNameOf(path));
      }),
    );
  });
});
