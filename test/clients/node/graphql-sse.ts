import { createClient } from 'graphql-sse';
import { headers, runCases, url } from './cases.ts';
import { iterating } from './iterate.ts';

const singleConnection = process.argv[2] === 'single';
const client = createClient({
  singleConnection,
  url: singleConnection ? `${url}/stream` : url,
  // The client adds its own members to the object.
  headers: () => ({ ...headers }),
});

await runCases(iterating(client));
