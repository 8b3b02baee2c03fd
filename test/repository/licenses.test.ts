import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundledPackages, productionPackages, unlicensed } from './licenses.ts';
import { scanModule } from './source-scan.ts';

const root = join(import.meta.dirname, '../..');
const packages = productionPackages(readFileSync(join(root, 'package-lock.json'), 'utf8'));

describe('the packages of the console', () => {
  it('have licences that permit redistribution with a notice', () => {
    const sources = readdirSync(join(root, 'src/console'), { recursive: true, encoding: 'utf8' }).filter(
      (path) => /\.tsx?$/.test(path) && path !== 'vite.config.ts',
    );
    const imported = sources.flatMap((path) =>
      scanModule(path, readFileSync(join(root, 'src/console', path), 'utf8')).imports.map(({ target }) => target),
    );
    const bundled = bundledPackages(readFileSync(join(root, 'package-lock.json'), 'utf8'), imported);
    expect(bundled.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['react-aria', 'react-dom', 'urql', 'wonka']),
    );
    expect(unlicensed(bundled)).toEqual([]);
  });
});

describe('the production dependencies', () => {
  it('have licences that permit redistribution with a notice', () => {
    expect(packages.length).toBeGreaterThan(40);
    expect(unlicensed(packages)).toEqual([]);
  });

  it('are listed with their licences in docs/licenses.md', () => {
    const page = readFileSync(join(root, 'docs/licenses.md'), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows).toEqual(
      packages.map(({ name, version, license }) => `| \`${name}\` | ${version} | ${license ?? ''} |`),
    );
  });

  it('are not permitted without a licence or with a reciprocal one', () => {
    const lockfile = JSON.stringify({
      packages: {
        '': { version: '1.0.0' },
        'node_modules/a': { version: '1.0.0', license: 'GPL-3.0' },
        'node_modules/b/node_modules/@c/d': { version: '2.0.0' },
        'node_modules/e': { version: '1.0.0', dev: true },
        'node_modules/f': { version: '1.0.0', license: 'MIT AND ISC' },
        'node_modules/g': { version: '1.0.0', license: 'MIT AND GPL-3.0' },
      },
    });
    expect(unlicensed(productionPackages(lockfile))).toEqual([
      '@c/d@2.0.0: no licence',
      'a@1.0.0: GPL-3.0',
      'g@1.0.0: MIT AND GPL-3.0',
    ]);
  });
});
