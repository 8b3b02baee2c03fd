import {
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from 'graphql';
import { introspectionFields } from './introspection.ts';

/** Returns the text that stands for an operation in metrics. */
export type LabelOf = (document: DocumentNode, operation: OperationDefinitionNode) => string;

/** Maximum number of names. Operations with other names are labelled like operations without a name. */
const maxNames = 200;

/**
 * Labels operations so that no client can add a label. An operation has the name of its root field in the schema,
 * because a client chooses the name of its operation, which can contain personal data. If the operator has listed the
 * documents, the name of the operation is the operator's, and used.
 * @param options.trusted whether every document is in the operator's list
 */
export function createOperationLabels(schema: GraphQLSchema, { trusted }: { readonly trusted: boolean }): LabelOf {
  const names = new Set<string>();
  const isLabel = (name: string | undefined): name is string => {
    if (!trusted || name === undefined) return false;
    if (names.size < maxNames) names.add(name);
    return names.has(name);
  };
  return (document, operation) => {
    const name = operation.name?.value;
    return isLabel(name) ? name : rootFieldOf(schema, document, operation);
  };
}

/** `several` for several root fields, and `unknown` for one that the schema does not have. */
function rootFieldOf(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): string {
  const found = rootFieldsOf(document, operation);
  // A client can add it to any operation.
  if (found.size > 1) found.delete(TypeNameMetaFieldDef.name);
  const [field, ...others] = found;
  if (field === undefined) return 'unknown';
  if (others.length > 0) return 'several';
  const known = schema.getRootType(operation.operation)?.getFields();
  const isKnown =
    field === TypeNameMetaFieldDef.name || introspectionFields.has(field) || Object.hasOwn(known ?? {}, field);
  return isKnown ? field : 'unknown';
}

function rootFieldsOf(document: DocumentNode, operation: OperationDefinitionNode): Set<string> {
  const fields = new Set<string>();
  const spread = new Set<string>();
  const add = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      switch (selection.kind) {
        case Kind.FIELD:
          fields.add(selection.name.value);
          break;
        case Kind.INLINE_FRAGMENT:
          add(selection.selectionSet);
          break;
        case Kind.FRAGMENT_SPREAD: {
          const { value: name } = selection.name;
          // The document is not validated yet, and its fragments can form a circle.
          if (spread.has(name)) break;
          spread.add(name);
          for (const definition of document.definitions) {
            if (definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name) {
              add(definition.selectionSet);
            }
          }
          break;
        }
      }
    }
  };
  add(operation.selectionSet);
  return fields;
}
