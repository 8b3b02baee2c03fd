import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';
import { introspectionFields, measureIntrospection } from './introspection.ts';

/** The sizes of an operation that limits count. */
export interface OperationCost {
  /** Nesting of fields; a root field has depth 1. */
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  /** Maximum number of calls to the platform of the execution, if every list has its requested length. */
  readonly upstreamCalls: number;
  /**
   * Characters of the results that describe the schema, counted only until they exceed `maxIntrospectionCharacters`.
   */
  readonly introspectionCharacters: number;
}

/**
 * How a field calls the platform, the member `upstreamCalls` of its extensions where it is defined: `each` is one call
 * for each parent, `batched` one for each hundred parents. A field without it calls nothing. With the member
 * `opensEntries`, each entry of the field's list takes one more call.
 *
 * These calls are an estimate, which rejects an operation early. OperationCalls enforces the limit.
 */
type CallPattern = 'each' | 'batched';

/** Maximum number of ids in one call. */
const batchSize = 100;
/** `first` of a connection if the operation omits it. */
const defaultPageSize = 20;
/**
 * Maximum number of measured selections. A fragment counts once per use, because nested fragments multiply to billions.
 */
const maxSelections = 20_000;
/**
 * Characters of the results of introspection in one operation: more than three times those of the complete standard
 * introspection query, which has 155,000.
 */
export const maxIntrospectionCharacters = 500_000;

/** Thrown while an operation is measured that cannot be measured in reasonable time. */
export class UnmeasurableError extends Error {
  override readonly name = 'UnmeasurableError';
}

/**
 * Measures a valid operation before it is executed. If only one of several branches is executed (types of an
 * interface, `@skip`), all branches count.
 * @throws {UnmeasurableError} the fragments of the operation stand for too many selections
 */
export function measureOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): OperationCost {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const values = { ...defaultsOf(operation), ...variables };
  let selections = 0;
  let deepest = 0;
  let aliases = 0;
  let directives = operation.directives?.length ?? 0;
  let upstreamCalls = 0;
  let introspectionCharacters = 0;

  const walk = (set: SelectionSetNode, parent: GraphQLNamedType | undefined, depth: number, parents: number): void => {
    for (const selection of set.selections) {
      selections += 1;
      if (selections > maxSelections) throw new UnmeasurableError('The operation has too many selections.');
      directives += selection.directives?.length ?? 0;
      switch (selection.kind) {
        case Kind.FIELD:
          walkField(selection, parent, depth, parents);
          break;
        case Kind.INLINE_FRAGMENT: {
          const name = selection.typeCondition?.name.value;
          walk(selection.selectionSet, name === undefined ? parent : schema.getType(name), depth, parents);
          break;
        }
        case Kind.FRAGMENT_SPREAD: {
          const fragment = fragments.get(selection.name.value);
          if (fragment === undefined) break;
          walk(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value), depth, parents);
          break;
        }
      }
    }
  };

  const walkField = (node: FieldNode, parent: GraphQLNamedType | undefined, depth: number, parents: number): void => {
    if (node.alias !== undefined) aliases += 1;
    const name = node.name.value;
    deepest = Math.max(deepest, depth);
    const introspection = introspectionFields.get(name);
    if (introspection !== undefined && introspectionCharacters <= maxIntrospectionCharacters) {
      const left = maxIntrospectionCharacters - introspectionCharacters;
      introspectionCharacters += measureIntrospection({ schema, fragments, variables: values }, node, left);
    }
    const declared = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
    const field = introspection ?? declared;
    if (field === undefined) return;
    introspectionCharacters += schemaCharactersOf(field, schema);
    const loadsByIds = parent === schema.getQueryType();
    const { wanted, entries } = sizesOf(field, node, values, loadsByIds);
    upstreamCalls += callsOf(field, parents * wanted, entries);
    const type = getNamedType(field.type);
    if (node.selectionSet !== undefined && isCompositeType(type)) {
      walk(node.selectionSet, type, depth + 1, parents * wanted * entries);
    }
  };

  walk(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined, 1, 1);
  return { depth: deepest, aliases, directives, upstreamCalls, introspectionCharacters };
}

/** Values of variables that are absent. */
function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue === undefined ? [] : [[variable.name.value, valueFromASTUntyped(defaultValue)]],
    ),
  );
}

function callsOf(field: GraphQLField<unknown, unknown>, count: number, entries: number): number {
  const pattern = callPatternOf(field);
  switch (pattern) {
    case null:
      return 0;
    case 'each':
      return field.extensions['opensEntries'] === true ? count * (1 + entries) : count;
    case 'batched':
      return Math.ceil(count / batchSize);
  }
}

/** Characters of a field that returns a text about the schema, by the member `schemaCharacters` of its extensions. */
function schemaCharactersOf({ extensions }: GraphQLField<unknown, unknown>, schema: GraphQLSchema): number {
  const count: unknown = extensions['schemaCharacters'];
  return typeof count === 'function' ? Number(count(schema)) : 0;
}

/** Null if the field does not call the platform. */
export const callPatternOf = ({ extensions }: GraphQLField<unknown, unknown>): CallPattern | null => {
  const pattern = extensions['upstreamCalls'];
  return pattern === 'each' || pattern === 'batched' ? pattern : null;
};

/**
 * Arguments of queries that name the entities to load. A subscription emits one entity at a time, so that they do not
 * count.
 */
const idLists = ['ids', 'representations'];

/**
 * Number of entities that a field requests by their ids, and number of entries of each list: its `first`, else its
 * usual length, which is the member `entries` of the field's extensions.
 */
function sizesOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
  loadsByIds: boolean,
): { readonly wanted: number; readonly entries: number } {
  let wanted = 1;
  const usual = usualEntriesOf(field);
  let entries = usual ?? 1;
  for (const { name } of field.args) {
    if (name !== 'first' && !(loadsByIds && idLists.includes(name))) continue;
    const given = node.arguments?.find((argument) => argument.name.value === name)?.value;
    const value: unknown = given === undefined ? undefined : valueFromASTUntyped(given, variables);
    if (name === 'first') entries = typeof value === 'number' && value > 0 ? value : (usual ?? defaultPageSize);
    else if (Array.isArray(value)) wanted = value.length;
  }
  return { wanted, entries };
}

const usualEntriesOf = ({ extensions }: GraphQLField<unknown, unknown>): number | null => {
  const { entries } = extensions;
  return typeof entries === 'number' ? entries : null;
};
