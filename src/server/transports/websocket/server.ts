import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { callerHeadersOf } from '../../../auth/caller-headers.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { checkHostHeader, type IsAllowedHost } from '../../../runtime/host-header.ts';
import { type RequestId, requestIdOf } from '../../../runtime/request-id.ts';
import { RequestLog } from '../../../runtime/request-log.ts';
import type { Tracing } from '../../../tracing/trace.ts';
import type { ConnectionRegistry } from '../../connections/connection-registry.ts';
import type { SendBuffers } from '../../connections/send-buffers.ts';
import { foreignPage, isFromForeignPage } from '../../http/origin.ts';
import { graphqlPath, notFound, pathOf } from '../../http/paths.ts';
import { endRaw, type RawResponse } from '../../http/raw-response.ts';
import { SocketConnection, type SocketConnectionOptions, type SocketRequest } from './connection.ts';
import type { HoldMemory } from './incoming.ts';
import { KeepAliveSocket } from './keep-alive.ts';
import { handleMessages } from './messages.ts';

export interface WebSocketOptions extends SocketConnectionOptions {
  readonly server: Server;
  /** Origins of browser apps that may connect, besides the gateway's own. */
  readonly corsOrigins: readonly string[];
  readonly isAllowedHost: IsAllowedHost;
  readonly maxMessageBytes: number;
  readonly connections: ConnectionRegistry;
  readonly buffers: SendBuffers;
  readonly holdMemory: HoldMemory;
  readonly clock: Clock;
  /** Null: operations are not traced. */
  readonly tracing: Tracing | null;
}

/**
 * GraphQL over WebSocket (`graphql-transport-ws`) on `/graphql` of an HTTP server. Every operation passes the same
 * pipeline as over HTTP. Disposing closes the remaining sockets.
 */
export function startWebSocketServer(options: WebSocketOptions): AsyncDisposable {
  const { server, maxMessageBytes, connections, buffers, clock, holdMemory, tracing } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, handleProtocols });

  /** Ids of handshakes that are being answered. */
  const requestIds = new WeakMap<IncomingMessage, RequestId>();
  sockets.on('headers', (lines, request) => {
    const id = requestIds.get(request);
    if (id !== undefined) lines.push(`x-request-id: ${id}`);
  });

  const serve = (socket: WebSocket, stream: Socket, request: SocketRequest): void => {
    const { logger } = new RequestLog(options.logger, request.requestId);
    const sender = new KeepAliveSocket(socket, { connections, buffers, clock, holdMemory, stream });
    // ws itself closes the socket after a violation of the protocol.
    socket.on('error', (error) => logger.debug({ err: error }, 'a socket failed'));
    if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
      sender.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable', 'protocol_error');
      return;
    }
    const connection = new SocketConnection(options, sender, request);
    handleMessages(socket, (text) => {
      // A message that arrives after the gateway has closed its side is ignored.
      if (socket.readyState !== socket.OPEN) return;
      connection.receive(text).catch((error: unknown) => {
        logger.error({ err: error }, 'a socket failed');
        sender.close(CloseCode.InternalServerError, 'Internal server error', 'failed');
      });
    });
    socket.on('close', () => connection.closed());
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const rejection = checkUpgrade(request, options);
    if (rejection === null) {
      const kept = socketRequestOf(request, tracing);
      requestIds.set(request, kept.requestId);
      sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, request.socket, kept));
      return;
    }
    // Node no longer serves the socket: an error without a listener would end the process, and a client that does not
    // close its side would keep the socket open.
    socket.on('error', (error) => options.logger.debug({ err: error }, 'a rejected socket failed'));
    socket.once('finish', () => socket.destroy());
    endRaw(socket, rejection);
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

const socketRequestOf = (request: IncomingMessage, tracing: Tracing | null): SocketRequest => ({
  requestId: requestIdOf(request.headers['x-request-id']),
  headers: callerHeadersOf((name) => headerOf(request, name)),
  trace: tracing?.positionOf(request.headers) ?? null,
});

/** The response to a handshake that opens no socket; null: it opens one. */
function checkUpgrade(
  request: IncomingMessage,
  { corsOrigins, isAllowedHost }: Pick<WebSocketOptions, 'corsOrigins' | 'isAllowedHost'>,
): RawResponse | null {
  if (pathOf(request) !== graphqlPath) return { status: 404, text: notFound };
  const wrongHost = checkHostHeader(request.headers.host, isAllowedHost);
  if (wrongHost !== null) return { status: wrongHost.status, text: wrongHost.message };
  if (isFromForeignPage(request, corsOrigins)) return foreignPage;
  // A client that offers only other protocols closes a socket without them, and retries forever.
  const protocols = request.headers['sec-websocket-protocol'];
  if (protocols === undefined || handleProtocols(protocols) !== false) return null;
  return { status: 400, text: `The subprotocol must be ${GRAPHQL_TRANSPORT_WS_PROTOCOL}; ${legacyProtocol}` };
}

const legacyProtocol = 'the legacy subprotocol graphql-ws is not supported.';

const headerOf = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
};
