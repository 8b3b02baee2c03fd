import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { buildSchema, isEnumType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as errors from '../../src/errors.ts';
import { httpByCode } from '../../src/server/graphql/request-error.ts';
import { headingIds, localLinks, namedScripts, rowsUnder } from '../support/markdown.ts';
import { pages } from '../support/pages.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const names = z.record(z.string(), z.string()).default({});
const manifest = z
  .object({
    scripts: names,
    dependencies: names,
    optionalDependencies: names,
    devDependencies: names,
    overrides: z.record(z.string(), z.unknown()).default({}),
  })
  .parse(JSON.parse(read('package.json')));

/** npm scripts that a reader of the page can run: those of the repository, and in an example also its own. */
function scriptsFor(page: string): readonly string[] {
  const own = page.startsWith('examples/') ? JSON.parse(read(join(dirname(page), 'package.json'))) : {};
  return Object.keys({ ...manifest.scripts, ...z.object({ scripts: names }).parse(own).scripts });
}

describe('the documentation', () => {
  const used = [
    ...Object.keys(manifest.dependencies),
    ...Object.keys(manifest.optionalDependencies),
    ...Object.keys(manifest.devDependencies),
    ...Object.keys(manifest.overrides),
  ];
  const rows = rowsUnder('Dependencies', read('docs/dependencies.md'));
  // One row may describe several packages that belong together.
  const explained = rows.flatMap(([packages = '', ...reason]) =>
    [...packages.matchAll(/`([^`]+)`/g)].map(([, name = '']) => ({ name, reason: reason.join('').trim() })),
  );

  it('gives a reason for every dependency and override', () => {
    const missing = used.filter((name) => !explained.some((row) => row.name === name && /\w{3}/.test(row.reason)));
    expect(missing).toEqual([]);
  });

  it('names no dependency that was removed', () => {
    expect(explained.map(({ name }) => name).filter((name) => !used.includes(name))).toEqual([]);
  });

  it('lists every error code, and whether it is retryable', () => {
    const listed = new Map(
      rowsUnder('Error codes', read('docs/clients.md')).map(([code = '', retryable = '']) => [
        code.trim(),
        retryable.trim(),
      ]),
    );
    const codes = [...Object.keys(errors.httpStatusByCode), ...Object.keys(httpByCode), 'INTERNAL_SERVER_ERROR'];
    expect([...listed.keys()].toSorted()).toEqual(codes.map((code) => `\`${code}\``).toSorted());
    const options = { message: '', status: 500 };
    const retryable = [
      new errors.GatewayCredentialError(options),
      new errors.RateLimitedError(options),
      new errors.PlatformError(options),
      new errors.UpstreamTimeoutError(options),
      new errors.UpstreamUnreachableError(options),
      new errors.UpstreamUnreadableError(options),
      new errors.ShuttingDownError(options),
    ];
    expect(retryable.every((error) => error.retryable)).toBe(true);
    expect([...listed].filter(([, text]) => text.startsWith('yes')).map(([code]) => code)).toEqual(
      retryable.map(({ code }) => `\`${code}\``),
    );
  });

  it('lists every event kind, and the kinds without an entity as in the SDL', () => {
    const api = buildSchema(read('schema/api.graphql'));
    const kinds = api.getType('WatchEventKind');
    const rows = rowsUnder('Event kinds', read('docs/clients.md')).map((cells) => cells.map((cell) => cell.trim()));
    const values = isEnumType(kinds) ? kinds.getValues().map(({ name }) => `\`${name}\``) : [];
    expect(rows.map(([kind]) => kind).toSorted()).toEqual(values.toSorted());
    const withoutJob = rows.filter(([, job]) => job === 'null').map(([kind]) => kind);
    const event = api.getType('ExportJobEvent');
    const { description = '' } = isObjectType(event) ? (event.getFields()['job'] ?? {}) : {};
    expect(description).toContain(
      `Null if \`kind\` is ${withoutJob
        .join(', ')
        .replaceAll('`', '')
        .replace(/, (\w+)$/, ' or $1')}.`,
    );
  });

  it('maps every scalar of the SDL for clients for codegen', () => {
    const scalars = [...read('schema/api.graphql').matchAll(/^scalar (\w+)/gm)].map(([, name = '']) => name);
    expect(scalars.length).toBeGreaterThan(3);
    const mapped = /scalars: \{([^}]*)\}/.exec(read('docs/clients.md'))?.[1] ?? '';
    expect(scalars.filter((name) => !mapped.includes(`${name}: '`))).toEqual([]);
  });

  it('describes every folder of the source, and no other', () => {
    const [, folders = ''] = /^## Folders\n(.*?)^## /ms.exec(read('docs/architecture.md')) ?? [];
    const present = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const listed = new Set([...folders.matchAll(/^(\w+)\/ |`(\w+)\/`/gm)].map(([, row, text]) => row ?? text));
    expect(present.map(({ name }) => name).filter((name) => !listed.has(name))).toEqual([]);
    const [first = ''] = folders.match(/^```\n.*?^```/ms) ?? [];
    const rows = [...first.matchAll(/^(\w+)\/ /gm)].map(([, name = '']) => name);
    expect(rows.filter((name) => !existsSync(join(root, 'src', name)))).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const missing = pages.flatMap((page) => {
      const present = scriptsFor(page);
      return namedScripts(read(page)).flatMap((script) => (present.includes(script) ? [] : [`${page}: ${script}`]));
    });
    expect(missing).toEqual([]);
  });

  it('has the commands that a newcomer needs', () => {
    expect(namedScripts(read('README.md'))).toEqual(expect.arrayContaining(['start', 'test', 'emulator']));
  });

  it('links only to files and headings that exist', () => {
    const broken = pages.flatMap((page) =>
      localLinks(read(page)).flatMap(({ path, heading }) => {
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(root, target))) return [`${page}: ${path}`];
        if (heading === null || headingIds(read(target)).includes(heading)) return [];
        return [`${page}: ${path}#${heading}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('is reached from the README', () => {
    const reached = new Set(['README.md']);
    for (const page of reached) {
      if (!page.endsWith('.md')) continue;
      for (const { path } of localLinks(read(page))) if (path !== '') reached.add(join(dirname(page), path));
    }
    expect(pages.filter((page) => !reached.has(page))).toEqual([]);
  });

  it('begins with a README of at most 1,200 words', () => {
    expect(read('README.md').split(/\s+/).length).toBeLessThanOrEqual(1_200);
  });
});

describe('the files of the repository', () => {
  // Built from parts, so that this file passes its own check.
  const forbidden: readonly { readonly text: string; readonly reason: string; readonly except?: readonly string[] }[] =
    [
      { text: ['', 'work', ''].join('/'), reason: 'a path of one machine' },
      { text: ['', 'root', ''].join('/'), reason: 'a path of one machine' },
      { text: ['.', 'library'].join(''), reason: 'a path of one machine' },
      { text: ['WIRE', 'md'].join('.'), reason: 'a file that readers do not have' },
      {
        text: ['shared', ''].join('/'),
        reason: 'a folder that readers do not have',
        except: [
          // These files explain how to do without it, and their tests are skipped then.
          'test/support/openapi.ts',
          'test/support/seed-samples.ts',
          // The name of one of its packages ends with this text.
          'test/routers/cosmo/package-lock.json',
        ],
      },
      ...['npmjs', 'yarnpkg', 'npmmirror'].map((host) => ({
        text: ['registry', host].join('.'),
        reason: 'the registry is the choice of the person who installs',
      })),
    ];

  const files = filesBelow(root);

  it('are all checked', () => {
    expect(files).toEqual(expect.arrayContaining(['README.md', 'package-lock.json', 'src/main.ts', 'biome.json']));
    expect(files.filter((path) => path.startsWith('node_modules/') || path.startsWith('dist/'))).toEqual([]);
  });

  it.each(forbidden)('do not contain "$text", $reason', ({ text, except = [] }) => {
    const lines = files
      .filter((path) => !except.includes(path))
      .flatMap((path) =>
        read(path)
          .split('\n')
          .flatMap((line, index) => (line.includes(text) ? [`${path}:${index + 1}`] : [])),
      );
    expect(lines).toEqual([]);
  });
});

/** All files below a folder except those in `.gitignore`, by path from the root. */
function filesBelow(folder: string): string[] {
  const ignored = read('.gitignore').split('\n').filter(Boolean);
  const isIgnored = (name: string) =>
    ignored.some((line) => (line.startsWith('*') ? name.endsWith(line.slice(1)) : name === line.replace(/\/$/, '')));
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === '.git' || isIgnored(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [relative(root, path).replaceAll('\\', '/')] : [];
  });
}
