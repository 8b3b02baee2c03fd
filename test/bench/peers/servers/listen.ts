import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Serves on a free port, which the ready line shows. */
export function listen(listener: RequestListener, path: string): void {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1', () => {
    // A server that listens on a port has an AddressInfo.
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`ready http://127.0.0.1:${port}${path}\n`);
  });
}
