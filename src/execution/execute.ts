import { assertValidSchema, type ExecutionArgs, type ExecutionResult, GraphQLError, getVariableValues } from 'graphql';
import { type OperationPlan, planOf } from './document-plan.ts';
import { Execution } from './execution.ts';
import type { SelectionPlan } from './selection-plan.ts';

export type ExecuteArgs = Pick<
  ExecutionArgs,
  'schema' | 'document' | 'operationName' | 'variableValues' | 'rootValue' | 'contextValue'
> & {
  /** The coerced values of the variables. Without them, this function coerces `variableValues`. */
  readonly coercedVariables?: Record<string, unknown>;
};

/** Maximum number of reported errors of variables, as in graphql. */
const maxVariableErrors = 50;

/**
 * Executes an operation with the results of graphql's own `execute`. Each document is planned once, so that later
 * executions of the same document take a fraction of the time.
 *
 * The data is a `ResultData`: the text that `JSON.stringify` returns for graphql's data. Objects for the data would take
 * several times its memory, and would only be made for their text.
 *
 * There are three differences. A value that JSON does not have, such as a function, is null. Items of a list share the
 * arguments of a field, so that resolvers must not change them. If a non-nullable field has failed, the execution does
 * not wait for values below the null that replaces its parent.
 * Resolvers that depend on such values are not called, and their errors are not reported.
 * @returns a promise if a value is awaited. It never rejects.
 */
export function execute(args: ExecuteArgs): ExecutionResult | Promise<ExecutionResult> {
  const { schema, document, operationName = null, rootValue, contextValue } = args;
  assertValidSchema(schema);
  const plan = planOf(schema, document, operationName);
  if (plan instanceof GraphQLError) return { errors: [plan] };
  const variables = args.coercedVariables === undefined ? coerce(plan, args) : { coerced: args.coercedVariables };
  if (variables.errors !== undefined) return { errors: variables.errors };
  const variableValues = variables.coerced;
  let selection: SelectionPlan;
  try {
    selection = plan.selectionFor(variableValues);
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error], data: null };
    throw error;
  }
  return new Execution({ plan, selection, rootValue, contextValue, variableValues }).run();
}

const coerce = ({ schema, operation }: OperationPlan, { variableValues }: ExecuteArgs) =>
  getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {}, {
    maxErrors: maxVariableErrors,
  });
