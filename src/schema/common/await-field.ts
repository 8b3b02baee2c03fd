import type { ObjectRef } from '@pothos/core';
import { z } from 'zod';
import type { GatewayContext } from '../../context/context.ts';
import type { Branded } from '../../domain/tenant.ts';
import type { WaitResult } from '../../events/watch.ts';
import type { WatchedEntity, WatchKindName } from '../../polling/watches.ts';
import { builder } from '../builder.ts';
import { idInput, type NodeTypename } from './global-id.ts';
import { parseInput } from './input.ts';

type Types = (typeof builder)['$inferSchemaTypes'];

export interface AwaitFieldOptions<Id extends Branded<string>, Entity extends object> {
  /** Type of the jobs, for example `ExportJob`. The field is `awaitExportJob`, and its type `ExportJobWait`. */
  readonly typename: NodeTypename;
  readonly type: ObjectRef<Types, Entity>;
  /** Name of a job with its article, for descriptions: `an export job`. */
  readonly noun: string;
  /** Reads the job that has an id, which the platform may know by another id too. */
  load(ctx: GatewayContext, id: Id): Promise<{ readonly id: Id } | null>;
  /** Returns the form of a job in a result. @default the job */
  shown?(entity: Entity): Entity;
}

interface Wait<Entity> extends WaitResult<Entity> {
  readonly waitedMs: number;
}

/** Default and maximum of `timeoutMs`. The maximum is below the 60 seconds after which proxies end a request. */
const defaultTimeoutMs = 30_000;
const maxTimeoutMs = 55_000;

/** Creates the query field that waits for the end of a job, and its type. */
export function awaitField<Name extends WatchKindName, Id extends Branded<string>>(
  kind: Name,
  options: AwaitFieldOptions<Id, WatchedEntity<Name>>,
): void {
  type Entity = WatchedEntity<Name>;
  const { typename, noun, load } = options;
  const type = waitType(options);
  const input = z.object({
    id: idInput<Id>(typename),
    timeoutMs: z
      .number()
      .int()
      .min(0, 'must be at least 0')
      .max(maxTimeoutMs, `must be at most ${maxTimeoutMs}`)
      .nullish()
      .transform((ms) => ms ?? defaultTimeoutMs),
  });
  // One function with explicit ends, because thousands of calls can wait in it.
  const wait = async (args: unknown, ctx: GatewayContext): Promise<Wait<Entity> | null> => {
    const { id, timeoutMs } = parseInput(input, args);
    const counted = ctx.countSubscription();
    try {
      const { signal, expiresAt } = ctx;
      const startedMs = ctx.clock.monotonicMs();
      let result = await ctx.watch(kind).wait({ id, timeoutMs, expiresAt, signal });
      if (result === null) {
        // The platform may know the job by another form of its id.
        const known = await load(ctx, id);
        if (known === null) return null;
        const leftMs = timeoutMs - (ctx.clock.monotonicMs() - startedMs);
        result = await ctx.watch(kind).wait({ id: known.id, timeoutMs: leftMs, expiresAt, signal });
      }
      // Timers may fire up to a millisecond early.
      return result === null ? null : { ...result, waitedMs: Math.ceil(ctx.clock.monotonicMs() - startedMs) };
    } finally {
      counted[Symbol.dispose]();
    }
  };
  builder.queryField(`await${typename}`, (t) =>
    t.field({
      extensions: { upstreamCalls: 'each' },
      type,
      nullable: true,
      description: [
        `Returns when ${noun} has ended, or after \`timeoutMs\` milliseconds. For callers that cannot hold a subscription. Many waiting`,
        'callers cause no more platform calls than one. Each counts as a subscription of its caller. Null if the job does not exist.',
      ].join('\n'),
      args: {
        id: t.arg.id({ required: true, description: 'Global id or platform id.' }),
        timeoutMs: t.arg.int({
          description: `Maximum duration of the wait in milliseconds, 0 to ${maxTimeoutMs}; ${defaultTimeoutMs} by default. If the state of the job is not known yet, reading it can take longer.`,
        }),
      },
      // `never`, because the builder's conditional type of a resolver's result stays unresolved while Name is a
      // parameter.
      resolve: (_, args, ctx) => wait(args, ctx) as never,
    }),
  );
}

function waitType<Id extends Branded<string>, Entity extends object>(options: AwaitFieldOptions<Id, Entity>) {
  const { typename, type, noun, shown = (entity) => entity } = options;
  return builder.objectRef<Wait<Entity>>(`${typename}Wait`).implement({
    description: `Result of a wait for the end of ${noun}.`,
    fields: (t) => ({
      job: t.field({
        type,
        description: 'State of the job at the end of the wait.',
        // `never`, for the same reason as in `awaitField`.
        resolve: ({ entity }) => shown(entity) as never,
      }),
      ended: t.exposeBoolean('ended', {
        description:
          'True if the job has ended, or if the platform no longer has it. False if the timeout passed first, or if the gateway is shutting down; call again in that case.',
      }),
      waitedMs: t.expose('waitedMs', {
        type: 'SafeInt',
        description: 'Duration of the wait in milliseconds.',
      }),
      cursor: t.exposeString('cursor', {
        nullable: true,
        description: 'Cursor of this state. Pass it as `after` to a subscription that continues after this state.',
      }),
    }),
  });
}
