import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import { refusalOfHost, type ServesHost } from '../runtime/host.ts';
import type { Logger } from '../runtime/logger.ts';
import { filesPath } from './files.ts';
import type { LiveConnections } from './live-connections.ts';
import { eventStreamPath } from './plugins/use-single-connection.ts';
import { graphqlPath } from './server-context.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface HttpServerOptions {
  readonly graphql: Handler;
  readonly files: Handler;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly servesHost: ServesHost;
  readonly logger: Logger;
}

export interface HttpServer {
  readonly server: Server;
  /** @throws the error of `listen`, with its `code`: `EADDRINUSE`, `EACCES`, … */
  listen(options: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /** Says on `/readyz` that no new work should come here. */
  startDraining(): void;
  /**
   * Stops listening, and sends away whoever has a connection that would never end by itself, in most of the time that
   * there is. Waits for requests in flight, until `drainMs` have passed; what is left then is cut off.
   */
  close(options: {
    readonly clock: Clock;
    readonly drainMs: number;
    readonly connections: Pick<LiveConnections, 'drain'>;
  }): Promise<void>;
}

/** Time for a whole request to arrive. An answer may take longer. */
const requestTimeoutMs = 30_000;
/** Which part of the drain clients are sent away in; the rest is for the last ones to finish. */
const leavingShare = 0.8;

/** The HTTP host: which path is answered by whom, and what holds for all of them. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { graphql, files, metrics, servesHost, logger } = options;
  const active = new Set<ServerResponse>();
  /** Those of WebSockets too. */
  const sockets = new Set<Socket>();
  let draining = false;

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const refusal = refusalOfHost(request.headers.host, servesHost);
    if (refusal !== null) {
      sendErrors(response, refusal.status, refusal.message, 'BAD_REQUEST');
    } else if (path === graphqlPath || path === eventStreamPath) {
      await graphql(request, response);
    } else if (path.startsWith(filesPath)) {
      await files(request, response);
    } else if (path === '/healthz') {
      sendText(response, 200, 'ok');
    } else if (path === '/readyz') {
      sendText(response, draining ? 503 : 200, draining ? 'shutting down' : 'ready');
    } else if (path === '/metrics') {
      const { contentType, body } = await metrics();
      response.writeHead(200, { 'content-type': contentType }).end(body);
    } else {
      sendText(response, 404, 'not found');
    }
  };

  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    active.add(response);
    response.on('close', () => {
      active.delete(response);
      // An answer that had begun before could not announce that its connection ends with it.
      if (draining) server.closeIdleConnections();
    });
    response.setHeader('x-request-id', requestIdOf(request));
    route(request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) {
        response.destroy();
      } else {
        logger.error({ err: error }, 'a request failed');
        sendErrors(response, 500, 'Internal error.', 'INTERNAL_SERVER_ERROR');
      }
    });
  });

  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  return {
    server,
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          // A server that listens on a port has an AddressInfo, never a pipe's name.
          const address = server.address() as AddressInfo;
          resolve({ host, port: address.port });
        });
      }),
    startDraining: () => {
      draining = true;
    },
    close: async ({ clock, drainMs, connections }) => {
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const response of active) if (!response.headersSent) response.setHeader('connection', 'close');
      server.closeIdleConnections();
      // Browsers open connections in advance. Node does not count one as idle before its first request.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      using deadline = clock.deadline(drainMs);
      deadline.signal.addEventListener('abort', () => {
        for (const socket of sockets) socket.destroy();
      });
      await Promise.all([closed, connections.drain(drainMs * leavingShare)]);
    },
  };
}

/** The caller's request id where it is harmless, so that both sides' logs name the same one. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}

function sendErrors(response: ServerResponse, status: number, message: string, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ message, extensions: { code, retryable: false } }] }));
}
