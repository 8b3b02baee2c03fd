import { NotFoundError } from '../../errors.ts';
import type { PlatformRequest, UpstreamResponse } from '../http/call.ts';
import { errorFromEntry, unreadableResponse } from '../http/errors.ts';
import { readEntryError } from '../wire/entry-error.ts';
import type { BulkCollector } from './bulk-read.ts';

export interface BulkEntries<Id extends string, Entity> {
  readonly request: PlatformRequest;
  readonly response: UpstreamResponse;
  /** The requested ids. Other entries are ignored. */
  readonly ids: readonly Id[];
  /** Message about an entry that `decode` cannot use. */
  readonly invalidEntityMessage: string;
  /** Null if the entry is no such entity. */
  decode(id: Id, entry: unknown): Entity | null;
}

/**
 * Adds the entries of a response that maps each id to an object or to an error. An id is unknown if its entry is missing,
 * null or a 404. Any other error, and an entry that cannot be decoded, fails its id.
 */
export function readEntries<Id extends string, Entity>(
  collector: BulkCollector<Id, Entity>,
  entries: Readonly<Record<string, unknown>>,
  { request, response, ids, invalidEntityMessage, decode }: BulkEntries<Id, Entity>,
): void {
  for (const id of ids) {
    const entry = Object.hasOwn(entries, id) ? (entries[id] ?? null) : null;
    if (entry === null) continue;
    const failure = readEntryError(entry);
    if (failure !== null) {
      const error = errorFromEntry({ ...request, subject: id }, response, failure, response.reading.observedAt);
      if (!(error instanceof NotFoundError)) collector.fail(id, error);
      continue;
    }
    const entity = decode(id, entry);
    if (entity !== null) collector.found.push(entity);
    else collector.fail(id, unreadableResponse(request, { ...response, json: entry }, invalidEntityMessage));
  }
}
