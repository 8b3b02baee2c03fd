import {
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { type Fragments, planSelection, type SelectionPlan, type VariableValues } from './selection-plan.ts';

/** Maximum number of kept selections per operation. Clients vary few conditions; an attacker could vary many. */
const maxVariants = 16;

/** One operation of a document, with the state that its executions share. */
export class OperationPlan {
  readonly schema: GraphQLSchema;
  readonly fragments: Fragments;
  readonly operation: OperationDefinitionNode;
  /** Variables in the conditions of `@skip` and `@include`. */
  readonly #conditions: readonly string[];
  /** Selections of the root type by the values of the conditions. */
  readonly #selections = new Map<string, SelectionPlan>();

  constructor(schema: GraphQLSchema, fragments: Fragments, operation: OperationDefinitionNode) {
    this.schema = schema;
    this.fragments = fragments;
    this.operation = operation;
    this.#conditions = conditionsOf(operation, fragments);
  }

  /**
   * The selection of the root type, which is the root of the plan. It is the same for the same values of conditions.
   * @throws {GraphQLError} the schema has no such operations, or a condition has no value
   */
  selectionFor(variableValues: VariableValues): SelectionPlan {
    const key = this.#conditions.map((name) => conditionKey(variableValues[name])).join();
    const known = this.#selections.get(key);
    if (known !== undefined) return known;
    const { schema, fragments, operation } = this;
    const type = schema.getRootType(operation.operation);
    if (type === null || type === undefined) {
      throw new GraphQLError(`Schema is not configured to execute ${operation.operation} operation.`, {
        nodes: operation,
      });
    }
    const selection = planSelection({ schema, fragments, variableValues }, type, [operation.selectionSet]);
    if (this.#selections.size < maxVariants) this.#selections.set(key, selection);
    return selection;
  }
}

class DocumentPlan {
  readonly schema: GraphQLSchema;
  readonly #fragments: Record<string, FragmentDefinitionNode> = Object.create(null);
  readonly #operations: OperationDefinitionNode[] = [];
  readonly #plans = new Map<OperationDefinitionNode, OperationPlan>();

  constructor(schema: GraphQLSchema, document: DocumentNode) {
    this.schema = schema;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments[definition.name.value] = definition;
      if (definition.kind === Kind.OPERATION_DEFINITION) this.#operations.push(definition);
    }
  }

  operation(name: string | null): OperationPlan | GraphQLError {
    const definition = this.#find(name);
    if (definition instanceof GraphQLError) return definition;
    const plan = this.#plans.get(definition) ?? new OperationPlan(this.schema, this.#fragments, definition);
    this.#plans.set(definition, plan);
    return plan;
  }

  #find(name: string | null): OperationDefinitionNode | GraphQLError {
    if (name !== null) {
      const named = this.#operations.findLast((operation) => operation.name?.value === name);
      return named ?? new GraphQLError(`Unknown operation named "${name}".`);
    }
    const [operation, other] = this.#operations;
    if (operation === undefined) return new GraphQLError('Must provide an operation.');
    if (other === undefined) return operation;
    return new GraphQLError('Must provide operation name if query contains multiple operations.');
  }
}

const plans = new WeakMap<DocumentNode, DocumentPlan>();

/**
 * The plan of an operation. It is kept as long as its document. A document is planned for one schema at a time.
 * @returns an error if the document has no operation of this name, or several and no name is given
 */
export function planOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null,
): OperationPlan | GraphQLError {
  let plan = plans.get(document);
  if (plan === undefined || plan.schema !== schema) {
    plan = new DocumentPlan(schema, document);
    plans.set(document, plan);
  }
  return plan.operation(operationName);
}

/** A document that was not validated can have conditions of other types, which are never true. */
const conditionKey = (value: unknown): string =>
  typeof value === 'boolean' || value === null || value === undefined ? String(value) : 'other';

function conditionsOf(operation: OperationDefinitionNode, fragments: Fragments): readonly string[] {
  const names = new Set<string>();
  addConditions(operation.selectionSet, names);
  // Fragments that the operation does not use only add some variants.
  for (const { selectionSet } of Object.values(fragments)) addConditions(selectionSet, names);
  return [...names];
}

function addConditions(set: SelectionSetNode, names: Set<string>): void {
  for (const selection of set.selections) {
    for (const directive of selection.directives ?? []) addVariables(directive, names);
    if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet !== undefined) {
      addConditions(selection.selectionSet, names);
    }
  }
}

function addVariables({ name, arguments: given }: DirectiveNode | ConstDirectiveNode, names: Set<string>): void {
  if (name.value !== 'skip' && name.value !== 'include') return;
  for (const { value } of given ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
}
