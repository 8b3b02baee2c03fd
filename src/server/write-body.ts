import type { ServerResponse } from 'node:http';
import type { Clock } from '../runtime/clock.ts';
import { eventOrTime } from '../runtime/event-or-time.ts';
import { afterReading } from './live-connections.ts';

/** Bytes that are written at a time. A client that takes one such piece within `stalledMs` still reads. */
const writeBytes = 64 * 1024;
/** How long a client may take nothing, in milliseconds. */
const stalledMs = 30_000;

/** Thrown when a client takes nothing of a response for 30 seconds. */
export class StalledClientError extends Error {
  override readonly name = 'StalledClientError';

  constructor() {
    super(`The client took nothing for ${stalledMs} ms.`);
  }
}

/**
 * Writes a body as fast as the client takes it, and ends the response.
 * @throws {StalledClientError} the client has taken nothing for 30 seconds
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
  /** Waits for an event after which `done` holds, for as long as the client takes something in between. */
  const wait = async (event: 'drain' | 'finish', done: () => boolean): Promise<void> => {
    while (!done()) {
      signal.throwIfAborted();
      const before = taken;
      await eventOrTime(response, event, stalledMs, { clock, signal });
      if (done() || taken > before) continue;
      // If this process was held up, the progress of the client is not noticed yet.
      await new Promise<void>((resolve) => afterReading(resolve));
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
