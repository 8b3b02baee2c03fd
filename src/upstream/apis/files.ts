import type { BatchFile } from '../../domain/batch.ts';
import type { FileVersion } from '../../domain/file-version.ts';
import { type BatchId, type DataSetFileId, platformId } from '../../domain/ids.ts';
import { NotFoundError } from '../../errors.ts';
import { jsonOrUndefined } from '../../runtime/json-or-undefined.ts';
import { mapBounded } from '../../runtime/map-bounded.ts';
import type { PlatformRequest } from '../http/call.ts';
import { errorFromEntry, unreadableResponse } from '../http/errors.ts';
import { withoutError } from '../http/file-error.ts';
import { isEncoded } from '../http/json-body.ts';
import { encodedSegment, isPathSegment } from '../http/path-segment.ts';
import { decodeFileEntries, type FileEntryPage } from '../wire/batch-files.ts';
import { parseContentLength, parseContentRange } from '../wire/content-range.ts';
import { versionOf } from '../wire/file-version.ts';
import { asRecord } from '../wire/readers.ts';
import { headerOf, listHeaderOf } from '../wire/response-headers.ts';
import { decodeContextOf, nullIfNotFound, type PlatformClient } from './client.ts';

export interface FilesApi {
  /**
   * The files of a batch, including files in directories. One upstream call for the list and one per entry.
   * @param start row offset among the entries of the batch
   */
  list(options: { readonly batchId: BatchId; readonly start: number; readonly limit: number }): Promise<BatchFilePage>;
  /**
   * Bytes of one part. Null if the platform does not have the file. The body is read as fast as its reader consumes it.
   * It ends with an error if the connection breaks or the signal of `connect` aborts. An unread body holds its
   * connection until then, so that the caller must read it, leave the loop, or abort.
   */
  read(options: {
    readonly fileId: DataSetFileId;
    readonly name: string;
    readonly place?: BatchFile['place'];
    /**
     * First and last byte, both inclusive. Without `last` the range ends with the file. Without a range the whole file
     * is read.
     */
    readonly range?: { readonly first: number; readonly last?: number | undefined } | undefined;
  }): Promise<FileBytes | UnsatisfiableRange | null>;
  /** Properties of the whole file, as `read` returns them, without its bytes. */
  stat(options: Pick<BatchFile, 'fileId' | 'name' | 'place'>): Promise<FileInfo | null>;
  /**
   * The files of the rows that could not be written, including files in folders. One upstream call for the list and one
   * per folder.
   * @param start row offset among the entries of the list
   */
  listFailed(options: {
    readonly batchId: BatchId;
    readonly start: number;
    readonly limit: number;
  }): Promise<BatchFilePage>;
  /** A sample of the errors of the rows that could not be written: at most 100. One upstream call. */
  readErrorSample(batchId: BatchId): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface BatchFilePage {
  readonly files: readonly BatchFile[];
  /** Row offset of the next entry; null at the end. */
  readonly next: number | null;
}

export interface FileInfo extends FileVersion {
  readonly contentType: string;
  /** Length of the whole file in bytes; null if the platform does not report it. */
  readonly totalBytes: number | null;
}

export interface FileBytes extends FileInfo {
  readonly kind: 'bytes';
  /** The bytes of the response, which need not be the requested ones. */
  readonly first: number;
  /** Null if the platform does not report the last byte. The bytes then end with the file. */
  readonly last: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The range lies outside the file (416). */
export interface UnsatisfiableRange {
  readonly kind: 'unsatisfiable-range';
  /** Length of the whole file in bytes; null if the platform does not report it. */
  readonly totalBytes: number | null;
}

const root = '/data/foundation/export';
const service = 'data-access';

/** Entries of one response. It is the platform's default and maximum. */
const pageSize = 100;
/** Maximum depth of directories within a file of a batch. */
const maxDepth = 3;
/** Maximum number of parts of one file of a batch, including the parts in its directories. */
const maxParts = 10_000;
/**
 * Maximum number of pages of one file of a batch, including its directories, because a response may always name a next
 * page.
 */
const maxPages = 200;
/** Maximum number of files of a batch that are opened at the same time. */
const concurrency = 4;

/** The files of batches, and their bytes. Links in the responses are never followed; only their row offset is read. */
export function createFilesApi(client: PlatformClient): FilesApi {
  const context = decodeContextOf(client.metrics, 'BatchFile');

  const readPage = async (path: string, subject: string, start: string, limit: number, folder?: string) => {
    const query = new URLSearchParams({
      ...(folder === undefined ? {} : { path: folder }),
      start,
      limit: String(limit),
    });
    const request = { service, method: 'GET', path: `${root}${path}?${query}`, effect: 'read', subject } as const;
    const response = await nullIfNotFound(client.call(request));
    if (response === null) return null;
    const page = decodeFileEntries(response.json, context);
    if (page === null) throw unreadableResponse(request, response, 'It contains no list of files.');
    // A list that omits an existing file would look like the whole export.
    for (const entry of page.entries) {
      if (entry.kind !== 'failure') continue;
      const error = errorFromEntry(request, response, entry.error, response.reading.observedAt);
      if (!(error instanceof NotFoundError)) throw error;
    }
    return { page, request, response };
  };

  /**
   * Adds all parts of a file of a batch, or of a directory in it, page by page. Adds nothing if the file no longer
   * exists.
   */
  const collectParts = async (fileId: string, depth: number, walk: Walk): Promise<void> => {
    if (!isPathSegment(fileId)) return;
    const seen = new Set<string>();
    let start: string | null = '0';
    let row = 0;
    while (start !== null && !seen.has(start)) {
      seen.add(start);
      const read = await readPage(`/files/${encodedSegment(fileId)}`, fileId, start, pageSize);
      if (read === null) return;
      const { page, request, response } = read;
      const refuse = (reason: string) => unreadableResponse(request, response, reason);
      walk.pages += 1;
      for (const entry of page.entries) {
        if (entry.kind === 'failure') continue;
        if (entry.kind === 'part') {
          walk.parts.push({ fileId: platformId(fileId), name: entry.name, sizeBytes: entry.sizeBytes });
          if (walk.parts.length > maxParts) throw refuse(`A file has more than ${maxParts} parts.`);
        } else {
          if (depth >= maxDepth) throw refuse(`Directories are nested deeper than ${maxDepth}.`);
          if (walk.pages >= maxPages) throw refuse(`A file has more than ${maxPages} pages.`);
          await collectParts(entry.id, depth + 1, walk);
        }
      }
      row += page.rows;
      // In this list the platform may continue from a name as well as from a number.
      start = hasNext(page, pageSize) ? (page.next?.start ?? String(row)) : null;
      if (start !== null && walk.pages >= maxPages) throw refuse(`A file has more than ${maxPages} pages.`);
    }
  };

  const partsOf = async (fileId: string): Promise<readonly BatchFile[]> => {
    const walk: Walk = { parts: [], pages: 0 };
    await collectParts(fileId, 0, walk);
    return walk.parts;
  };

  return {
    list: async ({ batchId, start, limit }) => {
      if (!isPathSegment(batchId)) return { files: [], next: null };
      const path = `/batches/${encodedSegment(batchId)}/files`;
      const read = await readPage(path, batchId, String(start), limit);
      if (read === null) return { files: [], next: null };
      const { page } = read;
      const files = await mapBounded(page.entries, concurrency, async (entry) =>
        entry.kind === 'file' ? partsOf(entry.id) : [],
      );
      return { files: files.flat(), next: nextRow(page, start, limit) };
    },

    listFailed: async ({ batchId, start, limit }) => {
      if (!isPathSegment(batchId)) return { files: [], next: null };
      const path = `/batches/${encodedSegment(batchId)}/failed`;
      const read = await readPage(path, batchId, String(start), limit);
      if (read === null) return { files: [], next: null };
      const fileOf = (name: string, sizeBytes: number | null): BatchFile => ({
        // The files have no ids of their own.
        fileId: platformId<DataSetFileId>(batchId),
        name,
        sizeBytes,
        place: 'failed',
      });
      const files = await mapBounded(read.page.entries, concurrency, async (entry) => {
        if (entry.kind !== 'part') return [];
        if (!isFolder(entry.name, entry.sizeBytes)) return [fileOf(entry.name, entry.sizeBytes)];
        const folder = await readPage(path, batchId, '0', pageSize, entry.name);
        return (folder?.page.entries ?? []).flatMap((inner) =>
          inner.kind === 'part' && !isFolder(inner.name, inner.sizeBytes)
            ? fileOf(
                inner.name.startsWith(`${entry.name}/`) ? inner.name : `${entry.name}/${inner.name}`,
                inner.sizeBytes,
              )
            : [],
        );
      });
      return { files: files.flat(), next: nextRow(read.page, start, limit) };
    },

    readErrorSample: async (batchId) => {
      if (!isPathSegment(batchId)) return [];
      const request = contentRequest('GET', { fileId: batchId, name: sampleName, place: 'meta' });
      const response = await nullIfNotFound(client.open(request));
      if (response === null) return [];
      const chunks: Uint8Array[] = [];
      let length = 0;
      // Leaving the loop releases the connection.
      for await (const chunk of response.body) {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= maxSampleBytes) break;
      }
      return errorsIn(Buffer.concat(chunks).toString('utf8'));
    },

    read: async ({ fileId, name, place, range }) => {
      if (!isPathSegment(fileId)) return null;
      const content = contentRequest('GET', { fileId, name, place });
      const wanted = range === undefined ? {} : { range: `bytes=${range.first}-${range.last ?? ''}` };
      const request = { ...content, headers: { ...content.headers, ...wanted } } as const;
      const response = await nullIfNotFound(
        client.open(request).then((opened) => withoutError(request, name, opened, client.clock.now())),
      );
      if (response === null) return null;
      const { status } = response;
      const contentRange = parseContentRange(headerOf(response.headers, 'content-range'));
      if (status === 416) return { kind: 'unsatisfiable-range', totalBytes: contentRange?.totalBytes ?? null };

      const known = {
        contentType: contentTypeOf(headerOf(response.headers, 'content-type')),
        ...versionOf(response.headers),
      };
      const { body } = response;
      if (status !== 206) {
        const totalBytes = parseContentLength(headerOf(response.headers, 'content-length'));
        const last = totalBytes === null ? null : totalBytes - 1;
        return { kind: 'bytes', ...known, totalBytes, first: 0, last, body };
      }
      // The range of the response may differ from the requested one, so the response has to name it.
      const bytes = contentRange?.bytes ?? null;
      if (bytes === null) {
        response.cancel();
        throw unreadableResponse(request, response, 'It is a part of the file, but does not name the range.');
      }
      return { kind: 'bytes', ...known, totalBytes: contentRange?.totalBytes ?? null, ...bytes, body };
    },

    stat: async ({ fileId, name, place }): Promise<FileInfo | null> => {
      if (!isPathSegment(fileId)) return null;
      // The platform has no HEAD for these files. The first read returns the length.
      if (place === 'failed')
        return { contentType: 'application/octet-stream', etag: null, lastModified: null, totalBytes: null };
      const response = await nullIfNotFound(
        client.call({ ...contentRequest('HEAD', { fileId, name, place }), response: 'ignored' }),
      );
      if (response === null) return null;
      return {
        contentType: contentTypeOf(headerOf(response.headers, 'content-type')),
        ...versionOf(response.headers),
        // The length of encoded bytes is not the length of the file.
        totalBytes: isEncoded(listHeaderOf(response.headers, 'content-encoding'))
          ? null
          : parseContentLength(headerOf(response.headers, 'content-length')),
      };
    },
  };
}

/** The parts of one file of a batch that were found so far. */
interface Walk {
  readonly parts: BatchFile[];
  pages: number;
}

interface Content {
  readonly fileId: string;
  readonly name: string;
  readonly place: BatchFile['place'] | 'meta';
}

const contentRequest = <Method extends 'GET' | 'HEAD'>(method: Method, { fileId, name, place }: Content) =>
  ({
    service,
    method,
    path: `${root}${contentPath(fileId, place)}?${new URLSearchParams({ path: name })}`,
    effect: 'read',
    subject: fileId,
    headers: { accept: '*/*' },
  }) as const satisfies PlatformRequest;

function contentPath(fileId: string, place: Content['place']): string {
  const id = encodedSegment(fileId);
  return place === undefined ? `/files/${id}` : `/batches/${id}/${place}`;
}

/** Name of the sample of errors among the meta files of a batch. */
const sampleName = 'row_errors_sample.json';
/** Maximum number of bytes of the sample that are read. */
const maxSampleBytes = 1024 * 1024;
/** Maximum number of returned errors. */
const maxSampleErrors = 100;

/** A list of objects, one object, or one object in each line. Anything else is ignored. */
function errorsIn(text: string): readonly Readonly<Record<string, unknown>>[] {
  const whole = jsonOrUndefined(text);
  const lines = () => text.split('\n').map(jsonOrUndefined);
  const values: readonly unknown[] = whole === undefined ? lines() : Array.isArray(whole) ? whole : [whole];
  return values
    .map((value) => asRecord<string>(value))
    .filter((value) => value !== null)
    .slice(0, maxSampleErrors);
}

/** Folders have no extension, and the platform lists them with length 0. */
const isFolder = (name: string, sizeBytes: number | null): boolean => (sizeBytes ?? 0) === 0 && !/\.\w+$/.test(name);

/** Whether another page follows. A link that cannot be used counts only on a full page. */
const hasNext = ({ next, rows }: FileEntryPage, limit: number): boolean =>
  next !== null && (next.start !== null || rows >= limit);

/**
 * The row offset of the next page. The offset of the link is used if it is a number and greater than the current one.
 */
function nextRow(page: FileEntryPage, start: number, limit: number): number | null {
  if (!hasNext(page, limit)) return null;
  const named = page.next?.start ?? '';
  if (/^\d{1,9}$/.test(named) && Number(named) > start) return Number(named);
  return page.rows === 0 ? null : start + page.rows;
}

const mediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:\s*;\s*[\w.+-]+=(?:[\w.+-]+|"[\w.+ -]*"))*$/;

/** The media type of the file; `application/octet-stream` if the platform names none. */
const contentTypeOf = (value: string | undefined): string =>
  value !== undefined && mediaType.test(value) ? value : 'application/octet-stream';
