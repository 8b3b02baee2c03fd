import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Clock } from '../runtime/clock.ts';
import { maxBufferedBytes } from './live-body.ts';
import { afterReading, type LiveConnection, type LiveConnections } from './live-connections.ts';
import { type CountedBuffer, progressOf, type SendBuffer, type SendBuffers } from './send-buffers.ts';

/** The part of a socket that sends. */
export interface SocketSender {
  /** Whether it is neither closed nor being closed: what is sent over another one does not arrive. */
  readonly open: boolean;
  /**
   * What is returned resolves when the client's side has room again, so that what an operation tells next is made only
   * then; undefined: there is room. Messages of one turn of the event loop are sent in one write.
   */
  send(data: string): Promise<void> | undefined;
  /** Resolves when at most 64 KiB wait to be read by the client, or none can be sent any more; undefined: that is so. */
  room(): Promise<void> | undefined;
  /** Names the caller that the socket is for. */
  belongsTo(principal: string): void;
  close(code?: number, reason?: string): void;
}

/** How long a client may take to answer the end of its socket, in milliseconds. */
const closeTimeoutMs = 2_000;

/** Bytes that may wait in a socket before the next event is taken for it: what comes meanwhile is merged. */
const maxWaitingBytes = 64 * 1_024;

/** The gateway goes down. Clients of `graphql-transport-ws` connect again after this code and the next. */
const goingAway = 1001;
/** The client sends too many operations, or does not read their results. */
export const tryAgainLater = 1013;

export interface SocketDeps {
  readonly connections: LiveConnections;
  readonly buffers: SendBuffers;
  readonly clock: Pick<Clock, 'deadline'>;
  /** The connection under the socket. */
  readonly stream: Pick<Socket, 'bytesWritten' | 'cork' | 'uncork' | 'writable' | 'writableCorked' | 'writableLength'>;
}

/**
 * Keeps a socket alive with pings, and cuts it off when nobody answers them, or when its client does not read what it
 * asked for.
 */
export class AttendedSocket implements SocketSender, LiveConnection, SendBuffer {
  readonly #socket: WebSocket;
  readonly #clock: SocketDeps['clock'];
  readonly #stream: SocketDeps['stream'];
  readonly #counted: CountedBuffer;
  /** The last message that was more than fits; resolves when it is sent. */
  #sending: Promise<void> | undefined;
  #pings = 0;
  #answered = 0;

  constructor(socket: WebSocket, { connections, buffers, clock, stream }: SocketDeps) {
    this.#socket = socket;
    this.#clock = clock;
    this.#stream = stream;
    const membership = connections.add(this);
    this.#counted = buffers.add(this);
    socket.on('pong', () => {
      this.#answered = this.#pings;
    });
    // ws answers pings by itself, also those of a client that reads no answers.
    socket.on('ping', () => this.#hasRoom());
    socket.on('close', () => {
      membership[Symbol.dispose]();
      this.#counted[Symbol.dispose]();
    });
  }

  get open(): boolean {
    // ws hears that its connection is lost later than those who wait to have sent something over it.
    return this.#socket.readyState === this.#socket.OPEN && this.#stream.writable;
  }

  send(data: string): Promise<void> | undefined {
    const socket = this.#socket;
    // What cannot be sent any more is no failure: the socket is closed, which ends its operations.
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

  close(code?: number, reason?: string): void {
    const socket = this.#socket;
    if (socket.readyState >= socket.CLOSING) return;
    const deadline = this.#clock.deadline(closeTimeoutMs);
    deadline.signal.addEventListener('abort', () => socket.terminate());
    socket.once('close', () => deadline[Symbol.dispose]());
    socket.close(code, reason);
  }

  belongsTo(principal: string): void {
    this.#counted.belongsTo(principal);
  }

  get waitingBytes(): number {
    return this.#socket.bufferedAmount;
  }

  get progress(): number {
    return progressOf(this.#stream);
  }

  /** Its client does not read, and would not read a close frame either. */
  cut(): void {
    this.#socket.terminate();
  }

  beat(): void {
    if (this.#answered === this.#pings) {
      this.#pings += 1;
      this.#socket.ping();
      return;
    }
    const last = this.#pings;
    afterReading(() => {
      if (this.#answered < last) this.#socket.terminate();
    });
  }

  goAway(): void {
    this.close(goingAway, 'Going away.');
  }

  #hasRoom(): boolean {
    if (this.#socket.bufferedAmount <= maxBufferedBytes) return true;
    this.close(tryAgainLater, 'Too much is waiting to be read.');
    return false;
  }
}

/** Streams that hold back what is written to them until the turn of the event loop is over. */
const corked: SocketDeps['stream'][] = [];

/** Makes one write of everything that a socket is sent in one turn: a round of polling can bring many events at once. */
function writeTogether(stream: SocketDeps['stream']): void {
  if (stream.writableCorked > 0) return;
  if (corked.length === 0) setImmediate(uncorkAll);
  stream.cork();
  corked.push(stream);
}

function uncorkAll(): void {
  for (const stream of corked.splice(0)) stream.uncork();
}
