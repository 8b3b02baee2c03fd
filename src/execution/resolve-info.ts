import type { GraphQLResolveInfo, ResponsePath } from 'graphql';
import type { OperationPlan } from './document-plan.ts';
import type { Position } from './position.ts';
import type { FieldPlan } from './selection-plan.ts';

/** The parts of an execution that resolvers can read. */
interface Execution {
  readonly plan: OperationPlan;
  readonly rootValue: unknown;
  readonly variableValues: Record<string, unknown>;
}

/** Members that graphql 16 supplies. Other packages declare further ones in graphql's own interface. */
type SuppliedInfo = Pick<
  GraphQLResolveInfo,
  | 'fieldName'
  | 'fieldNodes'
  | 'returnType'
  | 'parentType'
  | 'path'
  | 'schema'
  | 'fragments'
  | 'rootValue'
  | 'operation'
  | 'variableValues'
>;

/**
 * Information for a resolver about its field. It is computed when it is read, because most resolvers do not read it.
 */
export const resolveInfo = (execution: Execution, field: FieldPlan, parent: Position): GraphQLResolveInfo =>
  // graphql itself supplies only these members to resolvers.
  new ResolveInfo(execution, field, parent) as SuppliedInfo as GraphQLResolveInfo;

class ResolveInfo implements SuppliedInfo {
  readonly #execution: Execution;
  readonly #field: FieldPlan;
  readonly #parent: Position;

  constructor(execution: Execution, field: FieldPlan, parent: Position) {
    this.#execution = execution;
    this.#field = field;
    this.#parent = parent;
  }

  get fieldName(): string {
    return this.#field.definition.name;
  }

  get fieldNodes(): GraphQLResolveInfo['fieldNodes'] {
    return this.#field.nodes;
  }

  get returnType(): GraphQLResolveInfo['returnType'] {
    return this.#field.definition.type;
  }

  get parentType(): GraphQLResolveInfo['parentType'] {
    return this.#field.parentType;
  }

  get path(): ResponsePath {
    const { key, parentType } = this.#field;
    // An item of a list has the path of the field.
    let object: Position | null = this.#parent;
    while (object?.field === this.#field) object = object.parent;
    return { prev: pathTo(object), key, typename: parentType.name };
  }

  get schema(): GraphQLResolveInfo['schema'] {
    return this.#execution.plan.schema;
  }

  get fragments(): GraphQLResolveInfo['fragments'] {
    return this.#execution.plan.fragments;
  }

  get rootValue(): unknown {
    return this.#execution.rootValue;
  }

  get operation(): GraphQLResolveInfo['operation'] {
    return this.#execution.plan.operation;
  }

  get variableValues(): GraphQLResolveInfo['variableValues'] {
    return this.#execution.variableValues;
  }
}

function pathTo(position: Position | null): ResponsePath | undefined {
  if (position === null || position.parent === null) return undefined;
  const { parent, key, field } = position;
  // Items of lists have no type in a path.
  return { prev: pathTo(parent), key, typename: typeof key === 'string' ? field?.parentType.name : undefined };
}
