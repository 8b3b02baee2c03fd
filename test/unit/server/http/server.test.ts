import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { createSendBuffers } from '../../../../src/server/connections/send-buffers.ts';
import { createCors } from '../../../../src/server/http/cors.ts';
import { createHttpServer } from '../../../../src/server/http/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { isCollected } from '../../../support/garbage.ts';

/** A server of the paths for operators alone, with what it has logged. */
async function startServer() {
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ destination: { write: (line) => void log.push(JSON.parse(line)) } });
  const clock = new FakeClock();
  const buffers = createSendBuffers({ clock, logger });
  const { server, listen } = createHttpServer({
    graphql: () => {},
    files: () => {},
    console: null,
    metrics: () => Promise.reject(new Error('internals')),
    hasAdminPort: false,
    dependencies: () => [],
    isAllowedHost: () => true,
    isAllowedPage: () => true,
    cors: createCors([]),
    keepAliveTimeoutMs: 1_000,
    buffers,
    clock,
    logger,
    tracing: null,
  });
  const { port } = await listen({ host: '127.0.0.1', port: 0 });
  return {
    server,
    port,
    log,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      buffers[Symbol.dispose]();
    },
  };
}

describe('a request that fails in an unforeseen way', () => {
  it('has a response with the id of its line in the log, and nothing of the reason', async () => {
    await using started = await startServer();
    const response = await fetch(`http://127.0.0.1:${started.port}/metrics`);
    expect(response.status).toBe(500);
    const errorId = expect.any(String);
    const extensions = { code: 'INTERNAL_SERVER_ERROR', retryable: false, errorId };
    const body = await response.json();
    expect(body).toEqual({ errors: [{ message: 'Internal error.', extensions }] });
    expect(started.log).toMatchObject([{ errorId: body.errors[0].extensions.errorId, err: { message: 'internals' } }]);
  });
});

describe('a connection that was closed', () => {
  it.each(['GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', 'nonsense\r\n\r\n'])(
    'is not kept in memory after %j',
    async (request) => {
      await using started = await startServer();
      const served: WeakRef<object>[] = [];
      started.server.on('connection', (socket) => served.push(new WeakRef(socket)));
      for (let count = 0; count < 3; count += 1) {
        const client = connect(started.port, '127.0.0.1', () => client.end(request));
        client.resume();
        await once(client, 'close');
      }
      // Node itself may keep the last one.
      const kept = await Promise.all(served.slice(0, 2).map(async (socket) => !(await isCollected(socket))));
      expect([served.length, kept]).toEqual([3, [false, false]]);
    },
  );
});
