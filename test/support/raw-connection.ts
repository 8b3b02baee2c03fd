import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

/** A TCP connection to a server, for bytes that no HTTP client sends. Its client side closes only when told to. */
export class RawConnection implements AsyncDisposable {
  readonly socket: Socket;
  /** Resolves when the connection is closed, with the code of its error, or null. */
  readonly closed: Promise<string | null>;
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
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(failure)));
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const connection = new RawConnection(connect({ host: hostname, port: Number(port), noDelay: true }));
    await once(connection.socket, 'connect');
    return connection;
  }

  /** Everything that has arrived. */
  get received(): string {
    return this.#received;
  }

  /** The status lines that have arrived, in order. */
  get statuses(): readonly number[] {
    return [...this.#received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** Sends a request head with its lines, and then the body. */
  request(lines: readonly string[], body = ''): void {
    this.socket.write(`${[...lines, 'host: 127.0.0.1'].join('\r\n')}\r\n\r\n${body}`);
  }

  /** Resolves when something that matches has arrived. */
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
