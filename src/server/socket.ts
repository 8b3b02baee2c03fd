import type { WebSocket } from 'ws';
import type { Clock } from '../runtime/clock.ts';
import { maxBufferedBytes } from './live-body.ts';
import { afterReading, type LiveConnections } from './live-connections.ts';

/** A socket as `graphql-ws` wants to send over it. */
export interface SocketSender {
  /** Resolves when the client's side has room again, so that what an operation tells next is made only then. */
  send(data: string): Promise<void>;
  close(code?: number, reason?: string): void;
}

/** How long a client may take to answer the end of its socket, in milliseconds. */
const closeTimeoutMs = 2_000;

/** The gateway goes down. Clients of `graphql-transport-ws` connect again after this code and the next. */
const goingAway = 1001;
/** The client asks too often, or does not read what it asked for. */
export const tryAgainLater = 1013;

export interface SocketDeps {
  readonly connections: LiveConnections;
  readonly clock: Pick<Clock, 'deadline'>;
}

/**
 * Keeps a socket alive with pings, and cuts it off when nobody answers them, or when its client does not read what it
 * asked for.
 */
export function attendSocket(socket: WebSocket, { connections, clock }: SocketDeps): SocketSender {
  let pings = 0;
  let answered = 0;
  const close = (code?: number, reason?: string) => {
    if (socket.readyState >= socket.CLOSING) return;
    const deadline = clock.deadline(closeTimeoutMs);
    deadline.signal.addEventListener('abort', () => socket.terminate());
    socket.once('close', () => deadline[Symbol.dispose]());
    socket.close(code, reason);
  };
  const hasRoom = (): boolean => {
    if (socket.bufferedAmount <= maxBufferedBytes) return true;
    close(tryAgainLater, 'Too much is waiting to be read.');
    return false;
  };
  const membership = connections.add({
    beat: () => {
      if (answered === pings) {
        pings += 1;
        socket.ping();
        return;
      }
      const last = pings;
      afterReading(() => {
        if (answered < last) socket.terminate();
      });
    },
    goAway: () => close(goingAway, 'Going away.'),
  });
  socket.on('pong', () => {
    answered = pings;
  });
  // ws answers pings by itself, also those of a client that reads no answers.
  socket.on('ping', hasRoom);
  socket.once('close', () => membership[Symbol.dispose]());

  return {
    close,
    send: (data) =>
      new Promise((resolve) => {
        if (socket.readyState !== socket.OPEN || !hasRoom()) resolve();
        // What cannot be sent any more is no failure: the socket is closed, which ends its operations.
        else socket.send(data, () => resolve());
      }),
  };
}
