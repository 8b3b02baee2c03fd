import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { resuming } from './resume.ts';

export const url = process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:4000/graphql';

/** The socket for all subscriptions. Browsers have a WebSocket of their own and omit `webSocketImpl`. */
export const createSocket = (): Client =>
  resuming(
    createClient({
      url: url.replace(/^http/, 'ws'),
      webSocketImpl: WebSocket,
      // By default, the client stops after five attempts, and at once when a connection is refused.
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: () => true,
    }),
  );
