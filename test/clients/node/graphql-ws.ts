import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { headers, runCases, url } from './cases.ts';
import { iterating } from './iterate.ts';

const client = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: headers,
  // By default, the client stops at once when a connection is refused.
  shouldRetry: () => true,
});

await runCases(iterating(client));
