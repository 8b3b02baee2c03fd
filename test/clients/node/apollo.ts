import { setTimeout as delay } from 'node:timers/promises';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { CombinedGraphQLErrors, CombinedProtocolErrors } from '@apollo/client/errors';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import type { ResultOf } from '@graphql-typed-document-node/core';
import { OperationTypeNode } from 'graphql';
import { headers, runCases, url } from './cases.ts';
import { requests, watchExport } from './documents.ts';
import { createSocket } from './socket.ts';

const socket = createSocket();
const http = new HttpLink({ uri: url, headers });
// Without a socket, subscriptions use multipart responses.
const onlyHttp = process.argv[2] === 'multipart';
const client = new ApolloClient({
  link: onlyHttp
    ? http
    : ApolloLink.split(
        ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
        new GraphQLWsLink(socket),
        http,
      ),
  // A cache needs the generated `possibleTypes` for fragments on `Error`.
  cache: new InMemoryCache({ possibleTypes: { Error: ['InvalidInputError'] } }),
});

await runCases({
  ...requests(async (kind, document, variables) => {
    const { data } =
      kind === 'query'
        ? await client.query({ query: document, variables, fetchPolicy: 'no-cache' })
        : await client.mutate({ mutation: document, variables });
    if (data === undefined || data === null) throw new Error('There is no data.');
    // Apollo Client declares partial data for an error policy that this client does not use.
    return data as ResultOf<typeof document>;
  }),
  watch: async (ids, take) => {
    let after: string | null = null;
    const completed = () =>
      new Promise<void>((resolve, reject) => {
        client.subscribe({ query: watchExport, variables: { ids, after } }).subscribe({
          next: ({ data, error }) => {
            if (error !== undefined) return reject(error);
            const event = data?.exportJobChanged;
            if (event === undefined) return;
            after = event.cursor;
            take(event);
          },
          error: reject,
          complete: resolve,
        });
      });
    // The socket connects again by itself. A multipart response that is interrupted ends with a network error.
    for (;;) {
      try {
        return await completed();
      } catch (error) {
        if (!onlyHttp || CombinedGraphQLErrors.is(error) || CombinedProtocolErrors.is(error)) throw error;
        await delay(1_000);
      }
    }
  },
  close: () => socket.dispose(),
});
