import type { IncomingMessage } from 'node:http';

/** Thrown while a body is read that is longer than it may be. What is left of it is not read. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** A body in memory, in the form in which Yoga takes one that was read before it. */
export interface ReadBody {
  readonly bytes: Buffer;
  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void>;
}

/**
 * Reads a request's body up to a limit, which is enforced on the bytes that come, whatever their announced length.
 * @throws {BodyTooLargeError}
 * @throws the connection's error when the client goes away
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<ReadBody> {
  if (Number(request.headers['content-length']) > maxBytes) throw new BodyTooLargeError('The body is too large.');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > maxBytes) throw new BodyTooLargeError('The body is too large.');
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return {
    bytes,
    async *[Symbol.asyncIterator]() {
      yield bytes;
    },
  };
}
