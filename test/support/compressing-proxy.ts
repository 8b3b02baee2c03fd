import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';

export interface CompressingProxy extends AsyncDisposable {
  readonly url: string;
}

/**
 * A proxy that compresses every response, except where `no-transform` forbids it, and buffers data until a compression
 * block is full.
 */
export async function startCompressingProxy(target: string): Promise<CompressingProxy> {
  const server = createServer((request, response) => {
    const { method, headers } = request;
    const forwarded = httpRequest(target + request.url, { method, headers, agent: false }, (answer) => {
      const isKept = answer.headers['cache-control']?.includes('no-transform') === true;
      const ignore = () => {};
      const { 'content-length': _, ...passed } = answer.headers;
      const encoding = { 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' };
      response.writeHead(answer.statusCode ?? 502, isKept ? answer.headers : { ...passed, ...encoding });
      if (isKept) pipeline(answer, response, ignore);
      else pipeline(answer, createGzip(), response, ignore);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
