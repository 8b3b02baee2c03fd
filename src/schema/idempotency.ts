import type { GatewayContext } from '../context/context.ts';
import { ConflictError } from '../errors.ts';
import { nonEmpty, optional } from './input.ts';

export const idempotencyKeyInput = optional(nonEmpty(200));

/**
 * Creates an entity, or finds the one that the same idempotency key created before.
 * @throws {ConflictError} the key was used with another input, or what it created is gone
 * @throws what `create` and `find` throw
 */
export async function createOnce<Entity extends { readonly id: string }>(
  ctx: Pick<GatewayContext, 'once'>,
  request: {
    readonly operation: string;
    readonly key: string | undefined;
    readonly input: unknown;
    readonly create: () => Promise<Entity>;
    readonly find: (id: string) => Promise<Entity | null>;
  },
): Promise<{ readonly created: Entity; readonly replayed: boolean }> {
  const { operation, key, input, create, find } = request;
  if (key === undefined) return { created: await create(), replayed: false };
  const { id, replayed } = await ctx.once({ operation, key, input }, async () => (await create()).id);
  const created = await find(id);
  if (created !== null) return { created, replayed };
  throw new ConflictError({ message: `The idempotency key created ${id}, which no longer exists.` });
}
