import {
  BREAK,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLNamedOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  visit,
} from 'graphql';

/** Root fields of introspection. */
export const introspectionFields: ReadonlyMap<string, GraphQLField<unknown, unknown>> = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef].map((field) => [field.name, field]),
);

/** Root fields that describe the schema: the introspection fields, and the SDL for federation routers. */
const schemaFields: ReadonlySet<string> = new Set([...introspectionFields.keys(), '_service']);

const introspecting = new WeakMap<DocumentNode, boolean>();

/** Whether a document reads the schema. `__typename` does not. */
export function selectsIntrospection(document: DocumentNode): boolean {
  const known = introspecting.get(document);
  if (known !== undefined) return known;
  let found = false;
  visit(document, {
    Field: ({ name }) => {
      if (!schemaFields.has(name.value)) return undefined;
      found = true;
      return BREAK;
    },
  });
  introspecting.set(document, found);
  return found;
}

export interface IntrospectionRequest {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Counts the characters of the result of an introspection field, and stops at a limit. Aliases and fragments multiply
 * within the result, so that the number of selections does not bound its size. The resolvers of introspection only
 * read the schema, so counting costs no more than the characters that it counts.
 * @returns the number of characters, or a number above `limit`
 */
export function measureIntrospection(request: IntrospectionRequest, field: FieldNode, limit: number): number {
  const { schema, fragments, variables } = request;
  // Resolvers of introspection read only the schema of the info.
  const info = { schema } as GraphQLResolveInfo;
  let characters = 0;

  const addSelections = (set: SelectionSetNode, type: GraphQLNamedOutputType, source: unknown): void => {
    for (const selection of set.selections) {
      if (characters > limit) return;
      switch (selection.kind) {
        case Kind.FIELD:
          addField(selection, isObjectType(type) ? type.getFields()[selection.name.value] : undefined, source);
          break;
        case Kind.INLINE_FRAGMENT:
          addSelections(selection.selectionSet, type, source);
          break;
        case Kind.FRAGMENT_SPREAD: {
          const fragment = fragments.get(selection.name.value);
          if (fragment !== undefined) addSelections(fragment.selectionSet, type, source);
          break;
        }
      }
    }
  };

  const addField = (node: FieldNode, field: GraphQLField<unknown, unknown> | undefined, source: unknown): void => {
    characters += (node.alias ?? node.name).value.length + punctuation;
    if (field?.resolve === undefined) return;
    const args = argumentsOf(field, node);
    if (args === null) return;
    addValue(field.resolve(source, args, undefined, info), node.selectionSet, getNamedType(field.type));
  };

  /** Null if a variable has no value. The execution then returns the error. */
  const argumentsOf = (field: GraphQLField<unknown, unknown>, node: FieldNode): Record<string, unknown> | null => {
    try {
      return getArgumentValues(field, node, variables);
    } catch (error) {
      if (error instanceof GraphQLError) return null;
      throw error;
    }
  };

  const addValue = (value: unknown, set: SelectionSetNode | undefined, type: GraphQLNamedOutputType): void => {
    if (Array.isArray(value)) {
      for (const each of value) addValue(each, set, type);
    } else if (set === undefined || value === null || value === undefined) {
      characters += String(value).length;
    } else {
      characters += punctuation;
      addSelections(set, type, value);
    }
  };

  addField(field, introspectionFields.get(field.name.value), undefined);
  return characters;
}

/** Quotes, colon and comma of a member. */
const punctuation = 4;
