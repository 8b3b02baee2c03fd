import {
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
} from 'graphql';
// graphql writes values into its messages with this function, and does not export it.
import { inspect } from 'graphql/jsutils/inspect.js';
import type { FieldPlan } from './selection-plan.ts';

/** @throws {GraphQLError} `name`, from `resolveType`, is not the name of an object type that `type` contains */
export function findRuntimeType(
  schema: GraphQLSchema,
  field: FieldPlan,
  type: GraphQLAbstractType,
  name: unknown,
  value: unknown,
): GraphQLObjectType {
  const fail = (message: string) => new GraphQLError(message, { nodes: field.nodes });
  const fieldName = `${field.parentType.name}.${field.definition.name}`;
  if (name === null || name === undefined) {
    throw fail(
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${fieldName}". Either the "${type.name}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`,
    );
  }
  if (isObjectType(name)) {
    throw new GraphQLError(
      'Support for returning GraphQLObjectType from resolveType was removed in graphql-js@16.0.0 please return type name instead.',
    );
  }
  if (typeof name !== 'string') {
    throw new GraphQLError(
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${fieldName}" with value ${inspect(value)}, received "${inspect(name)}".`,
    );
  }
  const found = schema.getType(name);
  if (found === undefined) {
    throw fail(`Abstract type "${type.name}" was resolved to a type "${name}" that does not exist inside the schema.`);
  }
  if (!isObjectType(found)) {
    throw fail(`Abstract type "${type.name}" was resolved to a non-object type "${name}".`);
  }
  if (!schema.isSubType(type, found)) {
    throw fail(`Runtime Object type "${found.name}" is not a possible type for "${type.name}".`);
  }
  return found;
}
