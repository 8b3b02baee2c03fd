import { readFile } from 'node:fs/promises';
import {
  buildClientSchema,
  buildSchema,
  type DocumentNode,
  type GraphQLSchema,
  getIntrospectionQuery,
  type IntrospectionQuery,
  isSpecifiedDirective,
  lexicographicSortSchema,
  parse,
  print,
  printSchema,
  visit,
} from 'graphql';
import { expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';

const sdl = await readFile(new URL('../../schema/api.graphql', import.meta.url), 'utf8');

const documentOf = (schema: GraphQLSchema): DocumentNode => parse(printSchema(lexicographicSortSchema(schema)));

it('the SDL for clients is the schema that the gateway serves, without the parts of federation', async () => {
  await using platform = await startPlatform();
  await using gateway = await startGateway({ platform });
  const { data, errors } = await gateway.send(getIntrospectionQuery({ oneOf: true, specifiedByUrl: true }));
  expect(errors).toEqual([]);
  // The response to the introspection query of graphql-js has this form.
  const served = documentOf(buildClientSchema(data as unknown as IntrospectionQuery));

  const removed: string[] = [];
  const remove = ({ name }: { readonly name: { readonly value: string } }) => {
    removed.push(name.value);
    return null;
  };
  const isMachinery = ({ name }: { readonly name: { readonly value: string } }) => name.value.startsWith('_');
  const forClients = visit(served, {
    FieldDefinition: (field) => (isMachinery(field) ? remove(field) : undefined),
    ObjectTypeDefinition: (type) => (isMachinery(type) ? remove(type) : undefined),
    ScalarTypeDefinition: (type) => (isMachinery(type) ? remove(type) : undefined),
    UnionTypeDefinition: (type) => (isMachinery(type) ? remove(type) : undefined),
    DirectiveDefinition: () => null,
  });
  expect(removed.toSorted()).toEqual(['_Any', '_Entity', '_Service', '_entities', '_service']);
  expect(print(documentOf(buildSchema(sdl)))).toBe(print(forClients));
});

it('the SDL for clients has no directives other than those of GraphQL', () => {
  const directives = buildSchema(sdl).getDirectives();
  expect(directives.filter((directive) => !isSpecifiedDirective(directive))).toEqual([]);
  expect(sdl).toContain('input ExportTargetInput @oneOf');
});
