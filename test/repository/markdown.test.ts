import { describe, expect, it } from 'vitest';
import { headingIds, localLinks, namedScripts, rowsUnder } from '../support/markdown.ts';

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

  it('finds links to files and headings, outside of code', () => {
    const text =
      'See [a](a.md), [b](../b.md#part) and [c](#here), not [d](https://d.example/e.md).\n```md\n[f](f.md)\n```\n';
    expect(localLinks(text)).toEqual([
      { path: 'a.md', heading: null },
      { path: '../b.md', heading: 'part' },
      { path: '', heading: 'here' },
    ]);
  });

  it('gives headings the ids that links use', () => {
    expect(headingIds('# How to add …\n```sh\n# comment\n```\n## GraphQL over HTTP, `POST`\n')).toEqual([
      'how-to-add-',
      'graphql-over-http-post',
    ]);
  });
});
