import { connect, type Socket } from 'node:net';

/** How a client ends its connection: it waits for the other end, closes its half, or breaks it off. */
export type Ending = 'wait' | 'half-close' | 'reset';

export interface RawConversation {
  readonly url: string;
  /** What is sent, each piece after the one before has been handed to the system. */
  readonly pieces: readonly Uint8Array[];
  readonly ending: Ending;
  /** Whether what has come so far is all that is waited for. */
  readonly isEnough: (received: Buffer) => boolean;
}

/** How long a client waits for the next byte before it closes its half, in milliseconds. */
const quietMs = 400;
/** How long a gateway may take to end a connection whose client has closed its half, in milliseconds. */
const hungMs = 8_000;

/** Thrown when a connection was neither answered nor closed. */
export class HungConnectionError extends Error {
  override readonly name = 'HungConnectionError';
}

/**
 * Sends bytes over a connection of their own, whatever they are, and answers the bytes that came back until it was closed.
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
      reject(new HungConnectionError(`Nothing came and nothing ended for ${hungMs} ms.`));
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (!socket.writableEnded && isEnough(Buffer.concat(chunks))) closeHalf();
    });
    // Who sends nonsense may be cut off: that is an answer, too.
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
    // The callback also comes when the other end has gone.
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
  }
}
