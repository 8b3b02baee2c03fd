import type { GatewayContext } from '../../context/context.ts';
import { ConflictError } from '../../errors.ts';
import type { WrittenEntity } from '../../upstream/types.ts';
import { nonEmpty, optional } from './input.ts';

/** Keys are compared by their UTF-16 code units, without spaces at their ends. */
export const idempotencyKeyInput = optional(nonEmpty(200));

/**
 * Creates an entity, or finds the entity that the same idempotency key created before.
 * @throws {ConflictError} the key was used with another input before, or the entity that it created no longer exists
 * @throws the errors of `create`, `find` and `IdempotencyRecords`
 */
export async function createIdempotently<Entity extends { readonly id: string }>(
  ctx: Pick<GatewayContext, 'idempotent'>,
  request: {
    readonly operation: string;
    readonly entity: WrittenEntity;
    readonly key: string | undefined;
    readonly input: unknown;
    /** Awaits `starting` immediately before it sends the create. */
    readonly create: (starting: () => Promise<void>) => Promise<Entity>;
    /** Reads the entity. Not called for an entity that was created now. */
    readonly find: (id: string) => Promise<Entity | null>;
  },
): Promise<{ readonly created: Entity; readonly replayed: boolean }> {
  const { operation, entity, key, input, create, find } = request;
  if (key === undefined) return { created: await create(async () => {}), replayed: false };
  let made: Entity | null = null;
  const { id, replayed } = await ctx.idempotent({ operation, entity, key, input }, async (starting) => {
    made = await create(starting);
    return made.id;
  });
  const created = made ?? (await find(id));
  if (created !== null) return { created, replayed };
  throw new ConflictError({ message: `The idempotency key created ${id}, which no longer exists.` });
}
