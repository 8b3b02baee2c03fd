import type { IncomingMessage } from 'node:http';

/** Thrown for a body that is longer than its limit. The rest of the body is unread, and its connection stays open. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/**
 * Reads a request's body up to a limit. The limit is enforced on the received bytes and not on the announced length.
 * @param onBytes called for received bytes; its error ends the reading
 * @throws {BodyTooLargeError}
 * @throws {DOMException} `AbortError`: the client has left
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  onBytes: (bytes: number) => void = () => {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => new BodyTooLargeError('The body is too large.');
    if (Number(request.headers['content-length']) > maxBytes) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    // Events cost a fraction of what the iterator of a stream does, which every request would pay.
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      try {
        if (length > maxBytes) throw tooLarge();
        onBytes(chunk.length);
      } catch (error) {
        stop();
        // Without a reader, the stream would continue and drop the data.
        request.pause();
        reject(error);
      }
    };
    const onEnd = () => {
      stop();
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
    };
    const onClose = () => {
      stop();
      reject(new DOMException('The client has left.', 'AbortError'));
    };
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
    };
    request.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
    if (request.destroyed) onClose();
  });
}
