import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';

/** Time for which a client may continue to send after its response, in milliseconds. */
const lingerMs = 2_000;
/** Pause between two checks of the received bytes, in milliseconds. */
const lookMs = 100;
/** Maximum number of bytes that a client may send after its response. */
const maxLingerBytes = 32 * 1024 * 1024;

type LingerClock = Pick<Clock, 'deadline'>;

/**
 * Lets clients read responses that are sent before the whole request has arrived: `413`, `401`, `415`, and others that
 * do not depend on the body. An operating system that closes a connection with unread bytes resets it, and the client's
 * system then drops the response, even if it has arrived. The rest of the body is therefore read and dropped, within
 * limits, before the connection is closed or reused.
 */
export interface Lingering {
  /** Makes Node's end of a connection wait for the rest of a body. Call it once for each connection. */
  attach(socket: Socket): void;
  /** Limits what may follow the response. Call it for each request. */
  limit(request: IncomingMessage, response: ServerResponse): void;
}

export function createLingering(clock: LingerClock): Lingering {
  /** The request that was parsed last. Only its body can be incomplete. */
  const latest = new WeakMap<Socket, IncomingMessage>();
  return {
    attach: (socket) => {
      const destroySoon = socket.destroySoon.bind(socket);
      // Node calls this after the last response of a connection.
      socket.destroySoon = () => {
        const request = latest.get(socket);
        if (request === undefined || request.complete) {
          destroySoon();
          return;
        }
        socket.end();
        lingerBeforeClosing(socket, clock);
        request.once('end', () => socket.destroy());
        request.resume();
      };
    },
    limit: (request, response) => {
      const { socket } = request;
      latest.set(socket, request);
      response.once('finish', () => {
        // The side of the gateway has ended where the connection closes after this response.
        if (request.complete || socket.writableEnded) return;
        const limit = limitRest(socket, clock);
        request.once('end', () => limit[Symbol.dispose]());
        request.resume();
      });
    },
  };
}

/** Closes a connection whose writable side has ended, once its client has closed its side or sent too much. */
export function lingerBeforeClosing(socket: Socket, clock: LingerClock): void {
  limitRest(socket, clock);
  socket.once('end', () => socket.destroy());
}

/** Destroys a socket over which too much arrives, or for too long, until the limit is disposed. */
function limitRest(socket: Socket, clock: LingerClock): Disposable {
  const mostBytes = socket.bytesRead + maxLingerBytes;
  let looksLeft = lingerMs / lookMs;
  let next = clock.deadline(lookMs);
  const look = () => {
    looksLeft -= 1;
    if (looksLeft === 0 || socket.bytesRead > mostBytes) {
      socket.destroy();
      return;
    }
    next = clock.deadline(lookMs);
    next.signal.addEventListener('abort', look);
  };
  next.signal.addEventListener('abort', look);
  const stop = () => {
    next[Symbol.dispose]();
    socket.off('close', stop);
  };
  socket.once('close', stop);
  return { [Symbol.dispose]: stop };
}
