import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sentencesOf } from './prose.ts';

const root = join(import.meta.dirname, '../..');

/** Folders without texts of this project. */
const skipped = /(?:^|\/)(?:node_modules|dist|results|recorded)\/|\.generated\.ts$/;

const filesOf = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => /\.(?:tsx?|js|graphql|md)$/.test(path) && !skipped.test(path));

const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...filesOf('docs'),
  ...filesOf('examples'),
];

/** Share of sentences that may have one of the habits, because the patterns also find good sentences. */
const permittedShare = 0.02;

describe('the language of the project', () => {
  it.each([
    ['src', filesOf('src')],
    ['test', filesOf('test')],
    ['the documentation', pages],
    // Descriptions of the last release stay as they were released.
    ['the SDL', ['schema/schema.graphql']],
  ])('is plain in %s', (_, paths) => {
    const sentences = paths.flatMap((path) =>
      sentencesOf(path, readFileSync(join(root, path), 'utf8')).map((sentence) => ({ path, ...sentence })),
    );
    expect(sentences.length).toBeGreaterThan(300);
    const found = sentences.filter(({ habit }) => habit !== null);
    if (found.length / sentences.length <= permittedShare) return;
    expect(found.map(({ path, text, habit }) => `${path}: ${habit}: ${text}`)).toEqual([]);
  });
});

describe('the patterns of hard sentences', () => {
  const habitsOf = (text: string) => sentencesOf('a.md', text).map(({ habit }) => habit?.split(' (')[0] ?? null);

  it.each([
    ['What is left after it is cut off.', 'a clause in place of a noun'],
    ['Subscribers receive it, whoever comes later.', 'a clause in place of a noun'],
    ['A state that nobody reads is dropped.', 'an actor without a name'],
    ['A slow client is told the newest state.', 'data that speaks'],
    ['Those of WebSockets are counted too.', 'a fragment that needs the sentence before it'],
    ['The stream goes on anew.', 'an old word'],
  ])('find "%s"', (text, habit) => {
    expect(habitsOf(text)).toEqual([habit]);
  });

  it('leave plain sentences alone', () => {
    const text = 'Late subscribers receive it again. A slow client receives the latest state, which is complete.';
    expect(habitsOf(text)).toEqual([null, null]);
  });

  it('read comments, descriptions and prose, and not code', () => {
    const texts = (path: string, source: string) => sentencesOf(path, source).map(({ text }) => text);
    const source = "/** Returns the first row. */\nconst told = 'nobody asks for it';\n// It may be absent.\n";
    for (const path of ['a.ts', 'a.tsx', 'a.js']) {
      expect(texts(path, source)).toEqual(['Returns the first row.', 'It may be absent.']);
    }
    expect(texts('a.graphql', '"""\nTarget of the export.\n"""\ntype Told')).toEqual(['Target of the export.']);
    expect(texts('a.md', 'It starts at once.\n```\nnobody was told\n```\n')).toEqual(['It starts at once.']);
  });
});
