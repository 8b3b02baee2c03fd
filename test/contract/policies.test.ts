import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildASTSchema, type ConstDirectiveNode, isObjectType, parse, print } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/schema/index.ts';
import { composers } from '../support/compose.ts';

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
const sdl = read('schema/policies.graphql');
const policies = buildASTSchema(parse(sdl));

/** Each field of an object type as `Type.field`, with its directives of one name as text. */
function directivesOf(name: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const type of Object.values(policies.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const own: readonly ConstDirectiveNode[] = field.astNode?.directives ?? [];
      const texts = own.filter((each) => each.name.value === name).map(print);
      if (texts.length > 0) found.set(`${type.name}.${field.name}`, texts.join());
    }
  }
  return found;
}

/** Rules of the fields of the schema that the gateway executes, without those of federation itself. */
function rulesOf(rule: (root: string | null, extensions: Readonly<Record<string, unknown>>) => string | null) {
  const found = new Map<string, string>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('_')) continue;
    const root = ['Query', 'Mutation', 'Subscription'].includes(type.name) ? type.name : null;
    for (const { name, extensions } of Object.values(type.getFields())) {
      const text = name.startsWith('_') ? null : rule(root, extensions);
      if (text !== null) found.set(`${type.name}.${name}`, text);
    }
  }
  return found;
}

const sorted = (map: ReadonlyMap<string, string>) => Object.fromEntries([...map].toSorted());

describe('the SDL for routers that check scopes and costs', () => {
  it('names a scope on exactly the fields for which the gateway checks one', () => {
    const rules = rulesOf((root, { access }) => {
      const right = access ?? { Query: 'read', Subscription: 'read', Mutation: 'write' }[root ?? ''];
      return right === undefined || right === 'authenticated'
        ? null
        : `@requiresScopes(scopes: [["exports:${right}"]])`;
    });
    expect(rules.size).toBeGreaterThan(30);
    expect(sorted(directivesOf('requiresScopes'))).toEqual(sorted(rules));
    expect(directivesOf('requiresScopes').get('BatchFile.downloadUrl')).toContain('exports:data');
  });

  it('requires only authentication on exactly the fields that every caller may read', () => {
    const rules = rulesOf((_, { access }) => (access === 'authenticated' ? '@authenticated' : null));
    expect([...rules.keys()]).toContain('Query.viewer');
    expect(sorted(directivesOf('authenticated'))).toEqual(sorted(rules));
  });

  it('has a cost on exactly the fields that call the platform', () => {
    const rules = rulesOf((_, { upstreamCalls }) => (upstreamCalls === undefined ? null : 'cost'));
    expect([...directivesOf('cost').keys()].toSorted()).toEqual([...rules.keys()].toSorted());
    expect(directivesOf('cost').get('Query.exportJobs')).toBe('@cost(weight: 100)');
    expect(directivesOf('listSize').get('Query.exportJobs')).toBe(
      '@listSize(assumedSize: 20, slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)',
    );
  });

  it.each(Object.entries(composers))('is composed by %s, which keeps the directives', (_, compose) => {
    const { supergraph, errors } = compose([
      { name: 'exports', sdl, url: 'http://exports.test/graphql' },
      { name: 'marketing', sdl: read('examples/federation/marketing.graphql'), url: 'http://marketing.test/graphql' },
    ]);
    expect(errors).toEqual([]);
    expect(supergraph).toContain('requiresScopes/v0.1", for: SECURITY');
    expect(supergraph).toContain('@requiresScopes(scopes: [["exports:write"]])');
    expect(supergraph).toContain('@cost(weight: 100)');
  });

  it('leaves the other SDL without directives that a router without scopes must enforce', () => {
    expect(read('schema/schema.graphql')).not.toMatch(/@(authenticated|requiresScopes|cost|listSize)/);
  });
});
