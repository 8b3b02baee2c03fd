import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { createConnectionRegistry } from '../../../../src/server/connections/connection-registry.ts';
import { progressOf, totalBytes } from '../../../../src/server/connections/send-buffers.ts';
import { createCors } from '../../../../src/server/http/cors.ts';
import { createHttpServer, type HttpServer } from '../../../../src/server/http/server.ts';
import { defaultPingInterval } from '../../../support/default-config.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RawConnection } from '../../../support/raw-connection.ts';
import { quietSendBuffers } from '../../../support/send-buffers.ts';

/** More than the buffers of the system hold. */
const large = Buffer.alloc(20 * 1024 * 1024, 'x');

let clock: FakeClock;
let server: HttpServer;
let url: string;
let responses: ServerResponse[];

beforeEach(async () => {
  clock = new FakeClock();
  responses = [];
  server = createHttpServer({
    graphql: (_, response) => {
      responses.push(response);
      response.end(large);
    },
    files: () => {},
    console: null,
    metrics: async () => ({ contentType: 'text/plain', body: '' }),
    hasAdminPort: false,
    dependencies: () => [],
    isAllowedHost: () => true,
    isAllowedPage: () => true,
    cors: createCors([]),
    keepAliveTimeoutMs: 75_000,
    buffers: quietSendBuffers(clock),
    clock,
    logger: createLogger({ level: 'silent' }),
    tracing: null,
  });
  const { host, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  url = `http://${host}:${port}`;
});
afterEach(async () => {
  await server.close({ clock, drainMs: 0, connections: createConnectionRegistry({ ...defaultPingInterval, clock }) });
});

const open = async () => {
  const connection = await RawConnection.open(url);
  connection.socket.pause();
  return connection;
};
const get = ['GET /graphql HTTP/1.1'];
const closed = () => Promise.all(responses.map((response) => response.destroyed || once(response, 'close')));

describe('a response that its client does not read', () => {
  it('is broken off after 30 seconds, and its memory is free', async () => {
    await using connection = await open();
    connection.request(get);
    await eventually(() => expect(responses[0]?.writableLength).toBeGreaterThan(0));
    await clock.advanceBy(29_000);
    expect(responses[0]?.destroyed).toBe(false);
    await clock.advanceBy(6_000);
    await closed();
    expect(clock.pending('deadline')).toBe(0);
  });

  it('an unread response is broken off although its client continues to send', async () => {
    await using connection = await open();
    connection.request(get);
    await eventually(() => expect(responses).toHaveLength(1));
    for (let count = 0; count < 7; count += 1) {
      connection.socket.write('GET ');
      await clock.advanceBy(5_000);
    }
    await closed();
  });

  it('goes on for a client that reads slowly, also where it is one write', async () => {
    await using connection = await open();
    connection.request(get);
    await eventually(() => expect(responses[0]?.writableLength).toBeGreaterThan(0));
    const { socket } = responses[0]?.req ?? {};
    if (socket === undefined) throw new Error('There is no response.');
    connection.socket.on('data', () => {});
    for (let count = 0; count < 3; count += 1) {
      await clock.advanceBy(20_000);
      const before = progressOf(socket);
      connection.socket.resume();
      await eventually(() => expect(progressOf(socket)).toBeGreaterThan(before));
      connection.socket.pause();
    }
    expect(socket.destroyed).toBe(false);
    // It is still the first write that is being sent.
    expect(socket.writableLength).toBeGreaterThan(large.length);
  });

  it('counts although it waits for the response before it', async () => {
    await using connection = await open();
    // More than twice of what all callers may leave unread.
    const count = 2 * Math.ceil(totalBytes / large.length) + 1;
    connection.socket.write('GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'.repeat(count));
    await eventually(() => expect(responses[0]?.destroyed).toBe(true));
    await eventually(() => expect(clock.pending('deadline')).toBe(0));
  });
});
