import { type DocumentNode, type GraphQLSchema, isObjectType, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';

/** Which fields of each type's entities an operation reads: type name to names of the entity's own fields. */
export type Selection = ReadonlyMap<string, ReadonlySet<string>>;

const known = new WeakMap<DocumentNode, Selection>();

/**
 * Passes the selection of an operation to the loaders before its execution, so that they request no other fields from
 * the platform.
 */
export function selectFields({
  schema,
  document,
  contextValue,
}: {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly contextValue: Pick<GatewayContext, 'loaders'>;
}): void {
  let selection = known.get(document);
  if (selection === undefined) {
    selection = collectSelection(schema, document);
    known.set(document, selection);
  }
  contextValue.loaders.select(selection);
}

/**
 * The fields that a document selects, of all its operations together. A GraphQL field reads the field of the entity
 * that has its name, or those that its extension `reads` names where it was defined. Its extension `readsOf` names
 * fields of other types' entities by type, which a mutation reads to check its input.
 */
export function collectSelection(schema: GraphQLSchema, document: DocumentNode): Selection {
  const selection = new Map<string, Set<string>>();
  const add = (type: string, names: readonly unknown[]): void => {
    const fields = selection.get(type) ?? new Set();
    selection.set(type, fields);
    for (const name of names) fields.add(String(name));
  };
  const typeInfo = new TypeInfo(schema);
  const enter = () => {
    const [type, field] = [typeInfo.getParentType(), typeInfo.getFieldDef()];
    if (!isObjectType(type) || field === null || field === undefined) return;
    const reads = field.extensions['reads'];
    add(type.name, Array.isArray(reads) ? reads : [field.name]);
    const readsOf = field.extensions['readsOf'];
    for (const [other, names] of Object.entries(readsOf ?? {})) add(other, Array.isArray(names) ? names : []);
  };
  visit(document, visitWithTypeInfo(typeInfo, { Field: { enter } }));
  return selection;
}
