import { type GraphQLSchema, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { GatewayContext } from '../context/context.ts';
import type { CreateContext } from '../context/create-context.ts';
import type { SubscriptionQuota } from '../context/subscription-quota.ts';
import type { Logger } from '../runtime/logger.ts';
import { createDocumentCache } from './document-cache.ts';
import { graphiqlOptions, renderGraphiQL } from './graphiql.ts';
import { useExecution } from './plugins/use-execution.ts';
import type { MaskError } from './graphql-error.ts';
import { type OperationLimits, useOperationLimits } from './plugins/use-operation-limits.ts';
import { useRequestValidation } from './plugins/use-request-validation.ts';
import { useSelection } from './plugins/use-selection.ts';
import { useSharedExecution } from './plugins/use-shared-execution.ts';
import { useVariableLimits } from './plugins/use-variable-limits.ts';
import { graphqlPath, type ServerContext, type Yoga } from './server-context.ts';

export interface YogaOptions {
  readonly maskError: MaskError;
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  readonly logger: Logger;
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly limits: OperationLimits;
  readonly subscriptionQuota: SubscriptionQuota;
}

/** The one pipeline (parse, validate, context, execute, mask) of all transports. */
export function createYogaServer(options: YogaOptions): Yoga {
  const { schema, createContext, logger, maskError, graphiql, introspection } = options;
  const { limits, subscriptionQuota } = options;
  return createYoga<ServerContext, GatewayContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    context: ({ operation }) => {
      if (operation === undefined) throw new Error('Every operation is opened by `openOperation`.');
      return createContext(operation);
    },
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
    // `createGraphqlHandler` serves HTTP, except for the page of GraphiQL.
    cors: false,
    graphiql: graphiql ? graphiqlOptions : false,
    renderGraphiQL,
    landingPage: false,
    healthCheckEndpoint: '/healthz',
    multipart: false,
    parserAndValidationCache: createDocumentCache(),
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
