import type { DecodeContext } from './decode-context.ts';
import { type EntryError, readEntryError } from './entry-error.ts';
import { readLink } from './link.ts';
import { asList, asRecord, readCount, readId, readText } from './readers.ts';

/** One entry of a Data Access list: a file of a batch to be opened, a part that holds bytes, or an error in its place. */
export type FileEntry =
  | { readonly kind: 'file'; readonly id: string }
  | { readonly kind: 'part'; readonly name: string; readonly sizeBytes: number | null }
  | { readonly kind: 'failure'; readonly error: EntryError };

export interface FileEntryPage {
  readonly entries: readonly FileEntry[];
  /** Rows of the answer, those without use included: what the row offset moves on by. */
  readonly rows: number;
  /** The `start` of the next page: as the platform's link says it, or null where it says that there is more but not where. */
  readonly next: { readonly start: string | null } | null;
}

/**
 * The entries of a batch, of a file, or of a directory, which all come in the same envelope. An entry with a name is a
 * part (its `length` is a number within a string); one with a `dataSetFileId` and no name is a file or a directory.
 * `isValid` is not looked at: it is false on good files. Null when the answer is no such list.
 */
export function decodeFileEntries(json: unknown, context: DecodeContext): FileEntryPage | null {
  const body = asRecord<'data' | '_links'>(json);
  const data = body?.data;
  if (body === null || !Array.isArray(data)) return null;
  const entries = asList(data).flatMap((value): FileEntry | FileEntry[] => {
    const record = asRecord<'name' | 'length' | 'size' | 'dataSetFileId'>(value);
    const name = readText(record?.name);
    if (name !== null) return { kind: 'part', name, sizeBytes: readCount(record?.length ?? record?.size) };
    const id = readId(record?.dataSetFileId);
    if (id !== null) return { kind: 'file', id };
    const error = readEntryError(value);
    if (error !== null) return { kind: 'failure', error };
    context.anomaly(record === null ? 'not-an-object' : 'missing-id');
    return [];
  });
  return { entries, rows: data.length, next: decodeNext(asRecord<'next'>(body._links)?.next) };
}

/**
 * `_links.next` is absent, `{}` or has a blank `href` at the end. A template is not to be followed either, but it tells
 * that there is more. `_page.count` is not looked at.
 */
function decodeNext(value: unknown): FileEntryPage['next'] {
  const link = readLink(value);
  if (link === null) return null;
  return { start: link.templated ? null : readText(link.query.get('start')) };
}
