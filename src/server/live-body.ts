import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { afterReading, type LiveConnections } from './live-connections.ts';
import type { SendBuffers } from './send-buffers.ts';

/** The body of an answer that goes on for as long as its client stays. */
export interface LiveBody {
  readonly stream: Readable;
  /**
   * Sends a frame. Resolves when the client has taken enough of what came before for the next one to be made, so that
   * changes are merged while it is slow.
   * @returns false when nothing more can be sent
   */
  write(frame: string): Promise<boolean>;
  /** Sends a last frame, if there is one, and ends the answer. */
  end(frame?: string): void;
  /** Breaks the answer off. Its client may connect again. */
  cut(): void;
}

/** Sends the body in a response whose headers have been written. A client that leaves, or has left, ends the body. */
export function sendBody({ stream }: LiveBody, response: ServerResponse): void {
  if (response.destroyed) {
    stream.destroy();
    return;
  }
  response.once('close', () => stream.destroy());
  stream.pipe(response);
}

export interface LiveBodyOptions {
  readonly connections: LiveConnections;
  readonly buffers: SendBuffers;
  /** The caller that the body is for. */
  readonly principal: string;
  /** A frame without content. */
  readonly ping: string;
  /** Ends the connection that the answer goes over, when its client takes nothing, or not enough. */
  readonly disconnect: () => void;
  /** Called once, when the response has ended for any reason. */
  readonly onEnd?: () => void;
}

/**
 * Bytes that may wait for a client that does not take them, over any transport: room for one event of each of the
 * operations that a connection may have. Above it, the connection is closed, and the client resumes.
 */
export const maxBufferedBytes = 16 * 1024 * 1024;

/**
 * A body that sends pings while it lasts. When the gateway drains, it ends without the word that its protocol completes
 * with, which clients take for a lost connection and come back.
 */
export function createLiveBody(options: LiveBodyOptions): LiveBody {
  const { connections, buffers, principal, ping, disconnect, onEnd } = options;
  const waiting = new Set<() => void>();
  let pushedBytes = 0;
  let takenAtLastBeat = -1;
  let over = false;

  const proceed = () => {
    for (const resume of waiting) resume();
    waiting.clear();
  };
  const stream = new Readable({ read: proceed });
  const push = (frame: string): boolean => {
    const bytes = Buffer.from(frame);
    pushedBytes += bytes.length;
    const hasRoom = stream.push(bytes);
    counted.written();
    return hasRoom;
  };
  const taken = () => pushedBytes - stream.readableLength;
  const finish = () => {
    if (over) return;
    over = true;
    membership[Symbol.dispose]();
    counted[Symbol.dispose]();
    proceed();
    onEnd?.();
  };
  const end = (frame?: string) => {
    if (over) return;
    if (frame !== undefined) push(frame);
    stream.push(null);
    finish();
  };
  const cut = () => {
    stream.destroy();
    disconnect();
  };
  stream.on('close', finish);
  const counted = buffers.add(
    {
      get waitingBytes() {
        return stream.readableLength;
      },
      get progress() {
        return taken();
      },
      cut,
    },
    principal,
  );

  const membership = connections.add({
    beat: () => {
      const before = taken();
      if (stream.readableLength === 0 || before !== takenAtLastBeat) {
        takenAtLastBeat = before;
        push(ping);
        return;
      }
      afterReading(() => {
        if (!over && taken() === before) cut();
      });
    },
    goAway: () => end(),
  });

  return {
    stream,
    write: async (frame) => {
      if (over) return false;
      if (stream.readableLength > maxBufferedBytes) {
        cut();
        return false;
      }
      if (!push(frame)) await new Promise<void>((resolve) => waiting.add(resolve));
      return !over;
    },
    end,
    cut,
  };
}
