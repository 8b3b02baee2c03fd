import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { type FederationGateway, propagatedHeaders } from '../../examples/federation/gateway.ts';

interface ApolloContext {
  readonly headers: Readonly<Record<string, string>>;
}

/** @apollo/gateway with its own server. It does not support subscriptions. */
export async function startApolloGateway(supergraphSdl: string): Promise<FederationGateway> {
  let reload: (supergraph: string) => void = () => {};
  const gateway = new ApolloGateway({
    supergraphSdl: async ({ update }) => {
      reload = update;
      return { supergraphSdl };
    },
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
  return { url: url.replace(/\/$/, ''), reload: (next) => reload(next), [Symbol.asyncDispose]: () => server.stop() };
}

const propagated = (headerOf: (name: string) => string | readonly string[] | undefined): Record<string, string> =>
  Object.fromEntries(
    propagatedHeaders.flatMap((name) => {
      const value = headerOf(name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
