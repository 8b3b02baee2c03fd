import type { ResultOf } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import type { CaseClient } from './cases.ts';
import { requests, type WatchVariables, watchExport } from './documents.ts';

interface Result<Data> {
  readonly data?: Data | null | undefined;
  readonly errors?: unknown;
}

/** The methods that the clients of graphql-ws and graphql-sse have in common. */
interface IteratingClient {
  iterate<Data>(payload: { query: string; variables: Record<string, unknown> }): AsyncIterable<Result<Data>>;
  dispose(): void | Promise<void>;
}

/** All operations over one client, and its subscription continues after a lost connection. */
export const iterating = (client: IteratingClient): CaseClient => ({
  ...requests(async (_, document, variables) => {
    for await (const result of client.iterate<ResultOf<typeof document>>({ query: print(document), variables })) {
      return dataOf(result);
    }
    throw new Error('There is no result.');
  }),
  watch: async (ids, take) => {
    // The client sends this object again after each reconnect.
    const variables: WatchVariables = { ids, after: null };
    for await (const result of client.iterate<ResultOf<typeof watchExport>>({ query: print(watchExport), variables })) {
      const { exportJobChanged: event } = dataOf(result);
      variables.after = event.cursor;
      take(event);
    }
  },
  close: () => client.dispose(),
});

const dataOf = <Data>({ data, errors }: Result<Data>): Data => {
  if (data === null || data === undefined || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
};
