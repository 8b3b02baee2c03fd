import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError, type GraphQLSchema, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { GatewayContext } from '../context/context.ts';
import type { CreateContext, OperationRequest } from '../context/create-context.ts';
import type { SubscriptionQuota } from '../context/subscription-quota.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Callbacks } from './callbacks.ts';
import { exposedHeaders, preflightSeconds } from './cors.ts';
import type { DirectResults } from './direct-results.ts';
import type { FindDocument } from './documents.ts';
import { graphiqlOptions, renderGraphiQL } from './graphiql.ts';
import { useCallbacks } from './plugins/use-callbacks.ts';
import { useLiveResults } from './plugins/use-live-results.ts';
import { type OperationLimits, useOperationLimits } from './plugins/use-operation-limits.ts';
import { useSelection } from './plugins/use-selection.ts';
import { useSharedExecution } from './plugins/use-shared-execution.ts';
import { type SingleConnectionOptions, useSingleConnection } from './plugins/use-single-connection.ts';

/** What Yoga is given: Node's request, or an operation that is not a request of its own. */
export type ServerContext =
  | { readonly req: IncomingMessage; readonly res: ServerResponse; readonly operation?: never }
  | { readonly operation: OperationRequest; readonly direct?: DirectResults | undefined };

export type Yoga = YogaServerInstance<ServerContext, GatewayContext>;

export interface YogaOptions extends SingleConnectionOptions {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  readonly logger: Logger;
  readonly corsOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly limits: OperationLimits;
  readonly subscriptionQuota: SubscriptionQuota;
  /** null: there are none. */
  readonly callbacks: Callbacks | null;
}

export const graphqlPath = '/graphql';

/** The one pipeline (parse, validate, context, execute, mask) of all transports. */
export function createYogaServer(options: YogaOptions): Yoga {
  const { schema, createContext, logger, maskError, corsOrigins, graphiql, introspection } = options;
  const { limits, subscriptionQuota, findDocument, connections } = options;
  return createYoga<ServerContext, GatewayContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    context: ({ operation, request }) =>
      createContext(operation ?? { headers: (name) => request.headers.get(name), signal: request.signal }),
    maskedErrors: { maskError },
    plugins: [
      refuseForms,
      refuseUnreadableParameters,
      useDocuments(findDocument),
      // Limits first: what is refused is not looked at any further.
      useOperationLimits(limits),
      useSharedExecution({ maskError, quota: subscriptionQuota }),
      useSelection(),
      useSingleConnection(options),
      useCallbacks(options),
      useLiveResults(connections),
      ...(introspection ? [] : [withoutIntrospection]),
    ],
    cors:
      corsOrigins.length === 0
        ? false
        : { origin: [...corsOrigins], exposedHeaders: [...exposedHeaders], maxAge: preflightSeconds },
    graphiql: graphiql ? graphiqlOptions : false,
    renderGraphiQL,
    landingPage: false,
    healthCheckEndpoint: '/healthz',
    multipart: false,
    // The size of a body is bounded where it is read, in http.ts.
    maxRequestBodySize: false,
    logging: {
      debug: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
      info: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
      warn: (...values: unknown[]) => logger.warn({ yoga: values.map(String) }),
      // Errors are logged once, by the mask, with the id that the client gets.
      error: (...values: unknown[]) => logger.debug({ yoga: values.map(String) }),
    },
  });
}

/**
 * A page of any origin can make a browser send a form, with whatever credentials the browser adds by itself. Every other
 * type of body that is read here makes the browser ask first.
 */
const refuseForms: Plugin = {
  onRequestParse: ({ request, endResponse, fetchAPI }) => {
    if (!request.headers.get('content-type')?.startsWith('application/x-www-form-urlencoded')) return;
    if (request.method === 'POST') endResponse(new fetchAPI.Response(null, { status: 415 }));
  },
};

/** Yoga takes JSON that cannot be read, in the parameters of a URL, for a failure of its own: it is one of the request. */
const refuseUnreadableParameters: Plugin = {
  onRequestParse: ({ request, requestParser, setRequestParser }) => {
    if (request.method !== 'GET' || requestParser === undefined) return;
    setRequestParser((toParse) => {
      try {
        return requestParser(toParse);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        const extensions = { code: 'BAD_REQUEST', http: { status: 400 } };
        throw new GraphQLError('The parameters variables and extensions must be JSON.', { extensions });
      }
    });
  },
};

const useDocuments = (findDocument: FindDocument): Plugin => ({
  onParams: ({ params, setParams }) => {
    // What is no request at all is refused by the checks of Yoga, which come later.
    if (typeof params !== 'object' || params === null) return;
    const query = findDocument(params);
    if (query !== null && query !== params.query) setParams({ ...params, query });
  },
});

/** For a schema that is not to be looked at: messages about wrong names do not say the right ones either. */
const withoutIntrospection: Plugin = {
  onValidate: ({ addValidationRule, setValidationFn }) => {
    addValidationRule(NoSchemaIntrospectionCustomRule);
    setValidationFn(validateQuietly);
  },
};

const validateQuietly = (...[schema, document, rules]: Parameters<typeof validate>) =>
  validate(schema, document, rules, { hideSuggestions: true });
