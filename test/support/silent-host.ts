import { createServer, type Socket } from 'node:net';

/** A host on every address of this machine that accepts connections and never responds. */
export interface SilentHost extends AsyncDisposable {
  readonly port: number;
  /** Number of open connections. */
  readonly open: number;
  /** Number of connections opened so far. */
  readonly opened: number;
}

export async function startSilentHost(): Promise<SilentHost> {
  const sockets = new Set<Socket>();
  let opened = 0;
  const server = createServer((socket) => {
    opened += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port.');
  return {
    port: address.port,
    get open() {
      return sockets.size;
    },
    get opened() {
      return opened;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
