import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { onEnd, pipe, subscribe } from 'wonka';
import { headers, runCases, url } from './cases.ts';
import { requests, watchExport } from './documents.ts';
import { createSocket } from './socket.ts';

const socket = createSocket();
const client = new Client({
  url,
  preferGetMethod: false,
  fetchOptions: { headers },
  exchanges: [
    fetchExchange,
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

await runCases({
  ...requests(async (kind, document, variables) => {
    const { data, error } = await client[kind](document, variables).toPromise();
    if (data === undefined || error !== undefined) throw error ?? new Error('There is no data.');
    return data;
  }),
  watch: (ids, take) =>
    new Promise((resolve, reject) => {
      pipe(
        client.subscription(watchExport, { ids, after: null }),
        onEnd(resolve),
        subscribe(({ data, error, hasNext }) => {
          if (error !== undefined) reject(error);
          // At the end, the client emits the last result again, without `hasNext`.
          else if (data !== undefined && hasNext) take(data.exportJobChanged);
        }),
      );
    }),
  close: () => socket.dispose(),
});
