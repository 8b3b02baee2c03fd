import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Headers, Reply } from './operation.ts';

const compress = promisify(gzip);

/** Minimum size of JSON that is compressed, in bytes. */
const minimumCompressedBytes = 1_024;

/**
 * Writes a reply.
 * @param acceptsGzip whether JSON may be compressed
 * @throws {Error} when the connection breaks while a file is being sent
 */
export async function sendReply(
  response: ServerResponse,
  reply: Reply,
  common: Headers,
  acceptsGzip: boolean,
): Promise<void> {
  // Makes Node throw on a wrong length. Otherwise the rest of this response would be read as the start of the next one.
  response.strictContentLength = true;
  switch (reply.kind) {
    case 'empty':
      response.writeHead(reply.status, { ...common, ...reply.headers }).end();
      return;
    case 'json':
      await sendJson(response, reply, common, acceptsGzip);
      return;
    case 'file':
      response.writeHead(reply.status, { ...common, ...reply.headers });
      await pipeline(createReadStream(reply.path, { start: reply.start, end: reply.end }), response);
      return;
  }
}

async function sendJson(
  response: ServerResponse,
  reply: Extract<Reply, { kind: 'json' }>,
  common: Headers,
  acceptsGzip: boolean,
): Promise<void> {
  const plain = Buffer.from(JSON.stringify(reply.body));
  const compressed = acceptsGzip && plain.length >= minimumCompressedBytes;
  const body = compressed ? await compress(plain) : plain;
  response
    .writeHead(reply.status, {
      ...common,
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...(compressed && { 'content-encoding': 'gzip', vary: 'accept-encoding' }),
      ...reply.headers,
    })
    .end(body);
}
