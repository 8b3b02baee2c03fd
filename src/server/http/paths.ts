import type { IncomingMessage } from 'node:http';

export const graphqlPath = '/graphql';

/** Path at which clients reserve and open event streams for several operations. */
export const eventStreamPath = '/graphql/stream';

/** Start of the paths of downloads. */
export const filesPath = '/files/';

/** The path that a request names, without its query. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}
