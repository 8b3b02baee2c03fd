import type { ExecutionResult } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import { execute } from '../../execution/execute.ts';
import type { MaskError } from './error-mask.ts';
import type { CheckOperation } from './operation-limits.ts';
import type { OperationArgs, Pipeline, Subscribe } from './pipeline-types.ts';
import { selectFields } from './selection.ts';
import { coerceBounded } from './variable-limits.ts';

export interface ExecutionChecks {
  readonly check: CheckOperation;
  readonly maskError: MaskError;
}

/** Creates the function that executes queries and mutations, by the gateway's own executor. */
export const createExecution =
  (checks: ExecutionChecks): Pipeline['execute'] =>
  (args) => {
    const { schema, document, operationName, variableValues, contextValue } = args;
    const variables = prepare(args, checks);
    if (variables.errors !== undefined) return { errors: variables.errors };
    const coercedVariables = variables.coerced;
    const result = execute({ schema, document, operationName, variableValues, contextValue, coercedVariables });
    return result instanceof Promise
      ? result.then((found) => masked(found, contextValue, checks))
      : masked(result, contextValue, checks);
  };

/** Creates the function that starts subscriptions. Their variables are coerced again for each event. */
export const createSubscription =
  (checks: ExecutionChecks, subscribe: Subscribe): Subscribe =>
  async (args) => {
    const { errors } = prepare(args, checks);
    return errors === undefined ? await subscribe(args) : { errors };
  };

/**
 * Checks an operation against the limits, and passes the selected fields to the loaders. The limits are checked first,
 * because a rejected operation needs no further work.
 * @returns the coerced variables, or the errors as clients receive them
 * @throws {GraphQLError} `INVALID_INPUT`: the operation or its variables are above a limit
 */
function prepare(args: OperationArgs, { check, maskError }: ExecutionChecks): ReturnType<typeof coerceBounded> {
  const variables = coerceBounded(args);
  if (variables.errors !== undefined) {
    return { errors: variables.errors.map((error) => maskError(error, args.contextValue)) };
  }
  check(args);
  selectFields(args);
  return variables;
}

const masked = (
  result: ExecutionResult,
  context: GatewayContext,
  { maskError }: Pick<ExecutionChecks, 'maskError'>,
): ExecutionResult =>
  result.errors === undefined ? result : { ...result, errors: result.errors.map((error) => maskError(error, context)) };
