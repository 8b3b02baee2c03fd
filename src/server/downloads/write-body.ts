import type { ServerResponse } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import { eventOrTime } from '../../runtime/event-or-time.ts';
import { afterPendingReads } from '../connections/connection-registry.ts';

/** Size of a write in bytes. A client that reads one write within `stalledMs` counts as reading. */
const writeBytes = 64 * 1024;
/** Time after which a client that reads nothing is disconnected, in milliseconds. */
const stalledMs = 30_000;

/** Thrown if a client reads nothing of a response for 30 seconds. */
export class StalledClientError extends Error {
  override readonly name = 'StalledClientError';

  constructor() {
    super(`The client read nothing for ${stalledMs} ms.`);
  }
}

/**
 * Writes a body as fast as the client reads it, and ends the response.
 * @throws {StalledClientError} the client has read nothing for 30 seconds
 * @throws the reason of the signal, which must abort when the response closes
 */
export async function writeBody(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  { clock, signal }: { readonly clock: Pick<Clock, 'sleep'>; readonly signal: AbortSignal },
): Promise<void> {
  let taken = 0;
  const count = () => {
    taken += 1;
  };
  /** Waits for an event after which `done` is true, as long as the client continues to read. */
  const wait = async (event: 'drain' | 'finish', done: () => boolean): Promise<void> => {
    while (!done()) {
      signal.throwIfAborted();
      const before = taken;
      try {
        await eventOrTime(response, event, stalledMs, { clock, signal });
      } catch (error) {
        // Node 26 emits `close` before `finish` is seen here.
        if (!done()) throw error;
      }
      if (done() || taken > before) continue;
      // If this process was blocked, the progress of the client is not visible yet.
      await new Promise<void>((resolve) => afterPendingReads(resolve));
      if (!done() && taken === before) throw new StalledClientError();
    }
  };

  for await (const chunk of body) {
    for (let offset = 0; offset < chunk.length; offset += writeBytes) {
      signal.throwIfAborted();
      response.write(chunk.subarray(offset, offset + writeBytes), count);
      await wait('drain', () => !response.writableNeedDrain);
    }
  }
  response.end();
  await wait('finish', () => response.writableFinished);
}

/** Reports the length of each chunk when the next one is requested, which is after it was written. */
export async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  sent: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    yield chunk;
    sent(chunk.byteLength);
  }
}
