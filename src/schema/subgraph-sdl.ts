import { getDocumentNodeFromSchema } from '@graphql-tools/utils';
import { type DefinitionNode, type GraphQLSchema, Kind, parse, print } from 'graphql';

const notice = '# Written by `npm run codegen`. Do not edit.';

/** Every subgraph has them, so composers and clients are not told of them. */
const machinery = { types: ['_Any', '_Entity', '_Service'], fields: ['_entities', '_service'] };

/**
 * The directives that the SDL uses, as their specifications define them, so that tools which know nothing of federation
 * can read it as well. `@oneOf` is here because composers built on older versions of GraphQL do not know it.
 */
const definitions = parse(`
"Names the specification of directives that are used here."
directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA

"Fields by which other subgraphs refer to an entity."
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE

"May be resolved by several subgraphs."
directive @shareable repeatable on OBJECT | FIELD_DEFINITION

"Left out of the schema that clients of the supergraph see."
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION

"A word by which contracts take or leave something."
directive @tag(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA

"Exactly one member is given."
directive @oneOf on INPUT_OBJECT

"What a linked specification is for."
enum link__Purpose {
  "Whoever does not know it must not serve the schema."
  SECURITY
  "Whoever does not know it cannot execute operations."
  EXECUTION
}

"The name of something that a linked specification defines."
scalar link__Import

"A selection of fields, without the braces around it."
scalar federation__FieldSet
`).definitions;

/** What `_service` answers, and schema/schema.graphql holds: the schema with its directives, without the machinery. */
export function printSubgraph(schema: GraphQLSchema): string {
  const own = getDocumentNodeFromSchema(schema).definitions.flatMap(withoutMachinery);
  return `${notice}\n\n${print({ kind: Kind.DOCUMENT, definitions: [...own, ...definitions] })}\n`;
}

function withoutMachinery(definition: DefinitionNode): readonly DefinitionNode[] {
  if ('name' in definition && machinery.types.includes(definition.name?.value ?? '')) return [];
  if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) return [definition];
  const fields = definition.fields?.filter(({ name }) => !machinery.fields.includes(name.value));
  return [{ ...definition, ...(fields === undefined ? {} : { fields }) }];
}
