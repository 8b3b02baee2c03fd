import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExecutionArgs, GraphQLError, type GraphQLSchema } from 'graphql';
import { CloseCode } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { GatewayError, RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { FindDocument } from './documents.ts';
import type { MaskError } from './graphql-error.ts';
import { graphqlPath, type SocketOperation, type Yoga } from './yoga.ts';

export interface WebSocketOptions {
  readonly server: Server;
  readonly yoga: Yoga;
  /** Origins of browser apps that may connect, besides the gateway's own. */
  readonly corsOrigins: readonly string[];
  readonly maxMessageBytes: number;
  /** Operations that may be under way on one socket. */
  readonly maxOperations: number;
  readonly findDocument: FindDocument;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maskError: MaskError;
  /**
   * Called when a socket has said who it is, before it may ask for anything.
   * @throws {GatewayError} when it may not: the socket is closed
   */
  readonly authorize: (operation: SocketOperation) => Promise<void>;
}

/** How long a socket may stay silent before it has sent `connection_init`. */
const connectionInitTimeoutMs = 3_000;
/** Pause between pings: under the 30 seconds after which proxies call a connection idle. */
const pingIntervalMs = 12_000;
/** How long a client may take to answer the end of its socket, when the server goes down. */
const closeTimeoutMs = 2_000;

/** What an operation's execution needs and `graphql-ws` only passes on. */
interface PipelineArgs extends ExecutionArgs {
  readonly execute: (args: ExecutionArgs) => unknown;
  readonly subscribe: (args: ExecutionArgs) => unknown;
  /** Aborts the operation's signal. */
  readonly controller: AbortController;
}

/**
 * GraphQL over WebSocket (`graphql-transport-ws`) on `/graphql` of an HTTP server. Every operation passes the same
 * pipeline as over HTTP. Disposing closes all sockets with 1001, after which clients connect again elsewhere; one whose
 * client does not answer is cut off.
 */
export function startWebSocketServer(options: WebSocketOptions): AsyncDisposable {
  const { server, yoga, corsOrigins, maxMessageBytes, maxOperations, findDocument } = options;
  const { clock, logger, maskError, authorize } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes });
  const operations = new WeakMap<object, Map<string, AbortController>>();

  const operationOf = (
    connection: { readonly connectionParams?: unknown; readonly extra: { readonly request: IncomingMessage } },
    signal: AbortSignal,
  ): SocketOperation => ({
    connectionParams: connection.connectionParams,
    upgradeHeaders: (name) => headerOf(connection.extra.request, name),
    signal,
  });

  const graphqlWs = useServer(
    {
      // Without it, clients are told the messages of internal errors.
      isProd: true,
      connectionInitWaitTimeout: connectionInitTimeoutMs,
      onConnect: async (connection) => {
        try {
          await authorize(operationOf(connection, new AbortController().signal));
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          // 4403 is what clients retry, with new parameters.
          connection.extra.socket.close(CloseCode.Forbidden, error.message.slice(0, maxCloseReasonLength));
          return false;
        }
        operations.set(connection.extra.socket, new Map());
        return true;
      },
      onSubscribe: async (connection, id, params) => {
        const controller = new AbortController();
        const running = operations.get(connection.extra.socket);
        const full = running !== undefined && running.size >= maxOperations;
        running?.set(id, controller);
        const refuse = (errors: readonly GraphQLError[]) => {
          // What never began is not completed either.
          running?.delete(id);
          return errors.map(withoutStatus);
        };
        try {
          if (full) throw tooManyOperations(maxOperations);
          const query = findDocument(params) ?? params.query;
          const pipeline = yoga.getEnveloped({
            socketOperation: operationOf(connection, controller.signal),
            params: { ...params, query },
          });
          const document = pipeline.parse(query);
          const schema: GraphQLSchema = pipeline.schema;
          const errors = pipeline.validate(schema, document);
          if (errors.length > 0) return refuse(errors);
          const args: PipelineArgs = {
            schema,
            document,
            operationName: params.operationName ?? null,
            variableValues: params.variables ?? null,
            contextValue: await pipeline.contextFactory(),
            execute: pipeline.execute,
            subscribe: pipeline.subscribe,
            controller,
          };
          return args;
        } catch (error) {
          return refuse([maskError(error)]);
        }
      },
      execute: (args) => runWith(args, 'execute', maskError),
      subscribe: (args) => runWith(args, 'subscribe', maskError),
      onError: (connection, _id, _payload, errors) => {
        if (errors.some(({ extensions }) => extensions['code'] === 'TOKEN_EXPIRED')) {
          // After the error has been sent. 4403 is what clients retry, with a new token.
          setImmediate(() => connection.extra.socket.close(CloseCode.Forbidden, 'The token has expired.'));
        }
      },
      onComplete: (connection, id) => {
        const running = operations.get(connection.extra.socket);
        running?.get(id)?.abort();
        running?.delete(id);
      },
      onDisconnect: (connection) => {
        for (const controller of operations.get(connection.extra.socket)?.values() ?? []) controller.abort();
      },
    },
    sockets,
    pingIntervalMs,
  );

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, corsOrigins);
    if (refusal !== null) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.emit('connection', webSocket, request);
      // graphql-ws would print them on the console. What a client sends wrongly, ws itself closes the socket for.
      webSocket.removeAllListeners('error');
      webSocket.on('error', (error) => logger.debug({ err: error }, 'a socket failed'));
    });
  };
  server.on('upgrade', onUpgrade);

  return {
    [Symbol.asyncDispose]: async () => {
      server.off('upgrade', onUpgrade);
      using deadline = clock.deadline(closeTimeoutMs);
      deadline.signal.addEventListener('abort', () => {
        for (const socket of sockets.clients) socket.terminate();
      });
      await graphqlWs.dispose();
    },
  };
}

/** Bytes that a close frame holds beside its code. */
const maxCloseReasonLength = 120;

/**
 * Which answer an upgrade request gets instead of a socket. A browser says from which page it comes, and pages of other
 * origins must not use a gateway that only its user's machine can reach.
 */
function refusalOf(request: IncomingMessage, corsOrigins: readonly string[]): string | null {
  const path = request.url?.split('?', 1)[0];
  if (path !== graphqlPath) return '404 Not Found';
  const origin = headerOf(request, 'origin');
  if (origin === null || corsOrigins.includes(origin)) return null;
  const own = URL.canParse(origin) && new URL(origin).host === headerOf(request, 'host');
  return own ? null : '403 Forbidden';
}

const headerOf = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
};

/** `args` are those that `onSubscribe` returned: they carry the pipeline's own functions. */
function runWith(args: ExecutionArgs, which: 'execute' | 'subscribe', maskError: MaskError) {
  // graphql-ws declares what it passes on as plain execution arguments.
  const pipelineArgs = args as PipelineArgs;
  return run(pipelineArgs, which, maskError) as never;
}

/** What the pipeline throws before it executes anything is this operation's answer, and not the end of its socket. */
async function run(args: PipelineArgs, which: 'execute' | 'subscribe', maskError: MaskError): Promise<unknown> {
  try {
    return await endedByReturn(args[which](args), args.controller);
  } catch (error) {
    return { errors: [withoutStatus(maskError(error))] };
  }
}

/** An error without its HTTP status, which is for the other transports. */
function withoutStatus(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions;
  if (http === undefined) return error;
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    originalError: error.originalError ?? null,
    extensions,
  });
}

const tooManyOperations = (most: number) =>
  new RateLimitedError({ message: `At most ${most} operations may be under way on one socket.` });

/**
 * When a client completes an operation or its socket is gone, graphql-ws first returns the stream and waits for that.
 * A stream that waits for its next event would return with that event, which may never come: aborting ends it at once.
 */
async function endedByReturn(pending: unknown, controller: AbortController): Promise<unknown> {
  const result = await pending;
  if (!isAsyncGenerator(result)) return result;
  return {
    next: () => result.next(),
    throw: (error) => result.throw(error),
    return: (value) => {
      controller.abort();
      return result.return(value);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  } satisfies Required<AsyncIterator<unknown>> & AsyncIterable<unknown>;
}

const isAsyncGenerator = (value: unknown): value is AsyncGenerator =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value && 'return' in value;
