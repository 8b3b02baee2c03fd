import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

export interface RawResponse {
  readonly status: number;
  /** One line for a person who looks at the response. */
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends a response in plain text over a socket that Node's HTTP server no longer writes to, and ends the connection.
 */
export function endRaw(socket: Duplex, { status, text, headers = {} }: RawResponse): void {
  const body = `${text}\n`;
  const lines = Object.entries({
    ...headers,
    connection: headers['connection'] === undefined ? 'close' : `close, ${headers['connection']}`,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}
