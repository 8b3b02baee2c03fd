import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { MemoryHolder } from '../../../observation/operation-record.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { RequestId } from '../../../runtime/request-id.ts';
import {
  afterPendingReads,
  type ConnectionRegistry,
  type LongLivedConnection,
} from '../../connections/connection-registry.ts';
import {
  type CountedBuffer,
  maxBufferedBytes,
  progressOf,
  type SendBuffer,
  type SendBuffers,
} from '../../connections/send-buffers.ts';
import type { SubscriptionEnd } from '../../sharing/end-reason.ts';
import { type HoldMemory, IncompleteMessage } from './incoming.ts';

/** The part of a socket that sends. */
export interface SocketSender {
  /** False while the socket closes and after it: messages do not arrive then. */
  readonly open: boolean;
  /**
   * Sends a message. Messages of one turn of the event loop are sent in one write.
   * @returns a promise that resolves when there is room for the next message, which should be created only then;
   *   undefined if there is room
   */
  send(data: string): Promise<void> | undefined;
  /**
   * Resolves when the client has at most 64 KiB left to read, or the socket has closed; undefined if this is already
   * so.
   */
  room(): Promise<void> | undefined;
  /** Names the caller that the socket is for. */
  belongsTo(caller: MemoryHolder, requestId: RequestId): void;
  /** @param end the reason for the end of its subscriptions */
  close(code: number, reason: string, end: SubscriptionEnd): void;
  /** The reason for the end of its subscriptions. Read it only when the socket is not open. */
  readonly end: SubscriptionEnd;
}

/** Time for a client's close frame after the gateway has closed the socket, in milliseconds. */
const closeTimeoutMs = 2_000;

/** Maximum number of bytes that wait in a socket before its next event is read. Later events are merged until then. */
const maxWaitingBytes = 64 * 1_024;

/**
 * Close code while the gateway shuts down. Clients of `graphql-transport-ws` connect again after this code and the
 * next.
 */
const goingAway = 1001;
/** Code with which ws reports a connection that ended without a close frame. */
const noCloseFrame = 1006;
/** Length of the header of a ping or pong of a client, in bytes. */
const maxControlHeaderBytes = 6;
/** The client sends too many operations, or does not read their results. */
export const tryAgainLater = 1013;

export interface SocketDeps {
  readonly connections: ConnectionRegistry;
  readonly buffers: SendBuffers;
  readonly clock: Pick<Clock, 'deadline'>;
  readonly holdMemory: HoldMemory;
  /** The connection under the socket. */
  readonly stream: Pick<
    Socket,
    'bytesWritten' | 'cork' | 'prependListener' | 'uncork' | 'writable' | 'writableCorked' | 'writableLength'
  >;
}

/**
 * Keeps a socket alive with pings. It is closed if its client does not respond to them, or does not read its results.
 */
export class KeepAliveSocket implements SocketSender, LongLivedConnection, SendBuffer {
  readonly transport = 'websocket';
  readonly #socket: WebSocket;
  readonly #clock: SocketDeps['clock'];
  readonly #stream: SocketDeps['stream'];
  readonly #counted: CountedBuffer;
  readonly #incoming: IncompleteMessage;
  /** Resolves when the last message that did not fit has been sent. */
  #sending: Promise<void> | undefined;
  /** Null until the gateway closes the socket, or its client has. */
  #end: SubscriptionEnd | null = null;
  #sentPings = 0;
  #acknowledgedPings = 0;

  constructor(socket: WebSocket, { connections, buffers, clock, holdMemory, stream }: SocketDeps) {
    this.#socket = socket;
    this.#clock = clock;
    this.#stream = stream;
    const membership = connections.add(this);
    this.#counted = buffers.add(this);
    this.#incoming = new IncompleteMessage(holdMemory);
    // Before the listener of ws, which emits the messages that a chunk completes.
    stream.prependListener('data', (chunk: Buffer) => this.#receive(chunk.length));
    socket.on('message', () => this.#incoming.end());
    socket.on('pong', (data) => {
      this.#incoming.exclude(data.length + maxControlHeaderBytes);
      this.#acknowledgedPings = this.#sentPings;
    });
    // ws responds to pings itself, also to pings of a client that does not read the responses.
    socket.on('ping', (data) => {
      this.#incoming.exclude(data.length + maxControlHeaderBytes);
      this.#hasRoom();
    });
    // ws closes the socket itself after a violation of the protocol.
    socket.on('error', () => this.#endBy('protocol_error'));
    socket.on('close', (code) => {
      this.#endBy(code === noCloseFrame ? 'disconnected' : 'client_closed');
      membership[Symbol.dispose]();
      this.#incoming.end();
      this.#counted[Symbol.dispose]();
    });
  }

  get open(): boolean {
    // ws learns of a lost connection later than the callbacks of its writes.
    return this.#socket.readyState === this.#socket.OPEN && this.#stream.writable;
  }

  get end(): SubscriptionEnd {
    if (this.#end !== null) return this.#end;
    // A close frame has arrived while the connection is still intact.
    return this.#stream.writable ? 'client_closed' : 'disconnected';
  }

  send(data: string): Promise<void> | undefined {
    const socket = this.#socket;
    // A message that cannot be sent is no failure, because the socket closes and its operations end.
    if (!this.open || !this.#hasRoom()) return undefined;
    writeTogether(this.#stream);
    if (socket.bufferedAmount + data.length > maxWaitingBytes) {
      this.#sending = new Promise((resolve) => socket.send(data, () => resolve()));
      this.#counted.written();
      return this.#sending;
    }
    socket.send(data);
    this.#counted.written();
    return undefined;
  }

  room(): Promise<void> | undefined {
    return this.open && this.#socket.bufferedAmount > maxWaitingBytes ? this.#sending : undefined;
  }

  close(code: number, reason: string, end: SubscriptionEnd): void {
    const socket = this.#socket;
    if (socket.readyState >= socket.CLOSING) return;
    this.#endBy(end);
    const deadline = this.#clock.deadline(closeTimeoutMs);
    deadline.signal.addEventListener('abort', () => socket.terminate());
    socket.once('close', () => deadline[Symbol.dispose]());
    socket.close(code, reason);
  }

  belongsTo(caller: MemoryHolder, requestId: RequestId): void {
    this.#counted.belongsTo(caller.principal, requestId);
    this.#incoming.belongsTo(caller);
  }

  get waitingBytes(): number {
    return this.#socket.bufferedAmount;
  }

  get progress(): number {
    return progressOf(this.#stream);
  }

  /** Its client does not read, and would not read a close frame either. */
  cut(): void {
    this.#endBy('too_slow');
    this.#socket.terminate();
  }

  ping(): void {
    if (this.#acknowledgedPings === this.#sentPings) {
      this.#sentPings += 1;
      this.#socket.ping();
      return;
    }
    const last = this.#sentPings;
    afterPendingReads(() => {
      if (this.#acknowledgedPings >= last) return;
      this.#endBy('unresponsive');
      this.#socket.terminate();
    });
  }

  goAway(): void {
    this.close(goingAway, 'Going away.', 'shutting_down');
  }

  #receive(bytes: number): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    try {
      this.#incoming.grow(bytes);
    } catch {
      this.close(tryAgainLater, 'Too many incomplete messages.', 'protocol_error');
    }
  }

  #hasRoom(): boolean {
    if (this.#socket.bufferedAmount <= maxBufferedBytes) return true;
    this.close(tryAgainLater, 'Too many unread bytes.', 'too_slow');
    return false;
  }

  /** The first reason counts, because the others follow from it. */
  #endBy(end: SubscriptionEnd): void {
    this.#end ??= end;
  }
}

/** Streams that buffer their writes until the turn of the event loop is over. */
const corked: SocketDeps['stream'][] = [];

/**
 * Makes one write of all messages to a socket in one turn, because a round of polling can bring many events at once.
 */
function writeTogether(stream: SocketDeps['stream']): void {
  if (stream.writableCorked > 0) return;
  if (corked.length === 0) setImmediate(uncorkAll);
  stream.cork();
  corked.push(stream);
}

function uncorkAll(): void {
  for (const stream of corked.splice(0)) stream.uncork();
}
