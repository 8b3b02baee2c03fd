import {
  defaultTypeResolver,
  type ExecutionResult,
  GraphQLError,
  type GraphQLObjectType,
  getArgumentValues,
  locatedError,
  OperationTypeNode,
} from 'graphql';
// graphql writes values into its messages with this function, and does not export it.
import { inspect } from 'graphql/jsutils/inspect.js';
import type { OperationPlan } from './document-plan.ts';
import { type Segment, writer } from './json-writer.ts';
import { type Key, Position } from './position.ts';
import { resolveInfo } from './resolve-info.ts';
import { ResultData } from './result-data.ts';
import { findRuntimeType } from './runtime-type.ts';
import { type FieldPlan, type Planning, planSelection, type SelectionPlan, type TypePlan } from './selection-plan.ts';

export interface ExecutionOptions {
  readonly plan: OperationPlan;
  /** Selection of the root type. */
  readonly selection: SelectionPlan;
  readonly rootValue: unknown;
  readonly contextValue: unknown;
  readonly variableValues: Record<string, unknown>;
}

type Values = Record<string, unknown>;
type LeafPlan = Extract<TypePlan, { kind: 'leaf' }>;
type ListPlan = Extract<TypePlan, { kind: 'list' }>;
type CompositePlan = Extract<TypePlan, { kind: 'object' | 'abstract' }>;
type AbstractPlan = Extract<TypePlan, { kind: 'abstract' }>;

const noArguments = Object.freeze({});

/**
 * One execution of an operation. Its result is written as JSON. Values that are available synchronously are written in
 * one pass, which leaves a gap for each awaited value. The result is complete when all awaited values have arrived.
 *
 * The methods receive the position of the value that they complete: its field, its planned type, and the object or list
 * that it is in with its key there.
 */
export class Execution implements Planning {
  readonly plan: OperationPlan;
  readonly rootValue: unknown;
  readonly variableValues: Record<string, unknown>;
  readonly #contextValue: unknown;
  readonly #rootFields: ArrayIterator<FieldPlan>;
  /** The texts of the root fields that have been executed. */
  readonly #data: Segment[] = [];
  readonly #root: Position;
  readonly #errors: GraphQLError[] = [];
  /** Arguments by field, which all items of a list share. Null before the first field with arguments. */
  #arguments: Map<FieldPlan, Values> | null = null;
  /** Called when all awaited values have arrived. */
  #onSettled: () => void = () => {};

  constructor({ plan, selection, rootValue, contextValue, variableValues }: ExecutionOptions) {
    this.plan = plan;
    this.rootValue = rootValue;
    this.variableValues = variableValues;
    this.#contextValue = contextValue;
    this.#rootFields = selection.fields.values();
    this.#root = new Position(writer.segment, 0, null, '', null, false);
  }

  get schema(): Planning['schema'] {
    return this.plan.schema;
  }

  get fragments(): Planning['fragments'] {
    return this.plan.fragments;
  }

  /** Call it once. */
  run(): ExecutionResult | Promise<ExecutionResult> {
    if (this.#proceed()) return this.#result();
    return new Promise((resolve) => {
      this.#onSettled = () => {
        if (this.#proceed()) resolve(this.#result());
      };
    });
  }

  /**
   * Executes root fields. The fields of a mutation are executed in sequence, each after the previous one is complete.
   * @returns whether the result is complete
   */
  #proceed(): boolean {
    const isSerial = this.plan.operation.operation === OperationTypeNode.MUTATION;
    if (this.#root.isDiscarded) return true;
    try {
      for (const field of this.#rootFields) {
        this.#data.push(
          writer.write(() => {
            writer.ascii(field.opening);
            this.#executeField(field, this.rootValue, this.#root);
          }),
        );
        if (isSerial && this.#root.pending > 0) return false;
      }
    } catch (error) {
      this.#root.discard();
      // The error already has its location.
      this.#errors.push(locatedError(error, undefined));
    }
    return this.#root.pending === 0;
  }

  #result(): ExecutionResult {
    // graphql declares data as an object.
    const data = this.#root.isDiscarded ? null : (new ResultData(this.#data) as object as Values);
    return this.#errors.length === 0 ? { data } : { errors: this.#errors, data };
  }

  #executeField(field: FieldPlan, source: unknown, parent: Position): void {
    const { type, key } = field;
    const start = writer.position;
    try {
      const value = this.#resolve(field, source, parent);
      if (isPromise(value)) this.#awaitValue(field, type, value, parent, key);
      else this.#complete(field, type, value, parent, key);
    } catch (error) {
      this.#nullFor(error, field, type, parent, key, start);
    }
  }

  #resolve(field: FieldPlan, source: unknown, parent: Position): unknown {
    const { resolve, definition } = field;
    const args = definition.args.length === 0 ? noArguments : this.#argumentsOf(field);
    if (resolve !== null) return resolve(source, args, this.#contextValue, resolveInfo(this, field, parent));
    if (!hasProperties(source)) return undefined;
    const property = source[definition.name];
    if (typeof property !== 'function') return property;
    return property.call(source, args, this.#contextValue, resolveInfo(this, field, parent));
  }

  /** @throws {GraphQLError} an argument is not valid */
  #argumentsOf(field: FieldPlan): Values {
    const known = this.#arguments?.get(field);
    if (known !== undefined) return known;
    const args = getArgumentValues(field.definition, field.nodes[0], this.variableValues);
    this.#arguments ??= new Map();
    this.#arguments.set(field, args);
    return args;
  }

  /** Writes a value. After an error, a part of it may be written. */
  #complete(field: FieldPlan, type: TypePlan, value: unknown, parent: Position, key: Key): void {
    if (value instanceof Error) throw value;
    if (value === null || value === undefined) {
      if (!type.isNonNull) {
        writer.null();
        return;
      }
      throw new Error(`Cannot return null for non-nullable field ${nameOf(field)}.`);
    }
    switch (type.kind) {
      case 'leaf':
        this.#completeLeaf(field, type, value, parent, key);
        return;
      case 'list':
        this.#completeList(field, type, value, parent, key);
        return;
      case 'object':
        this.#completeObject(field, type, type.type, value, parent, key);
        return;
      case 'abstract':
        this.#completeAbstract(field, type, value, parent, key);
        return;
    }
  }

  #completeLeaf(field: FieldPlan, type: LeafPlan, value: unknown, parent: Position, key: Key): void {
    const serialized = type.keepsStrings && typeof value === 'string' ? value : type.type.serialize(value);
    if (serialized === null || serialized === undefined) {
      throw new Error(
        `Expected \`${inspect(type.type)}.serialize(${inspect(value)})\` to return non-nullable value, returned: ${inspect(serialized)}`,
      );
    }
    if (isPromise(serialized)) this.#await(field, type, serialized, parent, key, (settled) => writer.leaf(settled));
    else writer.leaf(serialized);
  }

  #completeList(field: FieldPlan, type: ListPlan, list: unknown, parent: Position, key: Key): void {
    if (!isIterable(list)) {
      throw new GraphQLError(`Expected Iterable, but did not find one for field "${nameOf(field)}".`);
    }
    const { item } = type;
    const position = new Position(writer.segment, writer.position, parent, key, field, type.isNonNull);
    try {
      writer.ascii('[');
      let index = 0;
      for (const value of list) {
        if (index > 0) writer.ascii(',');
        this.#completeItem(field, item, value, position, index);
        index += 1;
      }
      writer.ascii(']');
      position.end = writer.position;
    } catch (error) {
      position.discard();
      ignoreRejections(list);
      throw error;
    }
  }

  #completeItem(field: FieldPlan, type: TypePlan, value: unknown, parent: Position, key: number): void {
    const start = writer.position;
    try {
      if (isPromise(value)) this.#awaitValue(field, type, value, parent, key);
      else this.#complete(field, type, value, parent, key);
    } catch (error) {
      this.#nullFor(error, field, type, parent, key, start);
    }
  }

  #completeAbstract(field: FieldPlan, type: AbstractPlan, value: unknown, parent: Position, key: Key): void {
    const resolveType = type.type.resolveType ?? defaultTypeResolver;
    const name = resolveType(value, this.#contextValue, resolveInfo(this, field, parent), type.type);
    if (isPromise(name)) {
      this.#awaitType(field, type, name, value, parent, key);
      return;
    }
    const runtimeType = findRuntimeType(this.schema, field, type.type, name, value);
    this.#completeObject(field, type, runtimeType, value, parent, key);
  }

  #completeObject(
    field: FieldPlan,
    type: CompositePlan,
    runtimeType: GraphQLObjectType,
    value: unknown,
    parent: Position,
    key: Key,
  ): void {
    const selection = this.#selectionOf(field, type, runtimeType);
    if (runtimeType.isTypeOf) {
      const isOfType = runtimeType.isTypeOf(value, this.#contextValue, resolveInfo(this, field, parent));
      if (isPromise(isOfType)) {
        this.#awaitCheck(field, type, runtimeType, isOfType, value, parent, key);
        return;
      }
      if (!isOfType) throw notOfType(field, runtimeType, value);
    }
    this.#executeFields(field, type, selection, value, parent, key);
  }

  #selectionOf(field: FieldPlan, type: CompositePlan, runtimeType: GraphQLObjectType): SelectionPlan {
    const known = type.kind === 'object' ? type.selection : type.selections.get(runtimeType);
    if (known !== null && known !== undefined) return known;
    const sets = field.nodes.map(({ selectionSet }) => selectionSet);
    const selection = planSelection(this, runtimeType, sets);
    if (type.kind === 'object') type.selection = selection;
    else type.selections.set(runtimeType, selection);
    return selection;
  }

  #executeFields(
    field: FieldPlan,
    type: CompositePlan,
    selection: SelectionPlan,
    source: unknown,
    parent: Position,
    key: Key,
  ): void {
    const { fields } = selection;
    const position = new Position(writer.segment, writer.position, parent, key, field, type.isNonNull);
    try {
      for (const each of fields) {
        writer.ascii(each.opening);
        this.#executeField(each, source, position);
      }
    } catch (error) {
      position.discard();
      throw error;
    }
    writer.ascii(fields.length === 0 ? '{}' : '}');
    position.end = writer.position;
  }

  #awaitValue(field: FieldPlan, type: TypePlan, value: PromiseLike<unknown>, parent: Position, key: Key): void {
    this.#await(field, type, value, parent, key, (settled) => this.#complete(field, type, settled, parent, key));
  }

  #awaitType(
    field: FieldPlan,
    type: AbstractPlan,
    name: PromiseLike<unknown>,
    value: unknown,
    parent: Position,
    key: Key,
  ): void {
    this.#await(field, type, name, parent, key, (settled) => {
      const runtimeType = findRuntimeType(this.schema, field, type.type, settled, value);
      this.#completeObject(field, type, runtimeType, value, parent, key);
    });
  }

  #awaitCheck(
    field: FieldPlan,
    type: CompositePlan,
    runtimeType: GraphQLObjectType,
    isOfType: PromiseLike<boolean>,
    value: unknown,
    parent: Position,
    key: Key,
  ): void {
    this.#await(field, type, isOfType, parent, key, (settled) => {
      if (!settled) throw notOfType(field, runtimeType, value);
      this.#executeFields(field, type, this.#selectionOf(field, type, runtimeType), value, parent, key);
    });
  }

  /** Leaves a gap for a value until its promise settles, and then completes the value. */
  #await<T>(
    field: FieldPlan,
    type: TypePlan,
    promise: PromiseLike<T>,
    parent: Position,
    key: Key,
    complete: (settled: T) => void,
  ): void {
    parent.expect();
    const gap = writer.gap();
    // The promise may be any thenable, which can call back synchronously and more than once.
    Promise.resolve(promise).then(
      (settled) => {
        if (parent.isUnwanted()) {
          ignoreRejections(settled);
          return;
        }
        try {
          gap.segment = writer.write(() => complete(settled));
        } catch (error) {
          this.#fail(error, field, type, parent, key);
        }
        this.#release(parent);
      },
      (error) => {
        if (parent.isUnwanted()) return;
        this.#fail(error, field, type, parent, key);
        this.#release(parent);
      },
    );
  }

  #release(parent: Position): void {
    parent.release();
    if (this.#root.pending === 0) this.#onSettled();
  }

  /**
   * Reports the error of a value that failed in the synchronous pass. Writes null for the value if it is nullable, else
   * throws.
   * @param start where the text of the value begins
   */
  #nullFor(cause: unknown, field: FieldPlan, type: TypePlan, parent: Position, key: Key, start: number): void {
    const error = locatedError(cause, field.nodes, parent.pathOf(key));
    if (type.isNonNull) throw error;
    this.#errors.push(error);
    writer.rewind(start);
    writer.null();
  }

  /** Leaves null for an awaited value that failed, or for the nearest nullable object or list around it. */
  #fail(cause: unknown, field: FieldPlan, type: TypePlan, parent: Position, key: Key): void {
    this.#errors.push(locatedError(cause, field.nodes, parent.pathOf(key)));
    // The gap of the value remains null.
    if (type.isNonNull) parent.nullable().replaceByNull();
  }
}

const nameOf = ({ parentType, definition }: FieldPlan): string => `${parentType.name}.${definition.name}`;

const notOfType = ({ nodes }: FieldPlan, type: GraphQLObjectType, value: unknown): GraphQLError =>
  new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(value)}.`, { nodes });

const hasProperties = (value: unknown): value is Record<string, unknown> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  hasProperties(value) && typeof value['then'] === 'function';

/**
 * Handles rejections, because Node ends the process for an unhandled rejection, for example of an item of a discarded
 * list.
 */
function ignoreRejections(value: unknown): void {
  if (Array.isArray(value)) for (const item of value) ignoreRejections(item);
  else if (isPromise(value)) Promise.resolve(value).then(ignoreRejections, () => {});
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  Symbol.iterator in value &&
  typeof value[Symbol.iterator] === 'function';
