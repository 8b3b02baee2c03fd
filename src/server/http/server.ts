import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { checkHostHeader, type IsAllowedHost } from '../../runtime/host-header.ts';
import type { Logger } from '../../runtime/logger.ts';
import { requestIdOf } from '../../runtime/request-id.ts';
import { RequestLog } from '../../runtime/request-log.ts';
import type { TraceSpan, Tracing } from '../../tracing/trace.ts';
import type { ConnectionRegistry } from '../connections/connection-registry.ts';
import type { SendBuffers } from '../connections/send-buffers.ts';
import { internalError, logUnexpected } from '../graphql/error-mask.ts';
import { endFailedConnection, maxHeaderBytes } from './client-error.ts';
import type { Cors } from './cors.ts';
import { CountedResponse } from './counted-response.ts';
import { createLingering } from './lingering-close.ts';
import { foreignPage } from './origin.ts';
import { eventStreamPath, filesPath, graphqlPath, notFound, pathOf } from './paths.ts';
import { type DependencyState, readinessOf, statusOfReadiness } from './readiness.ts';
import { UpgradableRequest } from './upgrade.ts';

type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  log: RequestLog,
  trace: TraceSpan | null,
) => Promise<void> | undefined;

/** Serves a path if it is one of its own. @returns null if it is another path */
type PathHandler = (
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void> | undefined | null;

export interface HttpServerOptions {
  readonly graphql: Handler;
  readonly files: Handler;
  /** Null: the console is off. */
  readonly console: PathHandler | null;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** The states of the services on which the gateway depends. */
  readonly dependencies: () => readonly DependencyState[];
  /** Whether the paths for operators (`/metrics`, `/healthz`, `/readyz`) have a port of their own. */
  readonly hasAdminPort: boolean;
  readonly isAllowedHost: IsAllowedHost;
  /** Whether the page that made a browser send this GET may use the gateway. */
  readonly isAllowedPage: (request: IncomingMessage) => boolean;
  readonly cors: Pick<Cors, 'allow'>;
  /** Maximum idle time of a connection between two requests, in milliseconds. */
  readonly keepAliveTimeoutMs: number;
  readonly buffers: SendBuffers;
  /** Time on the connections to clients. */
  readonly clock: Pick<Clock, 'deadline'>;
  readonly logger: Logger;
  /** Null: requests are not traced. */
  readonly tracing: Tracing | null;
}

export interface HttpServer {
  readonly server: Server;
  /** @throws the error of `listen`, with its `code`: `EADDRINUSE`, `EACCES`, … */
  listen(options: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Serves the paths for operators on a port of their own.
   * @throws the error of `listen`, with its `code`
   */
  listenForOperators(options: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /** Stops to serve the paths for operators. */
  closeForOperators(): Promise<void>;
  /** Makes `/readyz` return 503, so that the load balancer sends no new requests. */
  startDraining(): void;
  /**
   * Stops listening, and ends long-lived connections within most of `drainMs`. Waits for requests in flight until
   * `drainMs` have passed. Remaining connections are then destroyed.
   */
  close(options: {
    readonly clock: Clock;
    readonly drainMs: number;
    readonly connections: Pick<ConnectionRegistry, 'drain'>;
  }): Promise<void>;
}

/** Time within which a whole request must arrive, in milliseconds. A response may take longer. */
const requestTimeoutMs = 30_000;
/** Options of Node's server. */
const serverOptions = {
  requestTimeout: requestTimeoutMs,
  maxHeaderSize: maxHeaderBytes,
  IncomingMessage: UpgradableRequest,
  ServerResponse: CountedResponse,
} as const;
/** The part of the drain in which clients are disconnected. In the rest, the last requests can finish. */
const leavingShare = 0.8;

/** The HTTP server: it routes each path to its handler, and applies the rules of all paths. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const {
    graphql,
    files,
    console,
    metrics,
    dependencies,
    hasAdminPort,
    keepAliveTimeoutMs,
    isAllowedHost,
    isAllowedPage,
    cors,
    buffers,
    clock,
    logger,
    tracing,
  } = options;
  /**
   * Connections, also those of WebSockets, with the responses that have not ended: one, or those of pipelined requests.
   * A Set would keep responses that were removed reachable until V8 collects its earlier tables.
   */
  const sockets = new Map<Socket, CountedResponse[]>();
  const lingering = createLingering(clock);
  let draining = false;

  const logOf = ({ headers }: IncomingMessage): RequestLog =>
    new RequestLog(logger, requestIdOf(headers['x-request-id']));

  const sendReadiness = (response: ServerResponse): void => {
    const readiness = readinessOf(dependencies(), draining);
    send(response, statusOfReadiness(readiness), 'application/json', `${JSON.stringify(readiness)}\n`);
  };

  /** Serves a path for operators. @returns null if it is another path */
  const serveOperator = (path: string, response: ServerResponse): Promise<void> | undefined | null => {
    switch (path) {
      case '/healthz':
        sendText(response, 200, 'ok');
        return undefined;
      case '/readyz':
        sendReadiness(response);
        return undefined;
      case '/metrics':
        return metrics().then(({ contentType, body }) => {
          response.writeHead(200, { 'content-type': contentType }).end(body);
        });
      default:
        return null;
    }
  };

  const route = (request: IncomingMessage, response: ServerResponse, log: RequestLog): ReturnType<Handler> => {
    const path = pathOf(request);
    const wrongHost = checkHostHeader(request.headers.host, isAllowedHost);
    const isGraphql = path === graphqlPath || path === eventStreamPath;
    cors.allow(request, response);
    if (wrongHost !== null) {
      sendErrors(response, wrongHost.status, wrongHost.message, { code: 'BAD_REQUEST', retryable: false });
    } else if (isGraphql) {
      if (request.method === 'GET' && !isAllowedPage(request)) {
        sendErrors(response, foreignPage.status, foreignPage.text, { code: 'FORBIDDEN', retryable: false });
        return undefined;
      }
      if (isStrippedHandshake(request)) {
        if (path !== graphqlPath) {
          sendText(response, 404, notFound);
          return undefined;
        }
        response.setHeader('upgrade', 'websocket');
        response.setHeader('connection', 'Upgrade');
        sendText(response, 426, strippedHandshake);
        return undefined;
      }
      response.setHeader('cache-control', 'no-store');
      return graphql(request, response, log, tracing === null ? null : startTrace(tracing, request, response, path));
    } else if (path.startsWith(filesPath)) {
      return files(
        request,
        response,
        log,
        tracing === null ? null : startTrace(tracing, request, response, filesRoute),
      );
    } else {
      const served = hasAdminPort ? null : serveOperator(path, response);
      if (served !== null) return served;
      const page = console === null ? null : console(path, request, response);
      if (page !== null) return page;
      sendText(response, 404, notFound);
    }
    return undefined;
  };

  const fail = (request: IncomingMessage, response: ServerResponse, log: RequestLog, error: unknown): void => {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    cors.allow(request, response);
    const extensions = logUnexpected(log.logger, error, 'a request failed');
    sendErrors(response, 500, internalError, extensions);
  };

  const release = (response: CountedResponse, socket: Socket): void => {
    response.countOut();
    const responses = sockets.get(socket) ?? [];
    const index = responses.indexOf(response);
    if (index >= 0) responses.splice(index, 1);
  };

  const server = createServer({ ...serverOptions, keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    const { socket } = request;
    response.countIn(buffers);
    sockets.get(socket)?.push(response);
    response.on('close', () => {
      release(response, socket);
      // A response that had begun before could not announce that its connection ends with it.
      if (draining) server.closeIdleConnections();
    });
    const log = logOf(request);
    response.setHeader('x-request-id', log.requestId);
    // The client of a WebSocket sends nothing more, and may wait for the end of a connection that became none.
    if (request.missesWebSocket) response.setHeader('connection', 'close');
    lingering.limit(request, response);
    try {
      route(request, response, log)?.catch((error: unknown) => fail(request, response, log, error));
    } catch (error) {
      fail(request, response, log, error);
    }
  });

  // A client that waits for `100 Continue` receives it when its body is read. Without it, no body follows the response.
  server.on('checkContinue', (request, response) => {
    response.setHeader('connection', 'close');
    request.onRead = () => {
      if (response.headersSent) return;
      if (!draining) response.removeHeader('connection');
      response.writeContinue();
    };
    server.emit('request', request, response);
  });

  server.on('clientError', (error, socket) => {
    // A server over TCP has sockets of net alone.
    const connection = socket as Socket;
    const begun = (sockets.get(connection) ?? []).some(({ headersSent }) => headersSent);
    endFailedConnection(connection, error, { clock, begun });
  });

  server.on('connection', (socket) => {
    const responses: CountedResponse[] = [];
    sockets.set(socket, responses);
    socket.on('close', () => {
      // Node closes the response that is being sent, and none of those that wait for it.
      for (const response of [...responses]) release(response, socket);
      sockets.delete(socket);
    });
    lingering.attach(socket);
  });

  const operators = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    const log = logOf(request);
    response.setHeader('x-request-id', log.requestId);
    const wrongHost = checkHostHeader(request.headers.host, isAllowedHost);
    if (wrongHost !== null) {
      sendText(response, wrongHost.status, wrongHost.message);
      return;
    }
    const served = serveOperator(pathOf(request), response);
    if (served === null) sendText(response, 404, 'not found: this port serves /metrics, /healthz and /readyz');
    else served?.catch((error: unknown) => fail(request, response, log, error));
  });

  return {
    server,
    listen: (address) => listenOn(server, address),
    listenForOperators: (address) => listenOn(operators, address),
    closeForOperators: () =>
      new Promise((resolve) => {
        operators.close(() => resolve());
        operators.closeAllConnections();
      }),
    startDraining: () => {
      draining = true;
    },
    close: async ({ clock, drainMs, connections }) => {
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const responses of sockets.values()) {
        for (const response of responses) if (!response.headersSent) response.setHeader('connection', 'close');
      }
      server.closeIdleConnections();
      // Browsers open connections in advance. Node does not count one as idle before its first request.
      for (const socket of sockets.keys()) if (socket.bytesRead === 0) socket.destroy();
      using deadline = clock.deadline(drainMs);
      deadline.signal.addEventListener('abort', () => {
        for (const socket of sockets.keys()) socket.destroy();
      });
      await Promise.all([closed, connections.drain(drainMs * leavingShare)]);
    },
  };
}

const listenOn = (
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ readonly host: string; readonly port: number }> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // A server that listens on a port has an AddressInfo, never a pipe's name.
      const address = server.address() as AddressInfo;
      resolve({ host, port: address.port });
    });
  });

/** The path of a download without its link, which contains a credential. */
const filesRoute = `${filesPath}{token}/{name}`;

/** Begins the span of a request, which ends with its response. */
function startTrace(tracing: Tracing, request: IncomingMessage, response: ServerResponse, route: string): TraceSpan {
  const { method = '', headers } = request;
  const span = tracing.startRequest({ method, route, headers });
  if (!span.isRecording) return span;
  response.once('close', () => {
    if (response.headersSent) span.endWithStatus(response.statusCode);
    else span.end('aborted');
  });
  return span;
}

/** A proxy removed the headers of the upgrade, so that the handshake would look like a query without a document. */
const isStrippedHandshake = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers['sec-websocket-key'] !== undefined;

const strippedHandshake =
  'This WebSocket handshake arrived without its headers Upgrade and Connection. The proxy in front must forward them.';

function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${text}\n`);
}

interface ErrorExtensions {
  readonly code: string;
  readonly retryable: boolean;
  readonly errorId?: string;
}

function sendErrors(response: ServerResponse, status: number, message: string, extensions: ErrorExtensions): void {
  const body = JSON.stringify({ errors: [{ message, extensions }] });
  send(response, status, 'application/json', body);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'content-type': contentType, 'content-length': length, 'cache-control': 'no-store' });
  response.end(body);
}
