import { type GraphQLSchema, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { GatewayContext } from '../../context/context.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { MaskError } from './error-mask.ts';
import { createExecution, createSubscription } from './execute-operation.ts';
import { createOperationCheck, type OperationLimits } from './operation-limits.ts';
import type { Pipeline, Subscribe } from './pipeline-types.ts';
import { useDocumentLimits } from './plugins/use-document-limits.ts';
import { useRequestValidation } from './plugins/use-request-validation.ts';

export interface PipelineOptions {
  readonly maskError: MaskError;
  readonly schema: GraphQLSchema;
  readonly logger: Logger;
  readonly introspection: boolean;
  readonly limits: OperationLimits;
  /** Starts a subscription whose variables and limits have been checked. */
  readonly subscribe: Subscribe;
}

/**
 * Creates the pipeline. Yoga and its plugins parse and validate documents. Operations are executed without Yoga's hooks,
 * because these would cost a small query more time than its execution, and a subscription a promise for each hook.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { schema, logger, maskError, introspection, limits, subscribe } = options;
  const checks = { check: createOperationCheck(limits), maskError };
  const yoga = createYoga<object, GatewayContext>({
    schema,
    // Only executions mask errors, and Yoga executes nothing here.
    maskedErrors: false,
    plugins: [useDocumentLimits(limits), useRequestValidation(), ...(introspection ? [] : [withoutIntrospection])],
    // `createPreparedDocuments` keeps what is parsed and validated.
    parserAndValidationCache: false,
    logging: {
      debug: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
      info: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
      warn: (...values: unknown[]) => logger.warn({ yoga: values.map(String) }),
      // Errors are logged once, by the mask, with the id that the client receives.
      error: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
    },
  });
  // The functions of the pipeline depend on no request: the context of an operation is an argument of its execution.
  const { parse, validate } = yoga.getEnveloped();
  return {
    schema,
    parse,
    validate,
    execute: createExecution(checks),
    subscribe: createSubscription(checks, subscribe),
  };
}

/** Without introspection, the messages about unknown names suggest no known ones either. */
const withoutIntrospection: Plugin = {
  onValidate: ({ addValidationRule, setValidationFn }) => {
    addValidationRule(NoSchemaIntrospectionCustomRule);
    setValidationFn(validateQuietly);
  },
};

const validateQuietly = (...[schema, document, rules, options]: Parameters<typeof validate>) =>
  validate(schema, document, rules, { ...options, hideSuggestions: true });
