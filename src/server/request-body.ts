import type { IncomingMessage } from 'node:http';

/** Thrown for a body that is longer than its limit. The rest of the body is left unread, and its connection is open. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/**
 * Reads a request's body up to a limit. The limit is enforced on the received bytes and not on the announced length.
 * @throws {BodyTooLargeError}
 * @throws {DOMException} `AbortError`: the client has left
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length']) > maxBytes) throw new BodyTooLargeError('The body is too large.');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Leaving the loop of the stream itself would destroy the connection, and with it the response.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += chunk.length;
      if (length > maxBytes) throw new BodyTooLargeError('The body is too large.');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyTooLargeError) throw error;
    throw new DOMException('The client has left.', 'AbortError');
  }
  return Buffer.concat(chunks);
}
