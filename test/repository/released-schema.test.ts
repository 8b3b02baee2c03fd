import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ASTNode, buildASTSchema, type DocumentNode, findBreakingChanges, parse, print, visit } from 'graphql';
import { describe, expect, it } from 'vitest';

const read = (name: string) => parse(readFileSync(join(import.meta.dirname, '../../schema', name), 'utf8'));

/** Directives on which a federated graph depends. Removing one breaks references and sharing. */
const isOffer = (directive: string) => /^@(key|shareable)\b/.test(directive);
/** Directives that hide an element, from all clients or from the clients of a contract. */
const isVeil = (directive: string) => /^@(inaccessible|tag)\b/.test(directive);

/** Directives of each type, field, argument and value, by its path: `Dataset.version` → `@tag(name: "operations")`. */
function directivesOf(document: DocumentNode): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  const path: string[] = [];
  const nameOf = (node: ASTNode) => (node.kind.endsWith('Definition') && 'name' in node ? node.name?.value : undefined);
  const enter = (node: ASTNode): void => {
    const name = nameOf(node);
    if (name === undefined) return;
    path.push(name);
    found.set(path.join('.'), new Set('directives' in node ? node.directives?.map(print) : []));
  };
  const leave = (node: ASTNode): void => {
    if (nameOf(node) !== undefined) path.pop();
  };
  visit(document, { enter, leave });
  return found;
}

/** Elements of the SDL `before` that clients written for it would miss. */
function changes(before: DocumentNode, now: DocumentNode): readonly string[] {
  const breaking = findBreakingChanges(buildASTSchema(before), buildASTSchema(now));
  const present = directivesOf(now);
  const federated = [...directivesOf(before)].flatMap(([path, had]) => {
    // A removed element has already been reported.
    const has = present.get(path) ?? had;
    return [
      ...[...had].filter((each) => isOffer(each) && !has.has(each)).map((each) => `${path} lost ${each}`),
      ...[...has].filter((each) => isVeil(each) && !had.has(each)).map((each) => `${path} got ${each}`),
    ];
  });
  return [...breaking.map(({ description }) => description), ...federated];
}

describe('the SDL, compared with the last release,', () => {
  const released = read('released.graphql');

  it('breaks no client that was written for it', () => {
    expect(changes(released, read('schema.graphql'))).toEqual([]);
  });

  it.each([
    ['a field that is gone', /\n {2}"""What went wrong."""\n {2}errors: .*/, '', 'Batch.errors was removed.'],
    ['a field that may be null', 'rawStatus: String!', 'rawStatus: String', 'Batch.rawStatus changed type'],
    ['a key that is gone', ' @key(fields: "platformId")', '', 'Batch lost @key(fields: "platformId")'],
    [
      'a field that is hidden',
      'canWrite: Boolean!',
      'canWrite: Boolean! @inaccessible',
      'Viewer.canWrite got @inaccessible',
    ],
    [
      'a field that contracts leave out',
      'canWrite: Boolean!',
      'canWrite: Boolean! @tag(name: "x")',
      'Viewer.canWrite got @tag',
    ],
  ])('reports %s', (_, before, after, message) => {
    const text = print(released);
    const changed = text.replace(before, after);
    expect(changed).not.toBe(text);
    expect(changes(released, parse(changed))).toEqual([expect.stringContaining(message)]);
  });

  it('may have additional elements', () => {
    const more = print(released).replace(
      'type Viewer {',
      'type Viewer {\n  "New."\n  greeting: String @tag(name: "operations")',
    );
    expect(changes(released, parse(more))).toEqual([]);
  });
});
