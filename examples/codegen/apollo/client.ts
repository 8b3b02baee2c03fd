import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';
import type { Client } from 'graphql-ws';
import possibleTypes from './__generated__/possible-types.ts';

/** Queries and mutations use HTTP, and subscriptions the socket. */
export const createApolloClient = (url: string, socket: Client): ApolloClient =>
  new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url }),
    ),
    cache: new InMemoryCache({
      ...possibleTypes,
      typePolicies: {
        // They have no `id`. Without these policies, a second query would replace their fields.
        Viewer: { merge: true },
        Sandbox: { keyFields: ['name'] },
        // Pages are merged by `edges`; of `nodes`, only the last page would remain.
        Query: { fields: { exportJobs: relayStylePagination(['filter']) } },
      },
    }),
  });
