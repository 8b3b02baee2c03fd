export const graphqlPath = '/graphql';

/** Where clients reserve and open event streams for several operations. */
export const eventStreamPath = '/graphql/stream';
