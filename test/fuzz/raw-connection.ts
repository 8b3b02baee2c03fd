import { connect, type Socket } from 'node:net';

/** How a client ends its connection: it waits for the other end, closes its half, or resets it. */
export type Ending = 'wait' | 'half-close' | 'reset';

export interface RawConversation {
  readonly url: string;
  /** Chunks to send. Each is sent after the previous one has been handed to the operating system. */
  readonly pieces: readonly Uint8Array[];
  readonly ending: Ending;
  /** Whether the received bytes are all that the client waits for. */
  readonly isEnough: (received: Buffer) => boolean;
}

/** Time without a byte after which a client closes its half, in milliseconds. */
const quietMs = 400;
/** Time in which a gateway must close a connection after its client has closed its half, in milliseconds. */
const hungMs = 8_000;

/** Thrown when a connection was neither answered nor closed. */
export class HungConnectionError extends Error {
  override readonly name = 'HungConnectionError';
}

/**
 * Sends arbitrary bytes over a new connection, and returns the bytes received until it was closed.
 * @throws {HungConnectionError}
 */
export function converse({ url, pieces, ending, isEnough }: RawConversation): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const closeHalf = () => {
      socket.setTimeout(hungMs);
      socket.end();
    };
    socket.setTimeout(quietMs);
    socket.on('timeout', () => {
      if (!socket.writableEnded) {
        closeHalf();
        return;
      }
      reject(new HungConnectionError(`The gateway sent nothing and did not close the connection for ${hungMs} ms.`));
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (!socket.writableEnded && isEnough(Buffer.concat(chunks))) closeHalf();
    });
    // A client that sends nonsense may be cut off, which counts as a response.
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.on('connect', () => {
      void sendAll(socket, pieces).then(() => {
        if (ending === 'reset') socket.resetAndDestroy();
        else if (ending === 'half-close' && !socket.destroyed) closeHalf();
      });
    });
  });
}

async function sendAll(socket: Socket, pieces: readonly Uint8Array[]): Promise<void> {
  for (const piece of pieces) {
    // The callback is also called after the other end has closed.
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
  }
}
