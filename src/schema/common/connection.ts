import type { ArgBuilder, ObjectRef } from '@pothos/core';
import { z } from 'zod';
import type { Connection, Edge } from '../../loaders/pagination/connection.ts';
import { builder } from '../builder.ts';
import { shareable } from '../federation/directives.ts';
import { afterInput, firstInput, parseInput } from './input.ts';

const PageInfo = builder.objectRef<Connection<unknown>['pageInfo']>('PageInfo').implement({
  description: 'Position of a page in its connection, as defined by Relay.',
  extensions: shareable,
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', {
      description:
        'True if a request with `after: endCursor` may return more edges. A filter can make that page empty.',
    }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'True if the request had a cursor in `after`.',
    }),
    startCursor: t.exposeString('startCursor', {
      nullable: true,
      description: 'Cursor of the first edge. Null on a page without edges.',
    }),
    endCursor: t.exposeString('endCursor', {
      nullable: true,
      description:
        'Cursor for the next page. Null on a page without edges, unless the gateway has read 1,000 rows for a filter and more rows follow.',
    }),
  }),
});

type Types = (typeof builder)['$inferSchemaTypes'];

/** The arguments of every connection. It can be read forwards only, as the platform's lists can. */
export const connectionArgs = (t: { readonly arg: ArgBuilder<Types> }) => ({
  first: t.arg.int({ description: 'Number of edges, 1 to 100; 20 by default.' }),
  after: t.arg.string({
    description: 'Cursor of an edge of this connection. The page starts after that edge. Omit it for the first page.',
  }),
});

const pageInput = z.object({ first: firstInput, after: afterInput });

/** @throws {InvalidInputError} `first` is outside 1 to 100 */
export const parsePage = (args: { first?: number | null | undefined; after?: string | null | undefined }) =>
  parseInput(pageInput, args);

/** The connection and edge types of a node type by Relay's specification, with `nodes` and `totalCount` in addition. */
export function connectionType<Node extends object>(name: string, node: ObjectRef<Types, Node>) {
  const EdgeRef = builder.objectRef<Edge<Node>>(`${name}Edge`).implement({
    description: `An entry of type ${name} in a connection.`,
    fields: (t) => ({
      // `never`, because the builder's conditional type of a resolver's result stays unresolved while Node is a
      // parameter.
      node: t.field({ type: node, description: 'The entry.', resolve: (edge) => edge.node as never }),
      cursor: t.exposeString('cursor', {
        description: 'Opaque cursor. Pass it as `after` to read the page that starts after this edge.',
      }),
    }),
  });
  return builder.objectRef<Connection<Node>>(`${name}Connection`).implement({
    description: `A page of a list of type ${name}.`,
    fields: (t) => ({
      edges: t.field({
        type: [EdgeRef],
        description: 'Entries of this page with their cursors.',
        resolve: (page) => page.edges,
      }),
      nodes: t.field({
        type: [node],
        description: 'Entries of this page without their cursors.',
        resolve: (page) => page.nodes,
      }),
      pageInfo: t.field({
        type: PageInfo,
        description: 'Position of this page, and whether more pages follow.',
        resolve: (page) => page.pageInfo,
      }),
      totalCount: t.field({
        type: 'SafeInt',
        nullable: true,
        description:
          'Number of entries in the whole list when this page was read. Null if the platform reports no count, or if the gateway applies a part of the filter itself.',
        resolve: (page) => page.totalCount,
      }),
    }),
  });
}
