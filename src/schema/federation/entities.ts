import type { GraphQLSchema } from 'graphql';
import { z } from 'zod';
import type { GatewayContext } from '../../context/context.ts';
import { InvalidInputError } from '../../errors.ts';
import { builder } from '../builder.ts';
import { maxIdLength, nodeTypenames, parseId } from '../common/global-id.ts';
import { optional, parseInput } from '../common/input.ts';
import {
  BatchRef,
  DatasetRef,
  type Entity,
  ExportJobRef,
  MergePolicyRef,
  ScheduleRef,
  SegmentDefinitionRef,
  SegmentJobRef,
} from '../common/refs.ts';
import { assertMayRead, loadEntity } from '../node.ts';
import { printSubgraph } from './sdl.ts';

/** The fields that a router requests from a subgraph. The subgraph specification defines their names. */

builder.scalarType('_Any', {
  description: 'A representation of an entity: `__typename` and the fields of one key of that type.',
  serialize: (value) => value,
});

const EntityRef = builder.unionType('_Entity', {
  description: 'All types that other subgraphs may refer to.',
  types: [BatchRef, DatasetRef, ExportJobRef, MergePolicyRef, ScheduleRef, SegmentDefinitionRef, SegmentJobRef],
});

const Service = builder.objectRef<{ sdl: string }>('_Service').implement({
  description: 'This gateway as a subgraph.',
  fields: (t) => ({
    sdl: t.exposeString('sdl', {
      // Each alias of the field repeats the whole text.
      extensions: { schemaCharacters: (schema: GraphQLSchema) => sdlOf(schema).length },
      description: 'The schema with its federation directives.',
    }),
  }),
});

const representationInput = z
  .object({
    __typename: z.enum(nodeTypenames, 'must be a type that has a key'),
    id: optional(z.string('must be text')),
    platformId: optional(
      z
        .string('must be text')
        .min(1, 'must not be empty')
        .max(maxIdLength, `must have at most ${maxIdLength} characters`),
    ),
  })
  .refine(({ id, platformId }) => id !== undefined || platformId !== undefined, 'must have id or platformId');

/**
 * @throws {ForbiddenError} the caller may not read
 * @throws {InvalidInputError} the value is not a representation, or its id belongs to another type
 */
function loadReference(representation: unknown, path: string, ctx: GatewayContext): Promise<Entity | null> {
  assertMayRead(ctx);
  const { __typename, id, platformId } = parseInput(representationInput, representation, path);
  const key = platformId ?? parseId(__typename, id ?? '', `${path}.id`);
  return loadEntity(__typename, key, ctx);
}

/** Number of representations in one `_entities`. */
const maxRepresentations = 1_000;

/** Printing takes milliseconds, and the schema never changes. */
const printed = new WeakMap<GraphQLSchema, string>();

function sdlOf(schema: GraphQLSchema): string {
  const sdl = printed.get(schema) ?? printSubgraph(schema);
  printed.set(schema, sdl);
  return sdl;
}

builder.queryFields((t) => ({
  _entities: t.field({
    // Like `nodes`: each entry is checked.
    extensions: { upstreamCalls: 'each', access: 'authenticated' },
    type: [EntityRef],
    nullable: { list: false, items: true },
    description: 'Entities by their representations, in the same order. An entry is null if the entity does not exist.',
    args: {
      representations: t.arg({
        type: ['_Any'],
        required: true,
        description: `Representations of the entities; at most ${maxRepresentations}.`,
      }),
    },
    resolve: (_, { representations }, ctx) => {
      if (representations.length > maxRepresentations) {
        const message = `must have at most ${maxRepresentations} entries`;
        throw new InvalidInputError([{ path: 'representations', message }]);
      }
      // Each entry has its own promise, so that the failure of one entry does not affect the others.
      return representations.map(async (each, index) => loadReference(each, `representations.${index}`, ctx));
    },
  }),
  _service: t.field({
    type: Service,
    description: 'This gateway as a subgraph.',
    resolve: (_, __, ___, { schema }) => ({ sdl: sdlOf(schema) }),
  }),
}));
