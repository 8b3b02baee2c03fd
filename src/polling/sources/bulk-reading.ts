import { GatewayError } from '../../errors.ts';
import { inChunks } from '../../runtime/in-chunks.ts';
import { mapBounded } from '../../runtime/map-bounded.ts';
import type { BulkResult } from '../../upstream/apis/bulk-get.ts';
import { concernsOneEntity, isAuthRejection } from '../failure.ts';
import type { RoundRequest } from './source.ts';

/** Maximum number of ids in one call. */
const maxIdsPerCall = 100;
/** Maximum number of concurrent calls. */
const concurrency = 4;

/** Entities that a round has read by id. */
interface BulkReading<Entity> {
  readonly found: readonly Entity[];
  /** Ids that the platform does not have. */
  readonly absent: readonly string[];
  readonly failed: ReadonlyMap<string, GatewayError>;
  /** Ids for which there was a response. */
  readonly requested: readonly string[];
  readonly calls: number;
  /** The last failure; null: there was none. */
  readonly incomplete: GatewayError | null;
}

/**
 * Reads entities by id, with one call for 100 ids. If a call fails because of one entity, for example because the
 * platform rejects an id that a subscriber has invented, its ids are read in two halves, so that the other entities stay
 * readable. The allowance of the round limits these additional calls.
 * @throws {GatewayError} the platform rejects the credential
 * @throws the reason of the signal
 */
export async function readInBulk<Id extends string, Entity extends { readonly id: Id }>(
  getMany: (ids: readonly Id[]) => Promise<BulkResult<Id, Entity>>,
  ids: readonly Id[],
  { signal, allowance }: Pick<RoundRequest<Entity, unknown>, 'signal' | 'allowance'>,
): Promise<BulkReading<Entity>> {
  const found: Entity[] = [];
  const requested: Id[] = [];
  const failed = new Map<string, GatewayError>();
  let calls = 0;
  let halvings = allowance;
  let incomplete: GatewayError | null = null;
  const fail = (id: Id, error: GatewayError): void => {
    failed.set(id, error);
    incomplete = error;
  };
  const read = async (part: readonly Id[]): Promise<void> => {
    signal.throwIfAborted();
    calls += 1;
    try {
      const result = await getMany(part);
      found.push(...result.found);
      requested.push(...part);
      for (const { id, error } of result.failed) {
        if (!(error instanceof GatewayError)) throw error;
        fail(id, error);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GatewayError) || isAuthRejection(error)) throw error;
      if (part.length === 1 || halvings === 0 || !concernsOneEntity(error)) {
        for (const id of part) fail(id, error);
        return;
      }
      incomplete = error;
      halvings -= 1;
      const middle = Math.ceil(part.length / 2);
      await read(part.slice(0, middle));
      await read(part.slice(middle));
    }
  };
  await mapBounded(inChunks(ids, maxIdsPerCall), concurrency, read);
  const present = new Set<string>(found.map(({ id }) => id));
  return {
    found,
    absent: requested.filter((id) => !present.has(id) && !failed.has(id)),
    failed,
    requested,
    calls,
    incomplete,
  };
}
