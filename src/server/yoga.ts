import type { IncomingMessage, ServerResponse } from 'node:http';
import { type GraphQLSchema, NoSchemaIntrospectionCustomRule, validate } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { GatewayContext } from '../context/context.ts';
import type { CreateContext } from '../context/create-context.ts';
import { connectionHeaders, type RequestHeaders } from '../context/request-headers.ts';
import type { SubscriptionQuota } from '../context/subscription-quota.ts';
import type { Logger } from '../runtime/logger.ts';
import type { FindDocument } from './documents.ts';
import { graphiqlOptions, renderGraphiQL } from './graphiql.ts';
import type { MaskError } from './graphql-error.ts';
import { type OperationLimits, useOperationLimits } from './plugins/use-operation-limits.ts';
import { useSelection } from './plugins/use-selection.ts';
import { useSubscriptionQuota } from './plugins/use-subscription-quota.ts';

/** An operation over a transport that is not HTTP. */
export interface SocketOperation {
  readonly connectionParams: unknown;
  readonly upgradeHeaders: RequestHeaders;
  /** Aborts when the operation is completed by the client or its socket is gone. */
  readonly signal: AbortSignal;
}

/** What Yoga is given with a request: Node's request over HTTP, the operation over a socket. */
export type ServerContext =
  | { readonly req: IncomingMessage; readonly res: ServerResponse; readonly socketOperation?: never }
  | { readonly socketOperation: SocketOperation };

export type Yoga = YogaServerInstance<ServerContext, GatewayContext>;

export interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  readonly logger: Logger;
  readonly maskError: MaskError;
  readonly corsOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly limits: OperationLimits;
  readonly subscriptionQuota: SubscriptionQuota;
  /** WebSocket operations are looked up by whoever serves the socket: they come without parameters of HTTP. */
  readonly findDocument: FindDocument;
}

export const graphqlPath = '/graphql';

/** The one pipeline (parse, validate, context, execute, mask) of HTTP, SSE and WebSocket. */
export function createYogaServer(options: YogaOptions): Yoga {
  const { schema, createContext, logger, maskError, corsOrigins, graphiql, introspection } = options;
  const { limits, subscriptionQuota, findDocument } = options;
  return createYoga<ServerContext, GatewayContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    context: (initial) =>
      initial.socketOperation === undefined
        ? createContext({
            headers: (name) => initial.request.headers.get(name),
            signal: initial.request.signal,
          })
        : createContext({
            headers: connectionHeaders(
              initial.socketOperation.connectionParams,
              initial.socketOperation.upgradeHeaders,
            ),
            signal: initial.socketOperation.signal,
          }),
    maskedErrors: { maskError },
    plugins: [
      refuseForms,
      useDocuments(findDocument),
      // Limits first: what is refused is not looked at any further.
      useOperationLimits(limits),
      useSubscriptionQuota(subscriptionQuota),
      useSelection(),
      readableStreamFailure,
      ...(introspection ? [] : [withoutIntrospection]),
    ],
    cors:
      corsOrigins.length === 0 ? false : { origin: [...corsOrigins], exposedHeaders: ['x-request-id'], maxAge: 600 },
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
 * A subscription that could not begin is told in an event, as over WebSocket. Yoga would answer 500 with it, and clients
 * of event streams read the events of no other status than 200.
 */
const readableStreamFailure: Plugin = {
  onResultProcess: ({ request, result, setResult }) => {
    if (!request.headers.get('accept')?.includes('text/event-stream') || !('errors' in result)) return;
    const { errors = [], extensions } = result;
    // One without a path failed the request before any field of it: that has a status of its own, 401 for example.
    if (errors.length === 0 || errors.some(({ path }) => path === undefined)) return;
    setResult({ ...result, extensions: { ...extensions, http: { status: 200 } } });
  },
};

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
