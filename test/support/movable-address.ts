import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** An address that first leads to one server, and later to another. Existing connections are not affected. */
export interface MovableAddress extends AsyncDisposable {
  readonly url: string;
  moveTo(url: string): void;
  /** Ends all existing connections. */
  cut(): void;
  /** Number of connections so far. */
  readonly connections: number;
}

export async function startMovableAddress(firstUrl: string): Promise<MovableAddress> {
  let target = new URL(firstUrl);
  let connections = 0;
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
    near.pipe(far).pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // The assertion holds because a server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    url: `redis://127.0.0.1:${port}`,
    moveTo: (url) => {
      target = new URL(url);
    },
    cut: () => {
      for (const end of ends) end();
    },
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: async () => {
      for (const end of ends) end();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
