import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client/core';
import * as apollo3 from '@apollo/client-3/core';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { type DocumentNode, parse, print } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

/** A query with one failing field, and a query that fails as a whole. */
const partial = parse('{ __typename exportJob(id: "Dataset:1") { id } }');
const rejected = parse('{ nope }');

interface Outcome {
  readonly data: unknown;
  /** Codes of the errors that the client passes to an application. */
  readonly codes: readonly unknown[];
}

const headers = { accept: 'application/graphql-response+json' };
const codesOf = (errors: readonly { readonly extensions?: Readonly<Record<string, unknown>> }[]) =>
  errors.map(({ extensions }) => extensions?.['code']);

/**
 * Sends a query with a client that accepts `application/graphql-response+json`, and records the statuses of the
 * responses.
 */
const clients: Readonly<Record<string, (query: DocumentNode, send: typeof fetch) => Promise<Outcome>>> = {
  'Apollo Client 4': async (query, send) => {
    const link = new HttpLink({ uri: gateway.graphqlUrl, fetch: send });
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const { data, error } = await client.query({ query, errorPolicy: 'all', fetchPolicy: 'no-cache' });
    return { data: data ?? null, codes: CombinedGraphQLErrors.is(error) ? codesOf(error.errors) : [String(error)] };
  },
  'Apollo Client 3': async (query, send) => {
    // By default the client accepts any type, and fails on every status from 300 on, whatever the type of the response.
    const link = new apollo3.HttpLink({
      uri: gateway.graphqlUrl,
      fetch: send,
      ...(query === partial ? { headers } : {}),
    });
    const client = new apollo3.ApolloClient({ link, cache: new apollo3.InMemoryCache() });
    const { data, errors } = await client.query({ query, errorPolicy: 'all', fetchPolicy: 'no-cache' });
    return { data: data ?? null, codes: codesOf(errors ?? []) };
  },
  urql: async (query, send) => {
    const exchanges = [cacheExchange, fetchExchange];
    const client = new Client({ url: gateway.graphqlUrl, exchanges, fetch: send, preferGetMethod: false });
    const { data, error } = await client.query(query, {}, { requestPolicy: 'network-only' }).toPromise();
    return { data: data ?? null, codes: codesOf(error?.graphQLErrors ?? []) };
  },
  // The network layer of Relay is a function of the application. This one is from its documentation.
  Relay: async (query, send) => {
    const response = await send(gateway.graphqlUrl, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query: print(query) }),
    });
    const { data = null, errors } = await response.json();
    return { data, codes: codesOf(errors) };
  },
};

describe.each(Object.entries(clients))('%s', (name, ask) => {
  const asked = async (query: DocumentNode) => {
    const statuses: number[] = [];
    const send: typeof fetch = async (...args) => {
      const response = await fetch(...args);
      statuses.push(response.status);
      return response;
    };
    return { ...(await ask(query, send)), statuses };
  };

  it('shows the data and the errors of a response with status 294', async () => {
    const { data, codes, statuses } = await asked(partial);
    expect(statuses).toEqual([294]);
    expect(data).toMatchObject({ __typename: 'Query', exportJob: null });
    expect(codes).toEqual(['INVALID_INPUT']);
  });

  it('shows the errors of a request that was rejected', async () => {
    const { statuses, codes } = await asked(rejected);
    expect(statuses).toEqual([name === 'Apollo Client 3' ? 200 : 422]);
    expect(codes).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });
});
