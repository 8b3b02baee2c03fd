import { readFileSync } from 'node:fs';
import { startHiveGateway } from '../../examples/federation/gateway.ts';
import { startApolloGateway } from '../federation/gateways.ts';
import { composed } from '../federation/graph.ts';
import type { RouterKind, RunningRouter } from './router.ts';

/** Version of an installed package. */
const versionIn = (folder: string, name: string): string => {
  const manifest = readFileSync(new URL(`../../${folder}/node_modules/${name}/package.json`, import.meta.url), 'utf8');
  // The manifest of a package has a version.
  return (JSON.parse(manifest) as { readonly version: string }).version;
};

type Started = Awaited<ReturnType<typeof startHiveGateway>>;

const running = (gateway: Started): RunningRouter => ({
  url: gateway.url,
  reload: (subgraphs) => gateway.reload(composed(subgraphs)),
  [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
});

export const hiveGateway: RouterKind = {
  name: 'Hive Gateway',
  transports: ['WebSocket', 'event stream'],
  clients: 'sse',
  // The tests of federation run it with scopes.
  verifiesTokens: false,
  faults: [{ case: 'expired token', transport: 'WebSocket' }],
  prepare: () => versionIn('examples/federation', '@graphql-hive/gateway-runtime'),
  start: async ({ subgraphs, transport }) =>
    running(await startHiveGateway(composed(subgraphs), transport === 'WebSocket' ? 'ws' : 'sse')),
};

export const apolloGateway: RouterKind = {
  name: '@apollo/gateway',
  transports: [],
  clients: 'sse',
  verifiesTokens: false,
  faults: [],
  prepare: () => versionIn('test/federation', '@apollo/gateway'),
  start: async ({ subgraphs }) => running(await startApolloGateway(composed(subgraphs))),
};
