import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGatewayRuntime, type GatewayConfigSupergraph } from '@graphql-hive/gateway-runtime';

/** Headers that identify the caller to the platform. */
export const propagatedHeaders = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'] as const;

/** Transport of Hive Gateway's subscriptions to a subgraph. */
export type SubgraphTransport = 'sse' | 'ws';

/** Options of Hive Gateway, as for `defineConfig` in `gateway.config.ts`, without the supergraph. */
const gatewayOptions = (transport: SubgraphTransport): Omit<GatewayConfigSupergraph, 'supergraph'> => ({
  // Without both, Hive Gateway keeps the subscription of a client that has left until the next event.
  executionCancellation: true,
  upstreamCancellation: true,
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) =>
      Object.fromEntries(
        propagatedHeaders.flatMap((name) => {
          const value = request.headers.get(name);
          return value === null ? [] : [[name, value]];
        }),
      ),
  },
  transportEntries: {
    exports: {
      options: {
        subscriptions:
          transport === 'sse'
            ? { kind: 'http' }
            : {
                kind: 'ws',
                options: {
                  connectionParams: Object.fromEntries(
                    propagatedHeaders.map((name) => [name, `{context.headers['${name}']}`]),
                  ),
                },
              },
      },
    },
  },
});

/** A federation gateway, at `url`/graphql. */
export interface FederationGateway extends AsyncDisposable {
  readonly url: string;
  /** Replaces the supergraph. */
  reload(supergraph: string): void;
}

/**
 * Starts Hive Gateway on a free port. It extends each event of a subgraph with the fields of other subgraphs.
 *
 * @param options further options, such as plugins
 */
export async function startHiveGateway(
  supergraph: string,
  transport: SubgraphTransport,
  options: Pick<GatewayConfigSupergraph, 'genericAuth' | 'plugins'> = {},
): Promise<FederationGateway> {
  let current = supergraph;
  const runtime = createGatewayRuntime({
    ...gatewayOptions(transport),
    ...options,
    supergraph: () => current,
    logging: false,
    landingPage: false,
  });
  const server = createServer(runtime);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    reload: (next) => {
      current = next;
      runtime.invalidateUnifiedGraph();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await runtime[Symbol.asyncDispose]();
    },
  };
}
