import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  GraphQLID,
  GraphQLIncludeDirective,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  GraphQLString,
  getDirectiveValues,
  type InlineFragmentNode,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from 'graphql';

/** Coerced values of the variables of an operation. */
export type VariableValues = Readonly<Record<string, unknown>>;

/** Fragments by name. */
export type Fragments = Readonly<Record<string, FragmentDefinitionNode>>;

/** The parts of an execution that planning reads. */
export interface Planning {
  readonly schema: GraphQLSchema;
  readonly fragments: Fragments;
  readonly variableValues: VariableValues;
}

/** The selected fields of one object type, in the order of the response. */
export interface SelectionPlan {
  readonly fields: readonly FieldPlan[];
}

export interface FieldPlan {
  /** The alias, or the name. */
  readonly key: string;
  /** The JSON text before the value of the field: a brace or a comma, and the key. */
  readonly opening: string;
  /** All nodes with this key. Their selections are merged. */
  readonly nodes: readonly [FieldNode, ...FieldNode[]];
  readonly parentType: GraphQLObjectType;
  // biome-ignore lint/suspicious/noExplicitAny: graphql's own type parameters for the sources of its schema.
  readonly definition: GraphQLField<any, unknown>;
  /** Null if the value is the property of the source with the name of the field. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly resolve: GraphQLFieldResolver<any, unknown> | null;
  readonly type: TypePlan;
}

/** How a value is completed. The selections of objects are planned when the first object is completed. */
export type TypePlan =
  | {
      readonly kind: 'leaf';
      readonly isNonNull: boolean;
      readonly type: GraphQLLeafType;
      /** Whether the type serializes a string as the same string. */
      readonly keepsStrings: boolean;
    }
  | { readonly kind: 'list'; readonly isNonNull: boolean; readonly item: TypePlan }
  | {
      readonly kind: 'object';
      readonly isNonNull: boolean;
      readonly type: GraphQLObjectType;
      selection: SelectionPlan | null;
    }
  | {
      readonly kind: 'abstract';
      readonly isNonNull: boolean;
      readonly type: GraphQLAbstractType;
      /** Selections by object type, for the types that have occurred. */
      readonly selections: Map<GraphQLObjectType, SelectionPlan>;
    };

/** @throws {GraphQLError} a condition of `@skip` or `@include` has no value */
export function planSelection(
  planning: Planning,
  type: GraphQLObjectType,
  sets: readonly (SelectionSetNode | undefined)[],
): SelectionPlan {
  const nodes = new Map<string, [FieldNode, ...FieldNode[]]>();
  const visited = new Set<string>();
  for (const set of sets) if (set !== undefined) collectFields(planning, type, set, nodes, visited);
  const fields: FieldPlan[] = [];
  for (const [key, same] of nodes) {
    const definition = findField(planning.schema, type, same[0].name.value);
    // A document that was not validated can select fields that do not exist.
    if (definition === undefined) continue;
    const resolve = definition.resolve ?? null;
    const opening = `${fields.length === 0 ? '{' : ','}"${key}":`;
    const planned = planType(definition.type, false);
    fields.push({ key, opening, nodes: same, parentType: type, definition, resolve, type: planned });
  }
  return { fields };
}

function planType(type: GraphQLOutputType, isNonNull: boolean): TypePlan {
  if (isNonNullType(type)) return planType(type.ofType, true);
  if (isListType(type)) return { kind: 'list', isNonNull, item: planType(type.ofType, false) };
  if (isLeafType(type))
    return { kind: 'leaf', isNonNull, type, keepsStrings: type === GraphQLString || type === GraphQLID };
  if (isAbstractType(type)) return { kind: 'abstract', isNonNull, type, selections: new Map() };
  return { kind: 'object', isNonNull, type, selection: null };
}

function findField(schema: GraphQLSchema, type: GraphQLObjectType, name: string) {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef;
  if (type === schema.getQueryType()) {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  }
  return type.getFields()[name];
}

function collectFields(
  planning: Planning,
  type: GraphQLObjectType,
  set: SelectionSetNode,
  nodes: Map<string, [FieldNode, ...FieldNode[]]>,
  visited: Set<string>,
): void {
  const { schema, fragments, variableValues } = planning;
  for (const selection of set.selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD && visited.has(selection.name.value)) continue;
    if (!isIncluded(selection, variableValues)) continue;
    if (selection.kind === Kind.FIELD) {
      const key = selection.alias?.value ?? selection.name.value;
      const same = nodes.get(key);
      if (same === undefined) nodes.set(key, [selection]);
      else same.push(selection);
      continue;
    }
    let fragment: FragmentDefinitionNode | InlineFragmentNode | undefined;
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      fragment = selection;
    } else {
      visited.add(selection.name.value);
      fragment = fragments[selection.name.value];
    }
    if (fragment !== undefined && applies(schema, fragment, type)) {
      collectFields(planning, type, fragment.selectionSet, nodes, visited);
    }
  }
}

function isIncluded(node: SelectionNode, values: VariableValues): boolean {
  if (node.directives === undefined || node.directives.length === 0) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, values)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, values)?.['if'] !== false;
}

function applies(
  schema: GraphQLSchema,
  { typeCondition }: FragmentDefinitionNode | InlineFragmentNode,
  type: GraphQLObjectType,
): boolean {
  if (typeCondition === undefined || typeCondition.name.value === type.name) return true;
  const condition = schema.getType(typeCondition.name.value);
  return isAbstractType(condition) && schema.isSubType(condition, type);
}
