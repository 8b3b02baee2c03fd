import { getDocumentNodeFromSchema } from '@graphql-tools/utils';
import {
  type DefinitionNode,
  type DirectiveNode,
  type GraphQLSchema,
  Kind,
  parse,
  print,
  specifiedDirectives,
  visit,
} from 'graphql';

const notice = '# Written by `npm run codegen`. Do not edit.';

/** Types and fields that every subgraph has. The SDL omits them. */
const machinery = { types: ['_Any', '_Entity', '_Service'], fields: ['_entities', '_service'] };

/**
 * Definitions of the directives that the SDL uses, as in their specifications, so that tools without support for
 * federation can read the SDL. `@oneOf` is included because composers built on older versions of GraphQL do not know
 * it.
 */
const definitions = parse(`
"Names the specification of directives that this schema uses."
directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA

"Fields by which other subgraphs refer to an entity."
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE

"May be resolved by several subgraphs."
directive @shareable repeatable on OBJECT | FIELD_DEFINITION

"Omitted from the schema of the supergraph that clients see."
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION

"A label by which contracts include or exclude a part of the schema."
directive @tag(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA

"Exactly one member is given."
directive @oneOf on INPUT_OBJECT

"Purpose of a linked specification."
enum link__Purpose {
  "A server that does not support the specification must not serve the schema."
  SECURITY
  "A server that does not support the specification cannot execute operations."
  EXECUTION
}

"Name of a definition in a linked specification."
scalar link__Import

"A selection of fields, without the braces around it."
scalar federation__FieldSet
`).definitions;

/**
 * The schema with its directives and without `machinery`: the result of `_service` and the content of
 * schema/schema.graphql.
 * @param more definitions of further directives that the schema uses
 */
export const printSubgraph = (schema: GraphQLSchema, more: readonly DefinitionNode[] = []): string =>
  printDefinitions([...ownDefinitions(schema), ...definitions, ...more]);

/**
 * The schema for clients, without federation: the content of schema/api.graphql. It has no directives other than those
 * of GraphQL itself. `@oneOf` is defined, because tools built on older versions of GraphQL do not know it.
 */
export function printApi(schema: GraphQLSchema): string {
  const isStandard = (directive: string) => specifiedDirectives.some(({ name }) => name === directive);
  const standard = definitions.filter((each) => each.kind === Kind.DIRECTIVE_DEFINITION && isStandard(each.name.value));
  const removeOthers = (directive: DirectiveNode) => (isStandard(directive.name.value) ? undefined : null);
  const own = ownDefinitions(schema).map((definition) => visit(definition, { Directive: removeOthers }));
  return printDefinitions([...own, ...standard]);
}

const printDefinitions = (all: readonly DefinitionNode[]): string =>
  `${notice}\n\n${print({ kind: Kind.DOCUMENT, definitions: all })}\n`;

const ownDefinitions = (schema: GraphQLSchema): readonly DefinitionNode[] =>
  getDocumentNodeFromSchema(schema).definitions.flatMap(withoutMachinery);

function withoutMachinery(definition: DefinitionNode): readonly DefinitionNode[] {
  if ('name' in definition && machinery.types.includes(definition.name?.value ?? '')) return [];
  if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) return [definition];
  const fields = definition.fields?.filter(({ name }) => !machinery.fields.includes(name.value));
  return [{ ...definition, ...(fields === undefined ? {} : { fields }) }];
}
