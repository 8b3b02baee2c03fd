import type { ExecutionResult } from 'graphql';
import { execute } from '../../execution/execute.ts';
import type { MaskError } from './error-mask.ts';
import type { PipelineArgs } from './pipeline-types.ts';
import type { CheckOperation } from './plugins/use-operation-limits.ts';
import { selectFields } from './plugins/use-selection.ts';
import { coerceBounded } from './plugins/use-variable-limits.ts';

/**
 * Creates the function that executes queries and mutations, by the gateway's own executor, which plans each document
 * once. The limits are checked first, because a rejected operation needs no further work. Yoga's hooks are not used,
 * because they would cost a small operation more time than its execution.
 */
export const createExecution =
  (check: CheckOperation, maskError: MaskError) =>
  /** @throws {GraphQLError} `INVALID_INPUT`: the operation or its variables are above a limit */
  (args: Omit<PipelineArgs, 'run'>): ExecutionResult | Promise<ExecutionResult> => {
    const { schema, document, operationName, variableValues, contextValue } = args;
    const variables = coerceBounded(args);
    if (variables.errors !== undefined) return { errors: variables.errors.map(maskError) };
    check(args);
    selectFields(args);
    const coercedVariables = variables.coerced;
    const result = execute({ schema, document, operationName, variableValues, contextValue, coercedVariables });
    return result instanceof Promise ? result.then((settled) => masked(settled, maskError)) : masked(result, maskError);
  };

const masked = (result: ExecutionResult, maskError: MaskError): ExecutionResult =>
  result.errors === undefined ? result : { ...result, errors: result.errors.map(maskError) };
