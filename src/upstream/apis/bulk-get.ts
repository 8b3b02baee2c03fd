import type { ReadingTimes } from '../../domain/reading-times.ts';
import { inChunks } from '../../runtime/in-chunks.ts';
import type { BoundClient } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { isPathSegment } from '../http/path-segment.ts';
import type { Service } from '../types.ts';
import { asRecord } from '../wire/readers.ts';
import { readEntries } from './bulk-entries.ts';
import { type BulkLimits, type BulkResult, readInBulk } from './bulk-read.ts';
import { nullIfNotFound } from './client.ts';

/** Maximum number of ids in one call. The platform rejects more. */
const maxIdsPerCall = 100;

export interface BulkGetOptions<Id extends string, Entity> extends BulkLimits {
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
export function bulkGet<Id extends string, Entity>(
  client: BoundClient,
  { service, path, ids, invalidEntityMessage, decode, maxSplits }: BulkGetOptions<Id, Entity>,
): Promise<BulkResult<Id, Entity>> {
  const chunks = inChunks(
    // Other ids do not exist, and the platform might reject the whole call because of one of them.
    [...new Set(ids)].filter(isPathSegment),
    maxIdsPerCall,
  );
  return readInBulk<Id, Entity>(
    chunks,
    async (chunk, collector) => {
      const body = JSON.stringify({ ids: chunk.map((id) => ({ id })) });
      const request = { service, method: 'POST', path, body, effect: 'read', subject: chunk.join(',') } as const;
      const response = await nullIfNotFound(client.call(request));
      if (response === null) return;
      const results = asRecord(asRecord<'results'>(response.json)?.results);
      if (results === null) throw unreadableResponse(request, response, 'It contains no map of results.');
      readEntries(collector, results, {
        request,
        response,
        ids: chunk,
        invalidEntityMessage,
        decode: (id, entry) => {
          const record = asRecord(entry);
          return decode(record === null ? entry : { ...record, id }, response.reading);
        },
      });
    },
    { maxSplits },
  );
}
