import type { ArgBuilder, ObjectRef } from '@pothos/core';
import { z } from 'zod';
import type { Connection, Edge } from '../loaders/connection.ts';
import { builder } from './builder.ts';
import { shareable } from './federation-directives.ts';
import { afterInput, firstInput, parseInput } from './input.ts';

const PageInfo = builder.objectRef<Connection<unknown>['pageInfo']>('PageInfo').implement({
  description: 'Where a page of a connection stands.',
  extensions: shareable,
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', {
      description: 'Whether asking with `after: endCursor` may give more.',
    }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', {
      description: 'Whether the page did not begin at the start.',
    }),
    startCursor: t.exposeString('startCursor', { nullable: true, description: 'Cursor of the first edge.' }),
    endCursor: t.exposeString('endCursor', {
      nullable: true,
      description:
        'Where the next page begins. May be set on a page without edges, when a filter had to look at many rows.',
    }),
  }),
});

type Types = (typeof builder)['$inferSchemaTypes'];

/** The arguments of every connection. It can be read forwards only, as the platform's lists can. */
export const connectionArgs = (t: { readonly arg: ArgBuilder<Types> }) => ({
  first: t.arg.int({ description: 'How many, 1 to 100; 20 by default.' }),
  after: t.arg.string({ description: 'Begin behind this cursor.' }),
});

const pageInput = z.object({ first: firstInput, after: afterInput });

/** @throws {InvalidInputError} `first` is outside 1 to 100 */
export const parsePage = (args: { first?: number | null | undefined; after?: string | null | undefined }) =>
  parseInput(pageInput, args);

/** The connection and edge types of a node type, as Relay's specification has them, with `nodes` beside. */
export function connectionType<Node extends object>(name: string, node: ObjectRef<Types, Node>) {
  const EdgeRef = builder.objectRef<Edge<Node>>(`${name}Edge`).implement({
    description: `One ${name} of a connection.`,
    fields: (t) => ({
      // `never`: the builder's conditional type for a resolver's answer stays unresolved while Node is a parameter.
      node: t.field({ type: node, description: 'The thing itself.', resolve: (edge) => edge.node as never }),
      cursor: t.exposeString('cursor', { description: 'Opaque: the place behind this edge.' }),
    }),
  });
  return builder.objectRef<Connection<Node>>(`${name}Connection`).implement({
    description: `A page of ${name} entries.`,
    fields: (t) => ({
      edges: t.field({
        type: [EdgeRef],
        description: 'The entries with their cursors.',
        resolve: (page) => page.edges,
      }),
      nodes: t.field({ type: [node], description: 'The entries alone.', resolve: (page) => page.nodes }),
      pageInfo: t.field({ type: PageInfo, description: 'Where this page stands.', resolve: (page) => page.pageInfo }),
    }),
  });
}
