import { brandWithType } from '@pothos/core';
import type { GatewayContext } from '../context/context.ts';
import { InvalidInputError } from '../errors.ts';
import { builder } from './builder.ts';
import { readingNotAllowed } from './common/access.ts';
import { type NodeTypename, parseId, splitGlobalId } from './common/global-id.ts';
import type { Entity } from './common/refs.ts';
import { hidden } from './federation/directives.ts';

export const Node = builder.interfaceRef<object>('Node').implement({
  description: 'An object with a global id, by which it can be requested again.',
  fields: (t) => ({
    // This resolver never runs, because each type resolves its own id.
    id: t.id({ description: 'Global id, for example `ExportJob:24115`.', resolve: () => '' }),
  }),
});

/** Number of ids in one `nodes`. */
const maxNodes = 100;

type LoadNode = (id: string, ctx: GatewayContext) => Promise<Entity | null>;
const loaders = new Map<NodeTypename, LoadNode>();

/** Registers the way in which the nodes of a type are loaded. Each file of a Node type calls it once. */
export function registerNode(typename: NodeTypename, load: LoadNode): void {
  loaders.set(typename, load);
}

/**
 * Checks the caller of a field whose entries are checked one by one, before anything of an entry is read.
 * @throws {ForbiddenError} the caller may not read
 */
export function assertMayRead({ canRead }: GatewayContext): void {
  if (!canRead) throw readingNotAllowed();
}

/** Loads an entity for a field of an abstract type; null if it does not exist. */
export async function loadEntity(typename: NodeTypename, id: string, ctx: GatewayContext): Promise<Entity | null> {
  const node = await loaders.get(typename)?.(id, ctx);
  if (node === null || node === undefined) return null;
  // `as never`, because the function is typed for the default schema types. It accepts a type name.
  brandWithType(node, typename as never);
  return node;
}

async function loadNode(text: string, path: string, ctx: GatewayContext): Promise<Entity | null> {
  assertMayRead(ctx);
  const global = splitGlobalId(text);
  if (global === null)
    throw new InvalidInputError([{ path, message: 'must be a global id, as the field `id` returns it' }]);
  return loadEntity(global.typename, parseId(global.typename, text, path), ctx);
}

builder.queryFields((t) => ({
  node: t.field({
    extensions: { upstreamCalls: 'each', ...hidden },
    type: Node,
    nullable: true,
    description: 'The object with a global id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id of the object.' }) },
    resolve: (_, { id }, ctx) => loadNode(id, 'id', ctx),
  }),
  nodes: t.field({
    // The list is not nullable. Each entry is checked instead, so that a rejection does not null the rest of the
    // response.
    extensions: { upstreamCalls: 'each', access: 'authenticated', ...hidden },
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The objects with these global ids, in the same order. An entry is null if the object does not exist.',
    args: { ids: t.arg.idList({ required: true, description: `Global ids of the objects; at most ${maxNodes}.` }) },
    resolve: (_, { ids }, ctx) => {
      if (ids.length > maxNodes)
        throw new InvalidInputError([{ path: 'ids', message: `must have at most ${maxNodes} entries` }]);
      return ids.map((id, index) => loadNode(id, `ids.${index}`, ctx));
    },
  }),
}));
