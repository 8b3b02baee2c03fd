import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { lingerBeforeClosing } from './lingering-close.ts';
import { endRaw, type RawResponse } from './raw-response.ts';

/**
 * Bytes that the request line and the headers may have together: room for a token of 16,384 characters and the rest.
 */
export const maxHeaderBytes = 32 * 1024;

/** Codes of Node's parser and timers. Every other failure is malformed HTTP. */
const responses: Readonly<Record<string, RawResponse>> = {
  HPE_HEADER_OVERFLOW: { status: 431, text: `The headers have more than ${maxHeaderBytes} bytes.` },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, text: 'The extensions of a chunk are too large.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, text: 'The request did not arrive in time.' },
};
const malformed: RawResponse = { status: 400, text: 'The request is not HTTP/1.1.' };

/**
 * Ends a connection whose client sent no valid request, with a response that contains the reason.
 * @param begun whether an earlier response of this connection is being sent, so that another one would become part of
 *   it
 */
export function endFailedConnection(
  socket: Socket,
  { code }: NodeJS.ErrnoException,
  { clock, begun }: { readonly clock: Pick<Clock, 'deadline'>; readonly begun: boolean },
): void {
  if (code === 'ECONNRESET' || begun) {
    socket.destroy();
    return;
  }
  // The parser fails again with each chunk after the response.
  if (!socket.writable) return;
  endRaw(socket, responses[code ?? ''] ?? malformed);
  lingerBeforeClosing(socket, clock);
}
