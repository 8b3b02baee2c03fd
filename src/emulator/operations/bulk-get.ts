import { z } from 'zod';
import { PlatformError, upsCodes } from '../errors.ts';
import type { Call, Reply } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';

/** Maximum number of ids in one bulk read. It is documented only for audiences. */
const maximumIds = 100;

const bulkBody = z.looseObject({ ids: z.array(z.looseObject({ id: z.string() })) });

/** Texts for the error about a missing entity. */
export interface MissingEntity {
  readonly code: string;
  /** Kind of the entity, such as `Segment job`. */
  readonly kind: string;
}

/**
 * Answers a bulk read: 207 with one result per id, in which missing ids are errors, or 404 when all ids are missing.
 * @param read returns the existing records by id
 * @throws {PlatformError} 400 for a body without ids or with more than 100 ids, 404
 */
export async function bulkGet(
  { body, requestId }: Call,
  { code, kind }: MissingEntity,
  read: (ids: readonly string[]) => Promise<ReadonlyMap<string, JsonObject>>,
): Promise<Reply> {
  const parsed = bulkBody.safeParse(body);
  if (!parsed.success) {
    throw new PlatformError(400, upsCodes.invalidRequest, 'The body must be {"ids": [{"id": "…"}]}.');
  }
  const ids = [...new Set(parsed.data.ids.map(({ id }) => id))];
  if (ids.length === 0 || ids.length > maximumIds) {
    throw new PlatformError(400, upsCodes.bulkSize, `The number of ids cannot be 0 or exceed ${maximumIds}.`);
  }
  const found = await read(ids);
  if (found.size === 0) throw new PlatformError(404, code, `${kind}: none of ${ids.join(', ')} exists.`);
  const results = ids.map((id) => {
    const missing = { requestId, errors: { 404: [{ code, message: `${kind} ${id} does not exist.` }] } };
    return [id, found.get(id) ?? missing] as const;
  });
  return { kind: 'json', status: 207, body: { results: Object.fromEntries(results) } };
}
