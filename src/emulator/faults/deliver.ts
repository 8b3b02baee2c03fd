import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import type { Headers, Reply } from '../http/operation.ts';
import { sendReply } from '../http/send-reply.ts';
import type { Delivery } from './fault-plan.ts';

/** Error page of a proxy in front of a platform that is unavailable. */
const proxyPage = '<html><head><title>Service Temporarily Unavailable</title></head><body></body></html>';

/** The connection over which a response is sent. */
export interface Line {
  readonly response: ServerResponse;
  /** Headers of every response. */
  readonly common: Headers;
  readonly acceptsGzip: boolean;
  readonly clock: Clock;
  /** Aborts when the caller disconnects or the server ends connections. */
  readonly gone: AbortSignal;
}

/**
 * Sends a reply in the way that the fault prescribes, or complete when there is no fault. A reply that is altered by a
 * fault is not compressed.
 * @throws when the caller disconnects before the end
 */
export async function deliver(reply: Reply, delivery: Delivery | undefined, line: Line): Promise<void> {
  switch (delivery?.kind) {
    case undefined:
    case 'status':
      return await sendReply(line.response, reply, line.common, line.acceptsGzip);
    case 'reset':
      return await breakOff(reply, delivery.when, line);
    case 'truncate':
      return await sendChanged(reply, line, (json) => json.subarray(0, half(json.length)));
    case 'invalidJson':
      return await sendChanged(reply, line, () => Buffer.from(proxyPage));
    case 'drip':
      return await drip(reply, delivery, line);
  }
}

/** Ends a connection at once, with a TCP reset if possible. */
export function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
  response.destroy();
}

async function breakOff(reply: Reply, when: 'before' | 'after-apply' | 'during-body', line: Line): Promise<void> {
  const body = when === 'during-body' ? bodyOf(reply) : null;
  if (body === null) {
    reset(line.response);
    return;
  }
  line.response.writeHead(reply.status, { ...line.common, ...body.headers });
  for await (const chunk of body.read(half(body.bytes), wholeChunkBytes)) await write(chunk, line);
  // The connection is closed without a reset, because a reset could overtake the first half, which has to arrive.
  line.response.destroy();
}

async function drip(reply: Reply, { chunkBytes, everyMs }: Extract<Delivery, { kind: 'drip' }>, line: Line) {
  const body = bodyOf(reply);
  if (body === null) return await sendReply(line.response, reply, line.common, line.acceptsGzip);
  line.response.writeHead(reply.status, { ...line.common, ...body.headers });
  line.response.flushHeaders();
  for await (const chunk of body.read(body.bytes, chunkBytes)) {
    await line.clock.sleep(everyMs, line.gone);
    await write(chunk, line);
  }
  line.response.end();
}

/** Replaces the JSON bytes of the reply. A reply without JSON is sent unchanged. */
async function sendChanged(reply: Reply, line: Line, change: (json: Buffer) => Buffer): Promise<void> {
  if (reply.kind !== 'json') return await sendReply(line.response, reply, line.common, line.acceptsGzip);
  const body = change(Buffer.from(JSON.stringify(reply.body)));
  line.response.writeHead(reply.status, { ...line.common, ...reply.headers, ...jsonHeaders(body.length) }).end(body);
}

/** Chunk size in bytes for reading a body that is sent without pauses. */
const wholeChunkBytes = 65_536;

interface Body {
  readonly headers: Headers;
  readonly bytes: number;
  /** Reads the first `count` bytes, at least 1, in chunks. */
  read(count: number, chunkBytes: number): AsyncIterable<Buffer>;
}

/** Body of a reply; null when it has none. */
function bodyOf(reply: Reply): Body | null {
  switch (reply.kind) {
    case 'empty':
      return null;
    case 'json': {
      const json = Buffer.from(JSON.stringify(reply.body));
      return {
        headers: { ...reply.headers, ...jsonHeaders(json.length) },
        bytes: json.length,
        read: (count, chunkBytes) => pieces(json.subarray(0, count), chunkBytes),
      };
    }
    case 'file': {
      const { path, start, end, headers } = reply;
      return {
        headers,
        bytes: end - start + 1,
        read: (count, chunkBytes) =>
          createReadStream(path, { start, end: start + count - 1, highWaterMark: chunkBytes }),
      };
    }
  }
}

async function* pieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function jsonHeaders(bytes: number): Headers {
  return { 'content-type': 'application/json', 'content-length': String(bytes) };
}

function half(bytes: number): number {
  return Math.max(1, Math.floor(bytes / 2));
}

/** Resolves when the chunk has been handed to the operating system. */
function write(chunk: Buffer, { response, gone }: Line): Promise<void> {
  return new Promise((resolve, reject) => {
    const onGone = () => reject(gone.reason);
    if (gone.aborted) {
      onGone();
      return;
    }
    gone.addEventListener('abort', onGone, { once: true });
    response.write(chunk, (error) => {
      gone.removeEventListener('abort', onGone);
      if (error) reject(error);
      else resolve();
    });
  });
}
