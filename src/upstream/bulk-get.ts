import type { ReadingTimes } from '../domain/reading-times.ts';
import { NotFoundError } from '../errors.ts';
import { mapBounded } from '../runtime/map-bounded.ts';
import { errorFromEntry, unreadable } from './errors.ts';
import { inChunks } from './in-chunks.ts';
import type { Service } from './metrics.ts';
import { orNull, type PlatformClient } from './platform-client.ts';
import type { BulkFailure, BulkResult } from './segmentation-api.ts';
import { readEntryError } from './wire/entry-error.ts';
import { asRecord } from './wire/readers.ts';

/** Ids that one call may name; the platform refuses more. */
const maxIdsPerCall = 100;
/** Calls under way at a time, where several are needed for one question. */
const concurrency = 4;

export interface BulkGetOptions<Id extends string, Entity> {
  readonly service: Service;
  readonly path: string;
  readonly ids: readonly Id[];
  /** Said of an entry that `decode` cannot use. */
  readonly unusable: string;
  /** Null when the value is not what was asked for. */
  decode(value: unknown, reading: ReadingTimes): Entity | null;
}

/**
 * The bulk reads of the profile service, which are POSTs: `{"ids": [{"id": …}]}` is answered by a map from id to object.
 * Some of these may be errors although the whole is a success (207). An id that is missing, null or a 404 is unknown, and
 * so are all of them when the whole is a 404. An entry is about the id that it stands under, whatever it says itself.
 */
export async function bulkGet<Id extends string, Entity>(
  { call }: Pick<PlatformClient, 'call'>,
  { service, path, ids, unusable, decode }: BulkGetOptions<Id, Entity>,
): Promise<BulkResult<Id, Entity>> {
  const found: Entity[] = [];
  const failed: BulkFailure<Id>[] = [];
  const chunks = inChunks(
    [...new Set(ids)].filter((id) => id.trim() !== ''),
    maxIdsPerCall,
  );
  await mapBounded(chunks, concurrency, async (chunk) => {
    const body = JSON.stringify({ ids: chunk.map((id) => ({ id })) });
    const request = { service, method: 'POST', path, body, effect: 'read', subject: chunk.join(',') } as const;
    const answer = await orNull(call(request));
    if (answer === null) return;
    const results = asRecord(asRecord<'results'>(answer.json)?.results);
    if (results === null) throw unreadable(request, answer, 'It holds no map of results.');
    for (const id of chunk) {
      const entry = Object.hasOwn(results, id) ? (results[id] ?? null) : null;
      if (entry === null) continue;
      const failure = readEntryError(entry);
      if (failure !== null) {
        const error = errorFromEntry({ ...request, subject: id }, answer, failure, answer.reading.observedAt);
        if (!(error instanceof NotFoundError)) failed.push({ id, error });
        continue;
      }
      const record = asRecord(entry);
      const entity = decode(record === null ? entry : { ...record, id }, answer.reading);
      if (entity === null) failed.push({ id, error: unreadable(request, answer, unusable) });
      else found.push(entity);
    }
  });
  return { found, failed };
}
