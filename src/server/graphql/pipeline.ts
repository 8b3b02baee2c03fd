import { type GraphQLSchema, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { GatewayContext } from '../../context/context.ts';
import type { SubscriptionQuota } from '../../context/subscription-quota.ts';
import type { Logger } from '../../runtime/logger.ts';
import { useSharedExecution } from '../sharing/use-shared-execution.ts';
import type { MaskError } from './error-mask.ts';
import { createExecution } from './execute-operation.ts';
import type { Pipeline } from './pipeline-types.ts';
import { createOperationCheck, type OperationLimits, useOperationLimits } from './plugins/use-operation-limits.ts';
import { useRequestValidation } from './plugins/use-request-validation.ts';
import { useSelection } from './plugins/use-selection.ts';
import { useVariableLimits } from './plugins/use-variable-limits.ts';

export interface PipelineOptions {
  readonly maskError: MaskError;
  readonly schema: GraphQLSchema;
  readonly logger: Logger;
  readonly introspection: boolean;
  readonly limits: OperationLimits;
  readonly subscriptionQuota: SubscriptionQuota;
}

/**
 * Creates the pipeline. Yoga and its plugins parse, validate and execute subscriptions; `createExecution` executes
 * queries and mutations. Both apply the same limits and mask errors in the same way.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { schema, logger, maskError, introspection } = options;
  const { limits, subscriptionQuota } = options;
  const check = createOperationCheck(limits);
  const yoga = createYoga<object, GatewayContext>({
    schema,
    maskedErrors: { maskError },
    plugins: [
      // Limits come first, because a rejected operation needs no further work.
      useVariableLimits(maskError),
      useOperationLimits(limits, check),
      useRequestValidation(),
      useSharedExecution({ maskError, quota: subscriptionQuota }),
      useSelection(),
      ...(introspection ? [] : [withoutIntrospection]),
    ],
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
  return { ...yoga.getEnveloped(), execute: createExecution(check, maskError) };
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
