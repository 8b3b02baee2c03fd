import type { ReadingTimes } from '../../domain/reading-times.ts';
import { NotFoundError } from '../../errors.ts';
import { inChunks } from '../../runtime/in-chunks.ts';
import { mapBounded } from '../../runtime/map-bounded.ts';
import type { BoundClient } from '../http/call.ts';
import { errorFromEntry, unreadableResponse } from '../http/errors.ts';
import { isPathSegment } from '../http/path-segment.ts';
import type { Service } from '../types.ts';
import { readEntryError } from '../wire/entry-error.ts';
import { asRecord } from '../wire/readers.ts';
import { nullIfNotFound } from './client.ts';

/** An id whose entity a bulk read could not return, with the platform's error about this id alone. */
export interface BulkFailure<Id extends string> {
  readonly id: Id;
  readonly error: Error;
}

/** The result of a bulk read, in any order. An id that the platform does not have is in neither list. */
export interface BulkResult<Id extends string, Entity> {
  readonly found: readonly Entity[];
  readonly failed: readonly BulkFailure<Id>[];
}

/** Maximum number of ids in one call. The platform rejects more. */
const maxIdsPerCall = 100;
/** Maximum number of concurrent calls of one read that needs several. */
const concurrency = 4;

export interface BulkGetOptions<Id extends string, Entity> {
  readonly service: Service;
  readonly path: string;
  readonly ids: readonly Id[];
  /** Message about an entry that `decode` cannot use. */
  readonly invalidEntityMessage: string;
  /** Null if the value is no such entity. */
  decode(value: unknown, reading: ReadingTimes): Entity | null;
}

/**
 * A bulk read of the profile service. It is a POST of `{"ids": [{"id": …}]}`, and the response is a map from id to
 * object. Some values of the map may be errors although the response is a success (207). An id is unknown if its value
 * is missing, null or a 404. If the response is a 404, all ids are unknown. A value belongs to the id that is its key,
 * even if the value itself contains another id.
 */
export async function bulkGet<Id extends string, Entity>(
  client: BoundClient,
  { service, path, ids, invalidEntityMessage, decode }: BulkGetOptions<Id, Entity>,
): Promise<BulkResult<Id, Entity>> {
  const found: Entity[] = [];
  const failed: BulkFailure<Id>[] = [];
  const chunks = inChunks(
    // Other ids do not exist, and the platform might reject the whole call because of one of them.
    [...new Set(ids)].filter(isPathSegment),
    maxIdsPerCall,
  );
  await mapBounded(chunks, concurrency, async (chunk) => {
    const body = JSON.stringify({ ids: chunk.map((id) => ({ id })) });
    const request = { service, method: 'POST', path, body, effect: 'read', subject: chunk.join(',') } as const;
    const response = await nullIfNotFound(client.call(request));
    if (response === null) return;
    const results = asRecord(asRecord<'results'>(response.json)?.results);
    if (results === null) throw unreadableResponse(request, response, 'It contains no map of results.');
    for (const id of chunk) {
      const entry = Object.hasOwn(results, id) ? (results[id] ?? null) : null;
      if (entry === null) continue;
      const failure = readEntryError(entry);
      if (failure !== null) {
        const error = errorFromEntry({ ...request, subject: id }, response, failure, response.reading.observedAt);
        if (!(error instanceof NotFoundError)) failed.push({ id, error });
        continue;
      }
      const record = asRecord(entry);
      const entity = decode(record === null ? entry : { ...record, id }, response.reading);
      if (entity === null) failed.push({ id, error: unreadableResponse(request, response, invalidEntityMessage) });
      else found.push(entity);
    }
  });
  return { found, failed };
}
