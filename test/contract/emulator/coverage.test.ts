import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { routes } from '../../../src/emulator/routes.ts';
import { rowsUnder } from '../../support/markdown.ts';
import { documentedOperations, openApiAvailable } from '../../support/openapi.ts';

/** Key of an operation, independent of the names of its placeholders. */
const keyOf = (method: string, path: string) =>
  `${method} ${path.replace(/\/$/, '').replaceAll(/\{\w+\}|:\w+/g, '{}')}`;

const rows = rowsUnder('Coverage', readFileSync('src/emulator/README.md', 'utf8')).map(
  ([path = '', methods = '', support = '']) => ({
    path: path.trim().replaceAll('`', ''),
    methods: methods.trim().split(', '),
    support: support.trim(),
  }),
);
const operations = rows.flatMap(({ path, methods, support }) =>
  methods.map((method) => ({ key: keyOf(method, path), support })),
);
const served = new Set(
  // The README lists one of the three spellings.
  routes.map(({ method, path }) =>
    keyOf(method, path.replace(/(catalog(?:\/v2)?\/)(?:datasets|dataSet)(?=\/|$)/, '$1dataSets')),
  ),
);

describe('the coverage that the README states', () => {
  it('has each operation once, with a known level', () => {
    expect(new Set(operations.map(({ key }) => key)).size).toBe(operations.length);
    expect(rows.map(({ support }) => support).filter((support) => !['yes', 'partly', 'no'].includes(support))).toEqual(
      [],
    );
  });

  it('matches the routes', () => {
    const supported = operations.filter(({ support }) => support !== 'no').map(({ key }) => key);
    expect(supported.toSorted()).toEqual([...served].sort());
  });

  it.skipIf(!openApiAvailable)('has every operation of the API descriptions', () => {
    const stated = new Set(operations.map(({ key }) => key));
    const missing = documentedOperations()
      .map(({ method, path }) => keyOf(method, path))
      .filter((key) => !stated.has(key));
    expect(missing).toEqual([]);
  });
});
