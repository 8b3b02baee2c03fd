import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, GraphQLError } from 'graphql';
import { CloseCode, handleProtocols, MessageType, makeServer, parseMessage } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { OperationRequest } from '../context/create-context.ts';
import { callerHeadersOf, connectionHeaders, type RequestHeaders } from '../context/request-headers.ts';
import { GatewayError, type GatewayErrorCode, RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { deliverOver } from './direct-delivery.ts';
import { publicError } from './graphql-error.ts';
import { refusalOfHost, type ServesHost } from './host.ts';
import type { LiveConnections } from './live-connections.ts';
import { type OperationDeps, openOperation, type PipelineArgs, runOperation } from './operation.ts';
import { attendSocket, type SocketSender, tryAgainLater } from './socket.ts';
import { graphqlPath } from './yoga.ts';

export interface WebSocketOptions extends OperationDeps {
  readonly server: Server;
  /** Origins of browser apps that may connect, besides the gateway's own. */
  readonly corsOrigins: readonly string[];
  readonly servesHost: ServesHost;
  readonly maxMessageBytes: number;
  /** Operations that may be under way on one socket. */
  readonly maxOperations: number;
  readonly connections: LiveConnections;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Called when a socket has said who it is, before it may ask for anything.
   * @throws {GatewayError} when it may not: the socket is closed
   */
  readonly authorize: (headers: RequestHeaders) => Promise<unknown>;
}

/** How long a socket may stay silent before it has sent `connection_init`, in milliseconds. */
const connectionInitTimeoutMs = 3_000;

/** An operation that is under way on a socket. */
interface RunningOperation {
  /** The payload that it came with, by which it is told from a later one with the same id. */
  readonly payload: unknown;
  /** Aborts when the client completes it or the socket is gone. */
  readonly controller: AbortController;
}

/** What belongs to one socket. */
interface Extra {
  readonly headers: RequestHeaders;
  readonly operations: Map<string, RunningOperation>;
  readonly close: SocketSender['close'];
  readonly send: SocketSender['send'];
}

/**
 * With these ends the stream of a caller who has no right to it any more, and the operation of one who is no longer let
 * in. All operations of a socket are the same caller's, so the socket ends with it. A field that is refused is a result.
 */
const endsSocket: ReadonlySet<unknown> = new Set<GatewayErrorCode>(['TOKEN_EXPIRED', 'FORBIDDEN', 'UNAUTHENTICATED']);

/**
 * GraphQL over WebSocket (`graphql-transport-ws`) on `/graphql` of an HTTP server. Every operation passes the same
 * pipeline as over HTTP. Disposing cuts off the sockets that are left.
 */
export function startWebSocketServer(options: WebSocketOptions): AsyncDisposable {
  const { server, maxMessageBytes, maxOperations, connections, clock, logger } = options;
  const { maskError, authorize } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, handleProtocols });

  const requestOf = (
    connection: { readonly connectionParams?: unknown; readonly extra: Extra },
    signal: AbortSignal,
  ): OperationRequest => ({
    headers: connectionHeaders(connection.connectionParams, connection.extra.headers),
    signal,
  });

  const run = (args: ExecutionArgs, which: 'execute' | 'subscribe') => {
    // They are those that `onSubscribe` returned, and graphql-ws passes on as plain execution arguments.
    return runOperation(args as PipelineArgs, which, maskError) as never;
  };

  const graphqlWs = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: connectionInitTimeoutMs,
    jsonMessageReviver: refuseServerMessages,
    onConnect: async (connection) => {
      try {
        await authorize(connectionHeaders(connection.connectionParams, connection.extra.headers));
        return true;
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        // Both are what clients retry; 4403 with new parameters.
        const code = error instanceof RateLimitedError ? tryAgainLater : CloseCode.Forbidden;
        connection.extra.close(code, error.message.slice(0, maxCloseReasonLength));
        return false;
      }
    },
    onSubscribe: async (connection, id, payload) => {
      const { operations } = connection.extra;
      const full = operations.size >= maxOperations;
      const running: RunningOperation = { payload, controller: new AbortController() };
      operations.set(id, running);
      const refuse = (errors: readonly GraphQLError[]) => {
        // What never began is not completed either.
        forget(operations, id, payload);
        return errors;
      };
      try {
        if (full) throw tooManyOperations(maxOperations);
        const request = requestOf(connection, running.controller.signal);
        const operation = await openOperation(options, payload, request, deliverOver(connection.extra.send, id));
        const args = operation.prepare();
        return 'document' in args ? args : refuse(args);
      } catch (error) {
        return refuse([publicError(maskError(error))]);
      }
    },
    execute: (args) => run(args, 'execute'),
    subscribe: (args) => run(args, 'subscribe'),
    onError: ({ extra }, _id, _payload, errors) => {
      const last = errors.find(({ extensions }) => endsSocket.has(extensions['code']));
      if (last === undefined) return;
      // After the error has been sent. 4403 is what clients retry, with a new token.
      setImmediate(() => extra.close(CloseCode.Forbidden, last.message.slice(0, maxCloseReasonLength)));
    },
    onComplete: ({ extra }, id, payload) => forget(extra.operations, id, payload),
  });

  const serve = (socket: WebSocket, { stream, headers }: Upgrade): void => {
    const { send, close } = attendSocket(socket, { connections, clock, stream });
    const operations = new Map<string, RunningOperation>();
    const fail = (error: unknown) => {
      logger.error({ err: error }, 'a socket failed');
      close(CloseCode.InternalServerError, 'Internal server error');
    };
    const closed = graphqlWs.opened(
      {
        protocol: socket.protocol,
        send,
        close,
        onMessage: (handle) => {
          socket.on('message', (data) => {
            const text = String(data);
            // graphql-ws returns the stream of what is completed, and a stream that waits for its next event returns
            // only with that. A query it lets go on.
            const id = completedId(text);
            if (id !== null) operations.get(id)?.controller.abort();
            handle(text).catch(fail);
          });
        },
      },
      { headers, operations, close, send },
    );
    // What a client sends wrongly, ws itself closes the socket for.
    socket.on('error', (error) => logger.debug({ err: error }, 'a socket failed'));
    socket.once('close', (code, reason) => {
      for (const { controller } of operations.values()) controller.abort();
      closed(code, String(reason)).catch((error: unknown) => logger.error({ err: error }, 'a socket did not end well'));
    });
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, options);
    if (refusal === null) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, upgradeOf(request)));
      return;
    }
    // Node leaves the socket alone from here on: an error that nobody hears would end the process, and a client that does
    // not close its end would hold it for ever.
    socket.on('error', (error) => logger.debug({ err: error }, 'a refused socket failed'));
    socket.once('finish', () => socket.destroy());
    socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  };
  server.on('upgrade', onUpgrade);

  return {
    [Symbol.asyncDispose]: async () => {
      server.off('upgrade', onUpgrade);
      for (const socket of sockets.clients) socket.terminate();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}

/** What a socket keeps of the request that it came with, which is far larger. */
interface Upgrade {
  readonly stream: Socket;
  readonly headers: RequestHeaders;
}

const upgradeOf = (request: IncomingMessage): Upgrade => ({
  stream: request.socket,
  headers: callerHeadersOf((name) => headerOf(request, name)),
});

/** Types of messages that only servers send. */
const serverMessageTypes: readonly unknown[] = [
  MessageType.ConnectionAck,
  MessageType.Next,
  MessageType.Error,
] satisfies readonly MessageType[];

/**
 * graphql-ws takes a message that only servers send for a failure of its own. Like any other message that cannot be read,
 * it closes the socket with 4400.
 */
function refuseServerMessages(key: string, value: unknown): unknown {
  // Without a key, it is the message itself; any other value is part of one.
  if (key !== '' || typeof value !== 'object' || value === null || !('type' in value)) return value;
  if (serverMessageTypes.includes(value.type)) throw new Error(`A client does not send ${String(value.type)}.`);
  return value;
}

/** Bytes that a close frame holds beside its code. */
const maxCloseReasonLength = 120;

/** Takes an operation from those that are under way, unless another one has its id by now. */
function forget(operations: Map<string, RunningOperation>, id: string, payload: unknown): void {
  if (operations.get(id)?.payload === payload) operations.delete(id);
}

/** The id that a message completes; null when it is another message. */
function completedId(text: string): string | null {
  if (!text.includes(`"${MessageType.Complete}"`)) return null;
  try {
    const message = parseMessage(text);
    return message.type === MessageType.Complete ? message.id : null;
  } catch {
    // graphql-ws closes the socket for it.
    return null;
  }
}

/**
 * Which answer an upgrade request gets instead of a socket. A browser says from which page it comes, and pages of other
 * origins must not use a gateway that only its user's machine can reach.
 */
function refusalOf(
  request: IncomingMessage,
  { corsOrigins, servesHost }: Pick<WebSocketOptions, 'corsOrigins' | 'servesHost'>,
): string | null {
  const path = request.url?.split('?', 1)[0];
  if (path !== graphqlPath) return '404 Not Found';
  const refused = refusalOfHost(request.headers.host, servesHost);
  if (refused !== null) return `${refused.status} ${STATUS_CODES[refused.status]}`;
  const origin = headerOf(request, 'origin');
  if (origin === null || corsOrigins.includes(origin)) return null;
  const own = URL.canParse(origin) && new URL(origin).host === headerOf(request, 'host');
  return own ? null : '403 Forbidden';
}

const headerOf = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
};

const tooManyOperations = (most: number) =>
  new RateLimitedError({ message: `At most ${most} operations may be under way on one socket.` });
