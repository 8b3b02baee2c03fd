import type { IncomingMessage } from 'node:http';

export const graphqlPath = '/graphql';

/** Path at which clients reserve and open event streams for several operations. */
export const eventStreamPath = '/graphql/stream';

/** Start of the paths of downloads. */
export const filesPath = '/files/';

/** Text of responses to requests for other paths. */
export const notFound = `not found: the GraphQL API, also over WebSocket, is at ${graphqlPath}`;

/** The path that a request names, without its query. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}
