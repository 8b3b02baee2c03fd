import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BodyTooLargeError, readBody } from '../../../../src/server/http/request-body.ts';
import { exchangeBytes, httpHost } from '../downloads/http-host.ts';

const maxBytes = 1_000;

const host = () =>
  httpHost(async (request, response) => {
    try {
      const body = await readBody(request, maxBytes);
      response.end(String(body.length));
    } catch (error) {
      response.writeHead(error instanceof BodyTooLargeError ? 413 : 500, { connection: 'close' }).end();
    }
  });

/** Sends a body whose length is not announced, chunk by chunk, and stops when the response comes. */
function sendChunked(url: string, chunk: Buffer, count: number): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: 'POST' }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
    });
    sent.on('error', reject);
    for (let index = 0; index < count; index += 1) sent.write(chunk);
    sent.end();
  });
}

describe('a body', () => {
  it.each([0, 1, maxBytes])('of %i bytes is read', async (length) => {
    await using server = await host();
    const response = await fetch(server.url, { method: 'POST', body: 'x'.repeat(length) });
    expect(await response.text()).toBe(String(length));
  });

  it('that announces too many bytes is refused', async () => {
    await using server = await host();
    const response = await fetch(server.url, { method: 'POST', body: 'x'.repeat(maxBytes + 1) });
    expect(response.status).toBe(413);
  });

  it('that announces too many bytes is refused before any of them has come', async () => {
    await using server = await host();
    const response = await exchangeBytes(server, ['POST / HTTP/1.1', 'host: x', `content-length: ${maxBytes + 1}`]);
    expect(response.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is counted as it comes when it does not announce its length', async () => {
    await using server = await host();
    expect(await sendChunked(server.url, Buffer.alloc(500), 2)).toEqual({ status: 200, body: '1000' });
    expect((await sendChunked(server.url, Buffer.alloc(500), 3)).status).toBe(413);
  });

  it('a body without an end is rejected while its client is still sending', async () => {
    await using server = await host();
    expect((await sendChunked(server.url, Buffer.alloc(64 * 1024), 20)).status).toBe(413);
  });

  it('that breaks off is an error', async () => {
    let fail: (error: unknown) => void = () => {};
    const failed = new Promise<unknown>((resolve) => {
      fail = resolve;
    });
    await using server = await httpHost(async (request) => {
      await readBody(request, maxBytes).catch(fail);
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc', () => socket.destroy());
    // An error of this name is not logged as one of the gateway.
    expect(await failed).toMatchObject({ name: 'AbortError' });
  });
});
