import type { GraphQLError } from 'graphql';
import {
  CloseCode,
  type Message,
  MessageType,
  type PingMessage,
  type PongMessage,
  parseMessage,
  type SubscribeMessage,
  type SubscribePayload,
} from 'graphql-ws';
import { connectionHeaders, type RequestHeaders } from '../../../auth/caller-headers.ts';
import { GatewayError, type GatewayErrorCode, RateLimitedError } from '../../../errors.ts';
import type { MemoryHolder, OperationRecord, OperationRecords } from '../../../observation/operation-record.ts';
import type { Clock, Deadline } from '../../../runtime/clock.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { nthRequestId, type RequestId } from '../../../runtime/request-id.ts';
import { RequestLog } from '../../../runtime/request-log.ts';
import type { TracePosition } from '../../../tracing/trace.ts';
import type { SubscriptionEnd } from '../../sharing/end-reason.ts';
import { type SocketSender, tryAgainLater } from './keep-alive.ts';
import { type OperationSocket, SocketOperation, type SocketOperationDeps } from './operation.ts';

export interface SocketConnectionOptions extends SocketOperationDeps {
  readonly records: OperationRecords;
  readonly logger: Logger;
  /** Maximum number of concurrent operations on one socket. */
  readonly maxOperations: number;
  readonly clock: Pick<Clock, 'deadline'>;
  /**
   * Called when a socket has sent its credential, before it may start an operation.
   * @throws {GatewayError} the socket may not start operations, and is closed
   */
  readonly authorize: (headers: RequestHeaders, log: RequestLog) => Promise<MemoryHolder>;
}

/** The part of the upgrade request that a socket keeps, because the request itself is far larger. */
export interface SocketRequest {
  readonly headers: RequestHeaders;
  readonly requestId: RequestId;
  /** Null: its operations are not traced. */
  readonly trace: TracePosition | null;
}

/** Maximum length of a message before authentication, in characters. Every credential in `connection_init` fits. */
const maxUnauthenticatedLength = 64 * 1024;

/** Time within which a client must send `connection_init`, in milliseconds. */
const connectionInitTimeoutMs = 3_000;

/**
 * Maximum length of the id of an operation, in characters. A subscription keeps its id in memory, and each of its results
 * repeats it.
 */
const maxIdLength = 200;

/** Maximum size of the reason in a close frame, in bytes. ws throws for a longer reason. */
const maxCloseReasonBytes = 123;

/**
 * Maximum length of the operations that wait on one socket until its client reads, in characters. One message may be
 * longer.
 */
const maxQueuedLength = 1_000_000;

/**
 * Error codes that mean that the caller has lost access. They close the whole socket, because all its operations belong
 * to one caller. The error of a single field is part of a result and closes nothing.
 */
const endsSocket: ReadonlySet<unknown> = new Set<GatewayErrorCode>(['TOKEN_EXPIRED', 'FORBIDDEN', 'UNAUTHENTICATED']);

/** The reason for the end of the other operations of a socket after this error of `endsSocket`. */
const endOfSocket = ({ extensions }: GraphQLError): SubscriptionEnd =>
  extensions['code'] === 'TOKEN_EXPIRED' ? 'token_expired' : 'forbidden';

/**
 * Whether the platform rejected the credential of one operation. The rejection can be a mistake of one of its servers,
 * so that the other operations of the socket continue. Their leases check whether the credential is still valid. A
 * confirmed loss of access is TOKEN_EXPIRED or FORBIDDEN.
 */
const isSingleRejection = ({ extensions }: GraphQLError): boolean =>
  extensions['code'] === 'UNAUTHENTICATED' && extensions['upstream'] !== undefined;

/**
 * One socket, in the protocol `graphql-transport-ws`. An idle subscription consists of two small objects, an operation
 * and its push subscription. The server of graphql-ws keeps a suspended call, iterators and promises for it: see
 * `test/bench/results/websocket-server.md`.
 */
export class SocketConnection implements OperationSocket {
  readonly #options: SocketConnectionOptions;
  readonly #sender: SocketSender;
  readonly trace: TracePosition | null;
  /** Headers of the upgrade request, later with those of `connection_init`. */
  #headers: RequestHeaders;
  /** Null after `connection_init`. */
  #initDeadline: Deadline | null;
  #acknowledged = false;
  /** A list takes a quarter of the memory of a map, and most sockets have one. */
  #operations: readonly SocketOperation[] = [];
  /** Operations that start in sequence after the client has read earlier results. */
  #queue: readonly QueuedOperation[] = [];
  #draining = false;
  readonly #requestId: RequestId;
  #begun = 0;

  constructor(options: SocketConnectionOptions, sender: SocketSender, { headers, requestId, trace }: SocketRequest) {
    this.#options = options;
    this.#sender = sender;
    this.#headers = headers;
    this.trace = trace;
    this.#requestId = requestId;
    this.#initDeadline = options.clock.deadline(connectionInitTimeoutMs);
    this.#initDeadline.signal.addEventListener('abort', () =>
      sender.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout', 'unresponsive'),
    );
  }

  /**
   * Handles a message of the client.
   * @throws {Error} a fault of the gateway, not of the message
   */
  async receive(text: string): Promise<void> {
    if (!this.#acknowledged && text.length > maxUnauthenticatedLength) {
      this.#close(CloseCode.BadRequest, 'Message too long before the connection is acknowledged');
      return;
    }
    let message: Message;
    try {
      message = readMessage(text);
    } catch {
      this.#rejectMessage();
      return;
    }
    switch (message.type) {
      case MessageType.ConnectionInit:
        await this.#init(message.payload);
        return;
      case MessageType.Ping: {
        const pong = pongTo(message);
        if (pong === null) this.#rejectMessage();
        else void this.send(pong);
        return;
      }
      case MessageType.Pong:
        return;
      case MessageType.Subscribe:
        await this.#subscribe(message, text.length);
        return;
      case MessageType.Complete:
        this.#find(message.id)?.cancel('client_completed');
        return;
      case MessageType.ConnectionAck:
      case MessageType.Next:
      case MessageType.Error:
        this.#rejectMessage();
        return;
    }
  }

  /** The socket is closed. */
  closed(): void {
    this.#initDeadline?.[Symbol.dispose]();
    for (const operation of this.#operations) operation.cancel(this.end);
  }

  get open(): boolean {
    return this.#sender.open;
  }

  get end(): SubscriptionEnd {
    return this.#sender.end;
  }

  send(message: string): Promise<void> | undefined {
    return this.#sender.send(message);
  }

  ended(operation: SocketOperation): void {
    this.#operations = this.#operations.filter((each) => each !== operation);
    if (this.#queue.length > 0) this.#queue = this.#queue.filter((queued) => queued.operation !== operation);
  }

  failed(errors: readonly GraphQLError[]): void {
    const last = errors.find((error) => endsSocket.has(error.extensions['code']) && !isSingleRejection(error));
    // Clients retry with a new token after 4403.
    if (last !== undefined) this.#close(CloseCode.Forbidden, last.message, endOfSocket(last));
  }

  async #init(params: unknown): Promise<void> {
    if (this.#initDeadline === null) {
      this.#close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests');
      return;
    }
    this.#initDeadline[Symbol.dispose]();
    this.#initDeadline = null;
    this.#headers = connectionHeaders(params, this.#headers);
    try {
      const caller = await this.#options.authorize(
        this.#headers,
        new RequestLog(this.#options.logger, this.#requestId),
      );
      this.#sender.belongsTo(caller, this.#requestId);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // Clients retry after both codes, with new parameters after 4403.
      this.#close(error instanceof RateLimitedError ? tryAgainLater : CloseCode.Forbidden, error.message, 'forbidden');
      return;
    }
    this.#acknowledged = true;
    void this.send(JSON.stringify({ type: MessageType.ConnectionAck }));
  }

  async #subscribe({ id, payload }: SubscribeMessage, length: number): Promise<void> {
    if (id.length > maxIdLength) {
      this.#close(CloseCode.BadRequest, `The id has more than ${maxIdLength} characters`);
      return;
    }
    if (!this.#acknowledged) {
      this.#close(CloseCode.Unauthorized, 'Unauthorized');
      return;
    }
    if (this.#find(id) !== undefined) {
      this.#close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`);
      return;
    }
    const { maxOperations } = this.#options;
    const full = this.#operations.length >= maxOperations;
    const operation = new SocketOperation(id, this, this.#options, this.#begin());
    this.#operations = [...this.#operations, operation];
    if (full) operation.fail(tooManyOperations(maxOperations));
    else if (this.#sender.room() === undefined) await operation.run(payload, this.#headers, length);
    else await this.#enqueue({ operation, payload, length });
  }

  /** Begins the record of the next operation. */
  #begin(): OperationRecord {
    const { records, logger } = this.#options;
    this.#begun += 1;
    return records.begin(new RequestLog(logger, nthRequestId(this.#requestId, this.#begun)), 'websocket');
  }

  /** Runs an operation after the client has read what it requested before. */
  async #enqueue(queued: QueuedOperation): Promise<void> {
    const length = this.#queue.reduce((sum, each) => sum + each.length, 0);
    if (length > 0 && length + queued.length > maxQueuedLength) {
      this.#close(
        tryAgainLater,
        'Too many operations are waiting, because the client does not read responses.',
        'too_slow',
      );
      return;
    }
    this.#queue = [...this.#queue, queued];
    if (this.#draining) return;
    this.#draining = true;
    for (;;) {
      const room = this.#sender.room();
      if (room !== undefined) {
        await room;
        continue;
      }
      const [next, ...rest] = this.#queue;
      if (next === undefined) break;
      this.#queue = rest;
      await next.operation.run(next.payload, this.#headers, next.length);
    }
    this.#draining = false;
  }

  #find(id: string): SocketOperation | undefined {
    return this.#operations.find((operation) => operation.id === id);
  }

  #rejectMessage(): void {
    this.#close(CloseCode.BadRequest, 'Invalid message received');
  }

  #close(code: number, reason: string, end: SubscriptionEnd = 'protocol_error'): void {
    const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(maxCloseReasonBytes));
    this.#sender.close(code, reason.slice(0, read), end);
  }
}

interface QueuedOperation {
  readonly operation: SocketOperation;
  readonly payload: SubscribePayload;
  /** Length of its message in characters. */
  readonly length: number;
}

/** @throws {Error} the text is no message of the protocol */
function readMessage(text: string): Message {
  const value: unknown = JSON.parse(text);
  // The protocol allows only objects as payload of these two, but old Apollo Routers send text.
  return isHeartbeat(value) ? value : parseMessage(value);
}

const isHeartbeat = (value: unknown): value is PingMessage | PongMessage =>
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  (value.type === MessageType.Ping || value.type === MessageType.Pong);

/** @returns null if the payload is nested too deeply, because `JSON.parse` reads more levels than can be written */
function pongTo({ payload }: PingMessage): string | null {
  try {
    return JSON.stringify({ type: MessageType.Pong, ...(payload === undefined ? {} : { payload }) });
  } catch {
    return null;
  }
}

const tooManyOperations = (most: number) =>
  new RateLimitedError({ message: `At most ${most} operations can run on one socket.` });
