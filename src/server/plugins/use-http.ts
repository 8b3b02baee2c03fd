import type { ExecutionResult } from 'graphql';
import { type GraphQLParams, isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Authenticate } from '../../context/authenticate.ts';
import { acceptsStream, eventStreamType, includesType, jsonType, jsonTypeOf } from '../accept.ts';
import { CountedResponse } from '../counted-response.ts';
import { readQueryString, readRequestBody } from '../graphql-request.ts';
import { jsonResponse } from '../graphql-response.ts';
import { type OperationDeps, openOperation, resultsUntilFailure, runOperation } from '../operation.ts';
import { requestError } from '../request-error.ts';
import {
  acceptedBy,
  graphqlPath,
  type HttpContext,
  type ServerContext,
  sessionOf,
  type Yoga,
} from '../server-context.ts';

export interface HttpOptions extends Omit<OperationDeps, 'yoga'> {
  /** Called for each request that carries no operation, before anything else of it is read. */
  readonly authenticate: Authenticate;
  /** Called for each request that carries an operation, before its body is read. It counts the operation too. */
  readonly admit: Authenticate;
  readonly maxBodyBytes: number;
}

/**
 * GraphQL over HTTP: https://graphql.github.io/graphql-over-http. The caller is authenticated from the headers of the
 * request before its body and its document are read. Yoga supplies the rest of HTTP: CORS, GraphiQL, Fetch.
 */
export function useHttp({
  authenticate,
  admit,
  maxBodyBytes,
  findDocument,
  maskError,
}: HttpOptions): Plugin<object, ServerContext> {
  let yoga: Pick<Yoga, 'getEnveloped'>;

  const answer = async (context: ServerContext, params: GraphQLParams, request: Request) => {
    const operation = {
      session: sessionOf(context),
      host: request.headers.get('host'),
      signal: nativeSignal(request.signal),
    };
    const args = await openOperation({ yoga, findDocument, maskError }, params, operation);
    if (!('kind' in args)) return { errors: args };
    if (args.kind === 'mutation' && request.method === 'GET') {
      const http = { headers: { allow: 'POST' } };
      throw requestError('METHOD_NOT_ALLOWED', 'A mutation must be sent as POST.', { http });
    }
    if (args.kind === 'subscription' && isHttp(context) && !acceptsStream(acceptedBy(context))) {
      // Rejected before the subscription begins, because no response could deliver it.
      throw notAcceptable('A subscription needs the header Accept: text/event-stream, or a WebSocket.');
    }
    const result = await runOperation(args, maskError);
    return isAsyncIterable(result) ? resultsUntilFailure(result, maskError) : result;
  };

  return {
    onYogaInit: (init) => {
      yoga = init.yoga;
    },

    onRequest: async ({ request, url, serverContext, fetchAPI, endResponse }) => {
      if (!isHttp(serverContext) || request.method === 'OPTIONS') return;
      const accepted = acceptedBy(serverContext);
      const mediaType = jsonTypeOf(accepted);
      try {
        const carriesOperation = url.pathname === graphqlPath || request.method === 'POST';
        serverContext.session = await (carriesOperation ? admit : authenticate)((name) => request.headers.get(name));
        if (mediaType === null && !streamTypes.some((type) => includesType(accepted, type))) {
          throw notAcceptable('The header Accept must name application/json or another type of GraphQL over HTTP.');
        }
        if (serverContext.res instanceof CountedResponse) serverContext.res.belongsTo(serverContext.session.principal);
      } catch (error) {
        const { body, ...init } = jsonResponse({ errors: [maskError(error)] }, mediaType ?? jsonType);
        endResponse(new fetchAPI.Response(body, init));
      }
    },

    onRequestParse: ({ request, serverContext, setRequestParser }) => {
      if (!isHttp(serverContext)) return;
      const { req } = serverContext;
      // Yoga wants the type of its own parsers, which lacks `null` and `documentId`.
      if (request.method === 'GET') setRequestParser(() => readQueryString(request.url) as GraphQLParams);
      if (request.method === 'POST')
        setRequestParser(async () => (await readRequestBody(req, maxBodyBytes)) as GraphQLParams);
    },

    onParams: ({ params, setParams, setParamsHandler }) => {
      // Yoga requires a text, also where the document has an id.
      setParams({ ...params, query: findDocument(params) });
      setParamsHandler(({ context, params: given, request }) => answer(context, given, request));
    },

    onResultProcess: ({ result, serverContext, resultProcessor, setResultProcessor }) => {
      if (!isHttp(serverContext) || Array.isArray(result) || isAsyncIterable(result)) return;
      const accepted = jsonTypeOf(acceptedBy(serverContext));
      // A client that reads only `multipart/mixed` receives one part, by Yoga.
      if (accepted === null && resultProcessor !== undefined && 'data' in result) return;
      const mediaType = accepted ?? jsonType;
      setResultProcessor((single, { Response }) => {
        // Streams and batches were excluded above.
        const { body, ...init } = jsonResponse(single as ExecutionResult, mediaType);
        return new Response(body, init);
      }, mediaType);
    },
  };
}

/** The signal of a request as one of Node, whose `AbortSignal.any` rejects Yoga's own implementation from Node 26 on. */
function nativeSignal(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  // The request and its signal live no longer than the operation.
  signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller.signal;
}

const isHttp = (context: ServerContext): context is HttpContext => context.operation === undefined;

/** Media types of responses that are not one JSON value. */
const streamTypes = [eventStreamType, 'multipart/mixed'];

const notAcceptable = (message: string) =>
  requestError('NOT_ACCEPTABLE', message, { http: { headers: { accept: `${jsonType}, ${eventStreamType}` } } });
