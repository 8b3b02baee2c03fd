import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { createSendBuffers } from '../../../../src/server/connections/send-buffers.ts';
import { createCors } from '../../../../src/server/http/cors.ts';
import { createHttpServer } from '../../../../src/server/http/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

describe('a request that fails in an unforeseen way', () => {
  it('has a response with the id of its line in the log, and nothing of the reason', async () => {
    const log: Record<string, unknown>[] = [];
    const logger = createLogger({ destination: { write: (line) => void log.push(JSON.parse(line)) } });
    const clock = new FakeClock();
    using buffers = createSendBuffers({ clock, logger });
    const { server, listen } = createHttpServer({
      graphql: () => {},
      files: () => {},
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
    try {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(response.status).toBe(500);
      const errorId = expect.any(String);
      const extensions = { code: 'INTERNAL_SERVER_ERROR', retryable: false, errorId };
      const body = await response.json();
      expect(body).toEqual({ errors: [{ message: 'Internal error.', extensions }] });
      expect(log).toMatchObject([{ errorId: body.errors[0].extensions.errorId, err: { message: 'internals' } }]);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
