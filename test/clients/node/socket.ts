import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { headers, url } from './cases.ts';
import { resuming } from './resume.ts';

/** The socket of Apollo Client, urql and Relay, which continues after the last event. */
export const createSocket = (): Client =>
  resuming(
    createClient({
      url: url.replace(/^http/, 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: headers,
      shouldRetry: () => true,
    }),
  );
