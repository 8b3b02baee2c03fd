import type { Client } from 'graphql-ws';
import { Environment, type GraphQLResponse, Network, Observable, RecordSource, Store } from 'relay-runtime';

/** Queries and mutations use HTTP, and subscriptions the socket. */
export function createEnvironment(url: string, socket: Client): Environment {
  const send = async (query: string | null | undefined, variables: object): Promise<GraphQLResponse> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return await response.json();
  };
  return new Environment({
    network: Network.create(
      ({ text }, variables) => send(text, variables),
      ({ text }, variables) =>
        Observable.create<GraphQLResponse>((sink) =>
          socket.subscribe(
            { query: text ?? '', variables },
            {
              // Relay and graphql-ws declare the same response with different types.
              next: (result) => sink.next(result as GraphQLResponse),
              error: (error) => sink.error(error instanceof Error ? error : new Error(JSON.stringify(error))),
              complete: () => sink.complete(),
            },
          ),
        ),
    ),
    store: new Store(new RecordSource()),
  });
}
