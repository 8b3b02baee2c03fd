import { IncomingMessage } from 'node:http';
import { graphqlPath, pathOf } from './paths.ts';

/** Holds what Node's parser found, apart from the decision that is made with it. */
const announced = Symbol('the client offers an upgrade');

/**
 * A request that Node treats as an upgrade only when it opens a WebSocket. A server ignores every other upgrade that a
 * client offers, such as `h2c` by the JDK's HTTP client, and responds as if the header were absent (RFC 9110, 7.8).
 * Node before version 24 has no option for this: it reads `upgrade` after the headers, and a server with a listener for
 * `upgrade` would receive all of them.
 */
export class UpgradableRequest extends IncomingMessage {
  // Declared only: the parser sets `upgrade` while the base class is constructed.
  declare [announced]: boolean | null;

  /** Called once, when the body is about to be read. */
  onRead: (() => void) | null = null;

  override _read(size: number): void {
    const { onRead } = this;
    this.onRead = null;
    onRead?.();
    super._read(size);
  }

  get upgrade(): boolean {
    return this[announced] === true && (this.method === 'CONNECT' || opensWebSocket(this));
  }

  set upgrade(value: boolean | null) {
    this[announced] = value;
  }

  /** Whether the client wants a WebSocket where there is none. */
  get missesWebSocket(): boolean {
    return this[announced] === true && isWebSocket(this) && !this.upgrade;
  }
}

const isWebSocket = ({ headers }: IncomingMessage): boolean => headers.upgrade?.toLowerCase() === 'websocket';

/** Whether a request opens a WebSocket, which starts with a GET of one path. */
const opensWebSocket = (request: IncomingMessage): boolean =>
  request.method === 'GET' && pathOf(request) === graphqlPath && isWebSocket(request);
