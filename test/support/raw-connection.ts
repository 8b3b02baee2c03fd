import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

/** A TCP connection to a server, for bytes that no HTTP client sends. The client side closes only on request. */
export class RawConnection implements AsyncDisposable {
  readonly socket: Socket;
  /** Resolves when the connection is closed, with the code of its error, or null. */
  readonly closed: Promise<string | null>;
  /** Resolves when the server has ended its side. */
  readonly ended: Promise<void>;
  #received = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    let failure: string | null = null;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message;
    });
    this.ended = new Promise((resolve) => socket.once('end', resolve));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(failure)));
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const connection = new RawConnection(connect({ host: hostname, port: Number(port), noDelay: true }));
    await once(connection.socket, 'connect');
    return connection;
  }

  /** All received text. */
  get received(): string {
    return this.#received;
  }

  /** Statuses of the received responses, in order. */
  get statuses(): readonly number[] {
    return [...this.#received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** Sends the lines of a request head, and then the body. */
  request(lines: readonly string[], body = ''): void {
    this.socket.write(`${[...lines, 'host: 127.0.0.1'].join('\r\n')}\r\n\r\n${body}`);
  }

  /** Resolves when a matching text has arrived. */
  async has(pattern: RegExp): Promise<RegExpExecArray> {
    return await eventually(() => {
      const found = pattern.exec(this.#received);
      if (found === null)
        throw new Error(`${pattern} does not match ${JSON.stringify(this.#received.slice(0, 2_000))}`);
      return found;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}
