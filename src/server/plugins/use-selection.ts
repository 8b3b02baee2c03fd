import { type DocumentNode, type GraphQLSchema, isObjectType, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { GatewayContext } from '../../context/context.ts';

/** Which fields of each type's entities an operation reads: type name to names of the entity's own fields. */
export type Selection = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Tells the loaders what an operation selects, before it is executed, so that they ask the platform for no more. Over
 * every transport: it is part of the pipeline.
 */
export function useSelection(): Plugin<GatewayContext> {
  const cache = new WeakMap<DocumentNode, Selection>();
  const select = (schema: GraphQLSchema, document: DocumentNode, context: GatewayContext): void => {
    const selection = cache.get(document) ?? collectSelection(schema, document);
    cache.set(document, selection);
    context.loaders.select(selection);
  };
  return {
    onExecute: ({ args }) => select(args.schema, args.document, args.contextValue),
    onSubscribe: ({ args }) => select(args.schema, args.document, args.contextValue),
  };
}

/**
 * The fields that a document selects, of all its operations together. A GraphQL field reads the field of the entity that
 * has its name, or those that its extension `reads` names where it was defined.
 */
export function collectSelection(schema: GraphQLSchema, document: DocumentNode): Selection {
  const selection = new Map<string, Set<string>>();
  const typeInfo = new TypeInfo(schema);
  const enter = () => {
    const [type, field] = [typeInfo.getParentType(), typeInfo.getFieldDef()];
    if (!isObjectType(type) || field === null || field === undefined) return;
    const fields = selection.get(type.name) ?? new Set();
    selection.set(type.name, fields);
    const reads = field.extensions['reads'];
    for (const name of Array.isArray(reads) ? reads : [field.name]) fields.add(String(name));
  };
  visit(document, visitWithTypeInfo(typeInfo, { Field: { enter } }));
  return selection;
}
