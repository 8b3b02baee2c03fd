import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeSchemaContract, transformSupergraphToPublicSchema } from '@theguild/federation-composition';
import {
  BreakingChangeType,
  buildASTSchema,
  type DocumentNode,
  findBreakingChanges,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  visit,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { composers, type Subgraph } from '../support/compose.ts';
import { printedSchema } from '../support/sdl.ts';

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');

const sdl = read('schema/schema.graphql');
const marketingSdl = read('examples/federation/marketing.graphql');
const exports: Subgraph = { name: 'exports', sdl, url: 'http://exports.test/graphql' };
const marketing: Subgraph = { name: 'marketing', sdl: marketingSdl, url: 'http://marketing.test/graphql' };

/** The schema that clients of a supergraph see. */
const publicSchema = (supergraph: string | null): GraphQLSchema =>
  buildASTSchema(transformSupergraphToPublicSchema(parse(supergraph ?? '')));
const fieldsOf = (schema: GraphQLSchema, name: string): readonly string[] => {
  const type = schema.getType(name);
  return isObjectType(type) || isInterfaceType(type) ? Object.keys(type.getFields()) : [];
};

/** The keys of each type that has at least one. */
function keysOf(document: DocumentNode): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>();
  const take = ({ name, directives = [] }: ObjectTypeDefinitionNode): void => {
    const own = directives.filter((directive) => directive.name.value === 'key').map(print);
    if (own.length > 0) keys.set(name.value, own);
  };
  visit(document, { ObjectTypeDefinition: take });
  return keys;
}

describe.each(Object.entries(composers))('composed by %s', (_, compose) => {
  const { supergraph, errors } = compose([exports, marketing]);

  it('composes with a subgraph that references it, extends it, and has the usual Relay fields', () => {
    expect(errors).toEqual([]);
    const schema = publicSchema(supergraph);
    expect(fieldsOf(schema, 'ExportJob')).toEqual(expect.arrayContaining(['status', 'campaign']));
    expect(fieldsOf(schema, 'Dataset')).toEqual(expect.arrayContaining(['name', 'owner']));
    expect(fieldsOf(schema, 'Campaign')).toEqual(expect.arrayContaining(['exportJob', 'segment']));
    expect(fieldsOf(schema, 'Subscription')).toContain('exportJobChanged');
  });

  it('has one viewer with the fields of both subgraphs, and no node of either', () => {
    const schema = publicSchema(supergraph);
    expect(fieldsOf(schema, 'Viewer')).toEqual(expect.arrayContaining(['canWrite', 'campaignQuota']));
    expect(fieldsOf(schema, 'Query').filter((name) => name.startsWith('node'))).toEqual([]);
    expect(fieldsOf(schema, 'Query')).toEqual(expect.arrayContaining(['exportJob', 'campaigns', 'viewer']));
  });

  it('allows a node field of another subgraph when its own is excluded', () => {
    const takeOut = ({ name, fields, ...type }: ObjectTypeDefinitionNode) =>
      name.value === 'Query'
        ? { ...type, name, fields: fields?.filter((field) => !['node', 'nodes'].includes(field.name.value)) }
        : undefined;
    const without = visit(parse(sdl), { ObjectTypeDefinition: takeOut });
    const own = marketingSdl.replaceAll(/(nodes?\(.*) @shareable/g, '$1');
    expect(own).not.toBe(marketingSdl);
    const composed = compose([
      { ...exports, sdl: print(without) },
      { ...marketing, sdl: own },
    ]);
    expect(composed.errors).toEqual([]);
    expect(fieldsOf(publicSchema(composed.supergraph), 'Query')).toEqual(expect.arrayContaining(['node', 'nodes']));
    expect(compose([exports, { ...marketing, sdl: own }]).errors.length).toBeGreaterThan(0);
  });

  it('removes only node and nodes from the client schema', () => {
    const alone = compose([exports]);
    expect(alone.errors).toEqual([]);
    const lost = findBreakingChanges(printedSchema(), publicSchema(alone.supergraph));
    // The federation machinery is for composers and not for clients.
    const ofClients = lost.filter(
      ({ type, description }) => type !== BreakingChangeType.DIRECTIVE_REMOVED && !description.includes('__'),
    );
    expect(ofClients.map(({ description }) => description)).toEqual([
      'Query.node was removed.',
      'Query.nodes was removed.',
    ]);
  });

  it('keeps every description', () => {
    const [own, composed] = [printedSchema(), publicSchema(supergraph)];
    for (const type of Object.values(composed.getTypeMap())) {
      const original = own.getType(type.name);
      if (original === undefined || type.name.startsWith('__')) continue;
      expect(type.description, type.name).toBe(original.description);
      if (!isObjectType(type) || !isObjectType(original)) continue;
      for (const [name, field] of Object.entries(original.getFields())) {
        if (name.startsWith('node') && type.name === 'Query') continue;
        expect(type.getFields()[name]?.description, `${type.name}.${name}`).toBe(field.description);
      }
    }
  });

  it('fails to compose when the other subgraph references a field that is not a key', () => {
    const wrong = marketingSdl.replace(
      'type ExportJob @key(fields: "id") {',
      'type ExportJob @key(fields: "rawStatus") { rawStatus: String!',
    );
    expect(compose([exports, { ...marketing, sdl: wrong }]).errors.length).toBeGreaterThan(0);
  });
});

describe('the SDL of the subgraph', () => {
  it('has both keys on every Node type, and on no other type', () => {
    const nodes = printedSchema()
      .getPossibleTypes(nodeOf(printedSchema()))
      .map(({ name }) => name);
    expect(nodes.length).toBe(7);
    const both = ['@key(fields: "id")', '@key(fields: "platformId")'];
    expect(keysOf(parse(sdl))).toEqual(new Map(nodes.toSorted().map((name) => [name, both])));
  });

  it('defines the directives that it uses, because composers and other tools reject undefined directives', () => {
    const { definitions, ...document } = parse(sdl);
    const others = definitions.filter(
      (each) => !(each.kind === Kind.DIRECTIVE_DEFINITION && each.name.value === 'oneOf'),
    );
    expect(others).toHaveLength(definitions.length - 1);
    expect(composers.Apollo([{ ...exports, sdl: print({ ...document, definitions: others }) }]).errors).toEqual([
      expect.stringContaining('Unknown directive "@oneOf"'),
    ]);
    expect(() => buildASTSchema(parse(sdl))).not.toThrow();
  });

  it('keeps operational fields out of a contract that excludes them', () => {
    const contract = (exclude: readonly string[]) => {
      const services = [exports, marketing].map(({ name, url, sdl: text }) => ({ name, url, typeDefs: parse(text) }));
      const { supergraphSdl } = composeSchemaContract(
        services,
        { include: new Set(), exclude: new Set(exclude) },
        true,
      );
      return publicSchema(supergraphSdl ?? null);
    };
    const removed = findBreakingChanges(contract([]), contract(['operations'])).map(({ description }) => description);
    expect(removed.toSorted()).toEqual([
      'AuthMode was removed.',
      'ComputeJobs was removed.',
      'Dataset.version was removed.',
      'ExportJob.computeJobs was removed.',
      'ExportJob.profileInstanceId was removed.',
      'ExportJob.requestId was removed.',
      'JobError.callStack was removed.',
      'PlatformError.requestId was removed.',
      'SegmentJob.requestId was removed.',
      'Viewer.authMode was removed.',
    ]);
  });
});

function nodeOf(schema: GraphQLSchema) {
  const node = schema.getType('Node');
  if (!isInterfaceType(node)) throw new Error('There is no interface Node.');
  return node;
}
