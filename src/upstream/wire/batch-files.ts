import type { DecodeContext } from './decode-context.ts';
import { type EntryError, readEntryError } from './entry-error.ts';
import { readLink } from './link.ts';
import { asList, asRecord, readCount, readId, readText } from './readers.ts';

/** One entry of a Data Access list: a file of a batch with parts, a part with bytes, or an error instead. */
export type FileEntry =
  | { readonly kind: 'file'; readonly id: string }
  | { readonly kind: 'part'; readonly name: string; readonly sizeBytes: number | null }
  | { readonly kind: 'failure'; readonly error: EntryError };

export interface FileEntryPage {
  readonly entries: readonly FileEntry[];
  /** Number of rows of the response, including unusable rows. The row offset advances by it. */
  readonly rows: number;
  /**
   * The next page. `start` is from the platform's link; null if the link shows that there is a next page but not its
   * start.
   */
  readonly next: { readonly start: string | null } | null;
}

/**
 * The entries of a batch, of a file, or of a directory, which all have the same envelope. An entry with a name is a
 * part, whose `length` is a number in a string. An entry with a `dataSetFileId` and without a name is a file or a
 * directory. `isValid` is ignored, because it is false on good files. Null if the response is no such list.
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
 * At the end of the list, `_links.next` is absent, `{}` or has a blank `href`. A template is not used as a link, but
 * shows that there is a next page. `_page.count` is ignored.
 */
function decodeNext(value: unknown): FileEntryPage['next'] {
  const link = readLink(value);
  if (link === null) return null;
  return { start: link.templated ? null : readText(link.query.get('start')) };
}
