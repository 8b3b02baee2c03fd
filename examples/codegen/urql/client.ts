import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import type { Client as Socket } from 'graphql-ws';

/** Queries and mutations use HTTP, and subscriptions the socket. */
export const createUrqlClient = (url: string, socket: Socket): Client =>
  new Client({
    url,
    preferGetMethod: false,
    exchanges: [
      cacheExchange,
      fetchExchange,
      // The subscriptions of fetchExchange itself (`fetchSubscriptions`) do not reconnect.
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { query, variables: variables ?? {} },
              {
                next: ({ data = null, errors }) =>
                  sink.next(errors === undefined ? { data } : { data, errors: [...errors] }),
                error: (error) => sink.error(error),
                complete: () => sink.complete(),
              },
            ),
          }),
        }),
      }),
    ],
  });
