import type { GatewayError } from '../../errors.ts';
import type { BulkLimits, BulkResult } from '../../upstream/apis/bulk-read.ts';
import { isAuthRejection } from '../failure.ts';
import type { RoundRequest } from './source.ts';

/** Entities that a round has read by id. */
interface ReadingByIds<Entity> {
  readonly found: readonly Entity[];
  /** Ids that the platform does not have. */
  readonly absent: readonly string[];
  readonly failed: ReadonlyMap<string, GatewayError>;
  /** Ids for which there was a response. */
  readonly requested: readonly string[];
  readonly calls: number;
  /** The last failure; null: there was none. */
  readonly incomplete: GatewayError | null;
  /** The last failure of a whole call; null: there was none. */
  readonly failedCall: GatewayError | null;
}

const nothing = { found: [], failed: [], calls: 0 } as const satisfies BulkResult<never, never>;

/**
 * Reads entities by id. If a call fails because of one entity, for example because the platform rejects an id that a
 * subscriber has invented, the other entities are read by additional calls, which the allowance of the round limits.
 * @throws {GatewayError} the platform rejects the credential
 * @throws the reason of the signal
 */
export async function readByIds<Id extends string, Entity extends { readonly id: Id }>(
  getMany: (ids: readonly Id[], limits: BulkLimits) => Promise<BulkResult<Id, Entity>>,
  ids: readonly Id[],
  { signal, allowance }: Pick<RoundRequest<Entity, unknown>, 'signal' | 'allowance'>,
): Promise<ReadingByIds<Entity>> {
  signal.throwIfAborted();
  const { found, failed, calls } = ids.length === 0 ? nothing : await getMany(ids, { maxSplits: allowance });
  signal.throwIfAborted();
  const ofCalls = failed.filter(({ ofCall }) => ofCall);
  const rejected = ofCalls.find(({ error }) => isAuthRejection(error));
  if (rejected !== undefined) throw rejected.error;
  const errors = new Map<string, GatewayError>(failed.map(({ id, error }) => [id, error]));
  const unanswered = new Set<string>(ofCalls.map(({ id }) => id));
  const present = new Set<string>(found.map(({ id }) => id));
  return {
    found,
    absent: ids.filter((id) => !present.has(id) && !errors.has(id)),
    failed: errors,
    requested: ids.filter((id) => !unanswered.has(id)),
    calls,
    incomplete: failed.at(-1)?.error ?? null,
    failedCall: ofCalls.at(-1)?.error ?? null,
  };
}
