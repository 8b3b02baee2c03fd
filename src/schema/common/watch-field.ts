import type { EnumRef, InputRef, ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { z } from 'zod';
import { maxEndedWithinSeconds } from '../../domain/job.ts';
import type { WatchEvent } from '../../events/watch.ts';
import type { WatchedEntity, WatchKindName } from '../../polling/watches.ts';
import { builder } from '../builder.ts';
import { idInput, type NodeTypename } from './global-id.ts';
import { listInput, nullable, optional, parseInput, textInput } from './input.ts';
import { WatchEventInterface } from './watch.ts';

type Types = (typeof builder)['$inferSchemaTypes'];

export interface WatchFieldOptions<Entity extends object> {
  /** Type of the entities, for example `ExportJob`. The field is `exportJobChanged`, and its events `ExportJobEvent`. */
  readonly typename: NodeTypename;
  readonly type: ObjectRef<Types, Entity>;
  /** Member of the events that contains the entity. */
  readonly member: string;
  /** Name of an entity with its article, for descriptions: `an export job`. */
  readonly noun: string;
  /** Name of several entities in the descriptions of arguments: `jobs`. */
  readonly plural: string;
  readonly description: string;
  /** Status that events report as `previousStatus`. Absent: the events have no such member. */
  readonly status?: { readonly type: EnumRef<Types, string>; of(entity: Entity): string };
  /** Absent: the field has no filter. */
  readonly filter?: {
    readonly type: InputRef<unknown>;
    /**
     * Returns the condition of a filter; null: every entity meets it.
     * @throws {InvalidInputError} on paths below `filter`
     */
    parse(filter: unknown): ((entity: Entity) => boolean) | null;
  };
  /**
   * How a subscription without `ids` selects ended entities for its start. `argument`: by the argument
   * `endedWithinSeconds`. `recently`: by the default of this argument. Absent: the entities do not end.
   */
  readonly ended?: 'argument' | 'recently';
  /** Whether the subscription also watches the results of the entities (see ResultRules). @default false */
  withResults?(info: GraphQLResolveInfo): boolean;
  /** Returns the form of an entity in events. @default the entity */
  shown?(entity: Entity): Entity;
}

/**
 * Creates the event type and the subscription field of a kind of entity. Each source in `polling/sources/` has one.
 */
export function watchField<Name extends WatchKindName>(
  kind: Name,
  options: WatchFieldOptions<WatchedEntity<Name>>,
): void {
  type Entity = WatchedEntity<Name>;
  const { typename, plural, description, filter, ended, withResults } = options;
  const type = eventType(options);
  // The schema is created once per field, because creating it costs thirty checks.
  const input = watchInput(typename);
  builder.subscriptionField(`${typename.charAt(0).toLowerCase()}${typename.slice(1)}Changed`, (t) =>
    t.field({
      extensions: { upstreamCalls: 'each' },
      type,
      description,
      args: {
        ids: t.arg.idList({
          description: `Global or platform ids of the ${plural} to watch. By default all ${plural} are watched.`,
        }),
        ...(filter === undefined
          ? {}
          : { filter: t.arg({ type: filter.type, description: `Conditions that the ${plural} meet.` }) }),
        after: t.arg.string({
          description: 'Cursor of the last event that the client received. Omit it to start with the current state.',
        }),
        ...(ended === 'argument' ? { endedWithinSeconds: t.arg.int({ description: endedWithinDescription }) } : {}),
      },
      subscribe: async (_, args, ctx, info): Promise<AsyncIterable<WatchEvent<Entity>>> => {
        const { ids, after, endedWithinSeconds } = parseInput(input, args);
        return ctx.watch(kind).subscribe({
          ids,
          withResults: withResults?.(info) ?? false,
          matches: filter?.parse('filter' in args ? args.filter : null) ?? null,
          after,
          endedWithinSeconds: ended === undefined ? undefined : endedWithinSeconds,
          signal: ctx.signal,
          expiresAt: ctx.expiresAt,
        });
      },
      // `never`, because the builder's conditional type of a resolver's result stays unresolved while Name is a
      // parameter.
      resolve: (event) => event as never,
    }),
  );
}

function eventType<Entity extends object>(options: WatchFieldOptions<Entity>) {
  const { typename, type, member, noun, status, shown = (entity) => entity } = options;
  return builder.objectRef<WatchEvent<Entity>>(`${typename}Event`).implement({
    description: `A change of ${noun}, or of the subscription as a whole.`,
    interfaces: [WatchEventInterface],
    fields: (t) => ({
      ...(status === undefined
        ? {}
        : {
            previousStatus: t.field({
              type: status.type,
              nullable: true,
              description: 'Status before the change. Null if there was no earlier status.',
              resolve: ({ previous }) => (previous === null ? null : status.of(previous)),
            }),
          }),
      [member]: t.field({
        type,
        nullable: true,
        description: 'State of the entity. Null if `kind` is STALE, RECOVERED or RESYNC.',
        // `never`, for the same reason as in `watchField`.
        resolve: ({ entity }) => (entity === null ? null : shown(entity)) as never,
      }),
    }),
  });
}

/** Number of ids in one subscription. */
const maxWatchedIds = 1_000;

/**
 * Default of `endedWithinSeconds`: the time, in seconds, in which a client that reconnects may have missed the end of a
 * job.
 */
const defaultEndedWithinSeconds = 900;

const endedWithinInput = z
  .number()
  .int()
  .min(0, 'must be at least 0')
  .max(maxEndedWithinSeconds, `must be at most ${maxEndedWithinSeconds}`)
  .nullish()
  .transform((seconds) => seconds ?? defaultEndedWithinSeconds);

const endedWithinDescription = [
  'Without `ids`, the stream also starts with the jobs that ended within this number of seconds, so that a client that',
  `reconnects with its original variables receives their final states. 0 to ${maxEndedWithinSeconds}, ${defaultEndedWithinSeconds} by default, 0 for none.`,
].join('\n');

const watchInput = (typename: NodeTypename) =>
  z.object({
    ids: nullable(
      listInput(idInput(typename), { maximum: maxWatchedIds, empty: 'must name at least one, or be omitted' }),
    ),
    after: optional(textInput(200)),
    endedWithinSeconds: endedWithinInput,
  });
