import { describe, expect, it } from 'vitest';
import { namedScripts, rowsUnder } from './markdown.ts';

describe('reading the README', () => {
  it('returns the rows of the tables under a heading', () => {
    const text = [
      '## Before',
      '| `no` | this |',
      '## Dependencies',
      'Few.',
      '| Package | Why |',
      '|---|:--|',
      '| `one`, `two` | because |',
      '| `three` | |',
      'And, for tests:',
      '| Package | Why |',
      '|---|---|',
      '| `four` | measures |',
      '## After',
      '| `no` | this |',
    ].join('\n');
    expect(rowsUnder('Dependencies', text)).toEqual([
      [' `one`, `two` ', ' because '],
      [' `three` ', ' '],
      [' `four` ', ' measures '],
    ]);
    expect(rowsUnder('Elsewhere', text)).toEqual([]);
  });

  it('finds npm scripts, and ignores npm’s own commands', () => {
    const text =
      '`npm ci && npm start`, npm run check. Or `npm run --silent check:style`; npm test; npm exec x; npm --silent run dev';
    expect(namedScripts(text)).toEqual(['start', 'check', 'check:style', 'test', 'dev']);
  });
});
