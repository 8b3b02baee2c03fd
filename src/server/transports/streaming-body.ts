import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { OperationTransport } from '../../metrics/operations.ts';
import type { RequestId } from '../../runtime/request-id.ts';
import { afterPendingReads, type ConnectionRegistry } from '../connections/connection-registry.ts';
import { maxBufferedBytes, type SendBuffers } from '../connections/send-buffers.ts';
import type { SubscriptionEnd } from '../sharing/end-reason.ts';

/** The body of a streamed response. */
export interface StreamingBody {
  readonly stream: Readable;
  /**
   * Sends a frame. Resolves when the client has read enough earlier frames for the next frame to be created, so that
   * changes are merged while the client is slow.
   * @returns false if the body has ended
   */
  write(frame: string): Promise<boolean>;
  /** Sends a last frame, if there is one, and ends the response. */
  end(frame?: string): void;
  /** Breaks the response off after a failure. Its client may connect again. */
  cut(): void;
}

/** Sends the body in a response whose headers have been written. A client that leaves, or has left, ends the body. */
export function sendBody({ stream }: StreamingBody, response: ServerResponse): void {
  if (response.destroyed) {
    stream.destroy();
    return;
  }
  response.once('close', () => stream.destroy());
  stream.pipe(response);
}

export interface StreamingBodyOptions {
  readonly connections: ConnectionRegistry;
  readonly buffers: SendBuffers;
  readonly transport: OperationTransport;
  /** The caller that the body is for. */
  readonly principal: string;
  /** Id of the request that opened the stream, for log lines. */
  readonly requestId?: RequestId | undefined;
  /** A frame without content. */
  readonly ping: string;
  /** Ends the connection of the response if its client does not read, or not enough. */
  readonly disconnect: () => void;
  /**
   * Called once, when the response has ended.
   * @param reason null: `end` was called
   */
  readonly onEnd: (reason: SubscriptionEnd | null) => void;
}

/**
 * Creates a body that sends pings while it is open. When the gateway drains, the body ends without the completion of
 * its protocol. Clients treat this as a lost connection, and connect again.
 */
export function createStreamingBody(options: StreamingBodyOptions): StreamingBody {
  const { connections, buffers, transport, principal, requestId, ping, disconnect, onEnd } = options;
  const waiting = new Set<() => void>();
  let pushedBytes = 0;
  let readAtLastPing = -1;
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
  const readBytes = () => pushedBytes - stream.readableLength;
  const finish = (reason: SubscriptionEnd | null) => {
    if (over) return;
    over = true;
    membership[Symbol.dispose]();
    counted[Symbol.dispose]();
    proceed();
    onEnd(reason);
  };
  const end = (frame: string | undefined, reason: SubscriptionEnd | null) => {
    if (over) return;
    if (frame !== undefined) push(frame);
    stream.push(null);
    finish(reason);
  };
  const cut = (reason: SubscriptionEnd) => {
    finish(reason);
    stream.destroy();
    disconnect();
  };
  stream.on('close', () => finish('disconnected'));
  const counted = buffers.add(
    {
      get waitingBytes() {
        return stream.readableLength;
      },
      get progress() {
        return readBytes();
      },
      cut: () => cut('too_slow'),
    },
    principal,
    requestId,
  );

  const membership = connections.add({
    transport,
    ping: () => {
      const before = readBytes();
      if (stream.readableLength === 0 || before !== readAtLastPing) {
        readAtLastPing = before;
        push(ping);
        return;
      }
      afterPendingReads(() => {
        if (!over && readBytes() === before) cut('unresponsive');
      });
    },
    goAway: () => end(undefined, 'shutting_down'),
  });

  return {
    stream,
    write: async (frame) => {
      if (over) return false;
      if (stream.readableLength > maxBufferedBytes) {
        cut('too_slow');
        return false;
      }
      if (!push(frame)) await new Promise<void>((resolve) => waiting.add(resolve));
      return !over;
    },
    end: (frame) => end(frame, null),
    cut: () => cut('failed'),
  };
}
