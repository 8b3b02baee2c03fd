/**
 * An OpenTelemetry collector that discards all spans. `GET /batches` returns the number of received batches, so that the
 * benchmark can check that spans were sent.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let batches = 0;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(String(batches));
    return;
  }
  request.resume().on('end', () => {
    batches += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});
server.listen(0, '127.0.0.1', () => {
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`ready http://127.0.0.1:${port}\n`);
});
