import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, Kind, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { composers } from '../support/compose.ts';
import { codeBlocks } from '../support/markdown.ts';
import { pages } from '../support/pages.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const blocks = pages.flatMap((page) => codeBlocks(read(page)).map((block) => ({ page, ...block })));
const blocksIn = (language: string) => blocks.filter((block) => block.language === language);

/** Lines without indentation, which is different in an excerpt. */
const linesOf = (text: string): string =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join('\n');

const api = buildSchema(read('schema/api.graphql'));

/** Messages about an operation, or about a part of another subgraph. */
function problemsOf(document: string): readonly string[] {
  const { definitions } = parse(document);
  const isOperation = definitions.some(
    ({ kind }) => kind === Kind.OPERATION_DEFINITION || kind === Kind.FRAGMENT_DEFINITION,
  );
  if (isOperation) return validate(api, parse(document)).map(({ message }) => message);
  const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])\n';
  return composers.Apollo([
    { name: 'exports', sdl: read('schema/schema.graphql'), url: 'http://exports.test/graphql' },
    { name: 'other', sdl: link + document, url: 'http://other.test/graphql' },
  ]).errors;
}

describe('the code blocks of the documentation', () => {
  it('that are GraphQL are valid', () => {
    expect(blocksIn('graphql').length).toBeGreaterThan(1);
    const problems = blocksIn('graphql').flatMap(({ page, section, content }) =>
      problemsOf(content).map((problem) => `${page}, ${section}: ${problem}`),
    );
    expect(problems).toEqual([]);
  });

  // The examples and the tests of federation check the types of these files and run them. The test of the package runs
  // the block of the emulator, and test/e2e/readme.test.ts runs JavaScript.
  it('that are TypeScript show files that are checked and run', () => {
    const shown = blocksIn('ts').filter(({ page }) => page !== 'src/emulator/README.md');
    expect(shown.length).toBeGreaterThan(2);
    const others = shown.filter(({ file }) => !/^(?:examples|src|test)\/.+\.ts$/.test(file ?? ''));
    expect(others.map(({ page, section, file }) => `${page}, ${section}: ${file}`)).toEqual([]);
  });

  it('that are YAML can be parsed', () => {
    expect(blocksIn('yaml').length).toBeGreaterThan(2);
    const problems = blocksIn('yaml').flatMap(({ page, section, content }) =>
      parseAllDocuments(content).flatMap(({ errors }) =>
        errors.map(({ message }) => `${page}, ${section}: ${message}`),
      ),
    );
    expect(problems).toEqual([]);
  });

  it('that show a file of the repository show it unchanged', () => {
    const shown = blocks.filter(({ file, page }) => file !== null && page !== 'src/emulator/README.md');
    const others = shown.filter(({ file, content }) => !linesOf(read(file ?? '')).includes(linesOf(content)));
    expect(others.map(({ page, file }) => `${page}: ${file}`)).toEqual([]);
  });
});
