import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { createGatewayRuntime } from '@graphql-hive/gateway';
import { propagatedHeaders } from './graph.ts';

/** A federation gateway under test, at `url`/graphql. */
export interface FederationGateway extends AsyncDisposable {
  readonly url: string;
}

interface ApolloContext {
  readonly headers: Readonly<Record<string, string>>;
}

/** @apollo/gateway with its own server. It does not support subscriptions. */
export async function startApolloGateway(supergraphSdl: string): Promise<FederationGateway> {
  const gateway = new ApolloGateway({
    supergraphSdl,
    buildService: ({ url }) =>
      new RemoteGraphQLDataSource<ApolloContext>({
        ...(url === undefined ? {} : { url }),
        willSendRequest: ({ request, context }) => {
          for (const [name, value] of Object.entries(propagated((name) => context.headers?.[name])))
            request.http?.headers.set(name, value);
        },
      }),
  });
  const server = new ApolloServer<ApolloContext>({ gateway });
  const { url } = await startStandaloneServer(server, {
    listen: { port: 0, host: '127.0.0.1' },
    context: async ({ req }) => ({ headers: propagated((name) => req.headers[name]) }),
  });
  return { url: url.replace(/\/$/, ''), [Symbol.asyncDispose]: () => server.stop() };
}

/** Transport of Hive Gateway's subscriptions to a subgraph. */
export type SubgraphTransport = 'sse' | 'ws';

/** Hive Gateway, which extends each event of a subgraph with the fields of other subgraphs. */
export async function startHiveGateway(supergraph: string, transport: SubgraphTransport): Promise<FederationGateway> {
  const runtime = createGatewayRuntime({
    supergraph: () => supergraph,
    logging: false,
    landingPage: false,
    // When a client leaves, its subscription at the subgraph ends at once, even while no event arrives.
    executionCancellation: true,
    upstreamCancellation: true,
    propagateHeaders: {
      fromClientToSubgraphs: ({ request }) => propagated((name) => request.headers.get(name)),
    },
    transportEntries: { exports: { options: { subscriptions: subscriptionsOver(transport) } } },
  });
  const server = createServer(runtime);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await runtime[Symbol.asyncDispose]();
    },
  };
}

function subscriptionsOver(transport: SubgraphTransport) {
  switch (transport) {
    case 'sse':
      return { kind: 'http' };
    case 'ws':
      return {
        kind: 'ws',
        options: {
          connectionParams: Object.fromEntries(
            propagatedHeaders.map((name) => [name, `{context.headers['${name}']}`] as const),
          ),
        },
      };
  }
}

const propagated = (
  headerOf: (name: string) => string | readonly string[] | null | undefined,
): Record<string, string> =>
  Object.fromEntries(
    propagatedHeaders.flatMap((name) => {
      const value = headerOf(name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
