import { type GraphQLSchema, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { GatewayContext } from '../context/context.ts';
import type { SubscriptionQuota } from '../context/subscription-quota.ts';
import type { Logger } from '../runtime/logger.ts';
import type { MaskError } from './graphql-error.ts';
import { useExecution } from './plugins/use-execution.ts';
import { type OperationLimits, useOperationLimits } from './plugins/use-operation-limits.ts';
import { useRequestValidation } from './plugins/use-request-validation.ts';
import { useSelection } from './plugins/use-selection.ts';
import { useSharedExecution } from './plugins/use-shared-execution.ts';
import { useVariableLimits } from './plugins/use-variable-limits.ts';

export type Pipeline = Pick<YogaServerInstance<object, GatewayContext>, 'getEnveloped'>;

export interface PipelineOptions {
  readonly maskError: MaskError;
  readonly schema: GraphQLSchema;
  readonly logger: Logger;
  readonly introspection: boolean;
  readonly limits: OperationLimits;
  readonly subscriptionQuota: SubscriptionQuota;
}

/** The one pipeline (parse, validate, execute, mask) of all transports. Each transport carries its own requests. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { schema, logger, maskError, introspection } = options;
  const { limits, subscriptionQuota } = options;
  return createYoga<object, GatewayContext>({
    schema,
    maskedErrors: { maskError },
    plugins: [
      // Limits come first, because a rejected operation needs no further work.
      useVariableLimits(maskError),
      useOperationLimits(limits),
      useRequestValidation(),
      useSharedExecution({ maskError, quota: subscriptionQuota }),
      useExecution(),
      useSelection(),
      ...(introspection ? [] : [withoutIntrospection]),
    ],
    // `createPreparedDocuments` keeps what is parsed and validated.
    parserAndValidationCache: false,
    logging: {
      debug: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
      info: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
      warn: (...values: unknown[]) => logger.warn({ yoga: values.map(String) }),
      // Errors are logged once, by the mask, with the id that the client gets.
      error: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
    },
  });
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
