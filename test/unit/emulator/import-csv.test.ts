import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCsv } from '../../../src/emulator/import/csv.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function read(text: string, size = text.length + 1) {
  const rows: { line: number; values: readonly string[] }[] = [];
  for await (const row of readCsv(inPieces(text, size))) rows.push(row);
  return rows;
}

describe('CSV', () => {
  it.each<[text: string, rows: readonly (readonly [line: number, ...values: string[]])[]]>([
    [
      'a,b\n1,2\n',
      [
        [1, 'a', 'b'],
        [2, '1', '2'],
      ],
    ],
    [
      'a,b\r\n1,\r\n',
      [
        [1, 'a', 'b'],
        [2, '1', ''],
      ],
    ],
    [
      'a\n\n\r\nb',
      [
        [1, 'a'],
        [4, 'b'],
      ],
    ],
    [
      '"a","b,c"\r\n"x\r\ny","say ""hi"""\r\nz,w',
      [
        [1, 'a', 'b,c'],
        [2, 'x\r\ny', 'say "hi"'],
        [4, 'z', 'w'],
      ],
    ],
    ['""\n', []],
    ['"",\n', [[1, '', '']]],
    ['', []],
  ])('%j is read, regardless of its chunks', async (text, rows) => {
    const expected = rows.map(([line, ...values]) => ({ line, values }));
    for (const size of [1, 2, 3, 1_000]) expect(await read(text, size), String(size)).toEqual(expected);
  });

  it.each([
    ['a\nb"c\n', 2, 'has a quote inside an unquoted value'],
    ['a\n"b"c\n', 2, 'has text after the quote that ends a value'],
    ['a\nb\n"c\nd', 3, 'has an unclosed quote'],
  ])('%j is rejected with its line', async (text, line, message) => {
    await expect(read(text)).rejects.toMatchObject({ line, message });
  });

  it('returns the values that were written, with the lines in which they begin', async () => {
    const value = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '"', ',', '\n', '\r\n', ' ') });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(value, { minLength: 2, maxLength: 4 }), { minLength: 1 }),
        fc.nat(5),
        async (rows, size) => {
          const quoted = rows.map((values) => values.map((each) => `"${each.replaceAll('"', '""')}"`).join(','));
          let line = 1;
          const expected = rows.map((values, index) => {
            const row = { line, values };
            line += quoted[index]?.split('\n').length ?? 0;
            return row;
          });
          expect(await read(quoted.join('\n'), size + 1)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});
