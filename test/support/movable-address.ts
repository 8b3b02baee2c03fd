import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** An address that first leads to one server, and later to another. Existing connections are not affected. */
export interface MovableAddress extends AsyncDisposable {
  readonly url: string;
  moveTo(url: string): void;
  /** Ends all existing connections. */
  cut(): void;
  /** Ends all existing connections. New ones are accepted, and reach the server only after `release`. */
  hold(): void;
  release(): void;
  /** Number of connections so far. */
  readonly connections: number;
  /** Resolves when the server has sent this many more pieces of data, over any connection. */
  pieces(count: number): Promise<void>;
}

export async function startMovableAddress(firstUrl: string): Promise<MovableAddress> {
  let target = new URL(firstUrl);
  let connections = 0;
  const sent = new EventEmitter();
  /** Connections that wait for `release`; null: none has to wait. */
  let waiting: (() => void)[] | null = null;
  const ends = new Set<() => void>();
  const server = createServer((near) => {
    connections += 1;
    const far = connect(Number(target.port), target.hostname);
    const end = () => {
      ends.delete(end);
      near.destroy();
      far.destroy();
    };
    ends.add(end);
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    const join = () => {
      near.pipe(far).pipe(near);
      far.on('data', () => sent.emit('piece'));
    };
    if (waiting === null) join();
    else waiting.push(join);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // The assertion holds because a server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const end of ends) end();
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    moveTo: (url) => {
      target = new URL(url);
    },
    cut,
    hold: () => {
      waiting = [];
      cut();
    },
    release: () => {
      for (const join of waiting ?? []) join();
      waiting = null;
    },
    get connections() {
      return connections;
    },
    pieces: async (count) => {
      for (let left = count; left > 0; left -= 1) await once(sent, 'piece');
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
