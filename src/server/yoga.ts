import type { IncomingMessage, ServerResponse } from 'node:http';
import { type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { GatewayContext } from '../context/context.ts';
import type { CreateContext } from '../context/create-context.ts';
import { connectionHeaders, type RequestHeaders } from '../context/request-headers.ts';
import type { Logger } from '../runtime/logger.ts';
import { graphiqlOptions, renderGraphiQL } from './graphiql.ts';
import type { MaskError } from './graphql-error.ts';
import { useSelection } from './plugins/use-selection.ts';

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
}

export const graphqlPath = '/graphql';

/** The one pipeline (parse, validate, context, execute, mask) of HTTP, SSE and WebSocket. */
export function createYogaServer(options: YogaOptions): Yoga {
  const { schema, createContext, logger, maskError, corsOrigins, graphiql, introspection } = options;
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
    plugins: [useSelection(), readableStreamFailure, ...(introspection ? [] : [withoutIntrospection])],
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

const withoutIntrospection: Plugin = {
  onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
};
