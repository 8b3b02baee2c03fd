import type { BatchFile } from '../domain/batch.ts';
import { differ, type FileVersion } from '../domain/file-version.ts';
import {
  FileUnreadableError,
  NotFoundError,
  RateLimitedError,
  UpstreamTimeoutError,
  UpstreamUnreadableError,
} from '../errors.ts';
import { ParquetError } from '../parquet/parquet-error.ts';
import { type ParquetPreview, type ParquetSummary, readPreview, readSummary } from '../parquet/preview.ts';
import type { RangeReader } from '../parquet/range-reader.ts';
import type { Clock } from '../runtime/clock.ts';
import { FairSlots } from '../runtime/fair-slots.ts';
import type { FilesApi } from '../upstream/apis/files.ts';

/** Reads what Parquet files contain, by ranges. Nothing of it is kept longer than the operation. */
export interface FileContents {
  /**
   * Columns and row count; null if the file has another format. Each file is read once in an operation.
   * @throws {FileUnreadableError} the file is damaged, or exceeds a limit
   */
  summary(file: BatchFile): Promise<ParquetSummary | null>;
  /**
   * Columns, row count and the first rows; null if the file has another format.
   * @throws {FileUnreadableError} the file is damaged, or exceeds a limit
   */
  preview(file: BatchFile, rows: number): Promise<ParquetPreview | null>;
}

export interface FileContentsOptions {
  /** The files of the caller. `signal` ends calls and bodies. */
  readonly files: (signal: AbortSignal) => Pick<FilesApi, 'read' | 'stat'>;
  /** Name of the tenant in `slots`. */
  readonly owner: string;
  readonly slots: FairSlots;
  readonly clock: Clock;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

/** Longest time for reading one file, in milliseconds. */
const readingMs = 20_000;
/** Number of bytes before the requested ones that a response may have, if the platform returns another range. */
const maxSkippedBytes = 1024 * 1024;

/** Slots for reading the contents of files, because each file may need some megabytes of memory while it is read. */
export const createFileSlots = (clock: Pick<Clock, 'deadline'>): FairSlots =>
  new FairSlots({
    total: 8,
    perOwner: 4,
    waitingPerOwner: 200,
    maxWaitMs: 15_000,
    clock,
    tooBusy: () => new RateLimitedError({ message: 'Too many files are read at this moment.', retryAfterMs: 1_000 }),
  });

export function createFileContents(options: FileContentsOptions): FileContents {
  const summaries = new Map<string, Promise<ParquetSummary | null>>();
  return {
    summary: (file) => {
      const key = JSON.stringify([file.fileId, file.name]);
      const known = summaries.get(key) ?? reading(file, options, readSummary);
      summaries.set(key, known);
      return known;
    },
    preview: (file, rows) =>
      reading(file, options, (reader) => readPreview({ file: reader, rows, clock: options.clock })),
  };
}

async function reading<Result>(
  file: BatchFile,
  { files, owner, slots, clock, signal }: FileContentsOptions,
  read: (reader: RangeReader) => Promise<Result>,
): Promise<Result | null> {
  using _ = await slots.take(owner, signal);
  using deadline = clock.deadline(readingMs);
  try {
    return await read(await openReader(file, files(AbortSignal.any([signal, deadline.signal]))));
  } catch (error) {
    if (deadline.signal.aborted)
      throw new UpstreamTimeoutError({ message: `Reading the file took longer than ${readingMs} ms.`, cause: error });
    if (!(error instanceof ParquetError)) throw error;
    if (error.problem === 'not-parquet') return null;
    throw new FileUnreadableError({ message: error.message, cause: error });
  }
}

const notFound = ({ name }: BatchFile) => new NotFoundError(name, { message: 'The file no longer exists.' });
const replaced = () => new UpstreamUnreadableError({ message: 'The platform replaced the file while it was read.' });

async function openReader(file: BatchFile, files: Pick<FilesApi, 'read' | 'stat'>): Promise<RangeReader> {
  const byteLength = file.sizeBytes ?? (await statedLength(file, files));
  let version: FileVersion | null = null;
  return {
    byteLength,
    read: async (first, end) => {
      const piece = await files.read({ ...file, range: { first, last: end - 1 } });
      if (piece === null) throw notFound(file);
      if (piece.kind !== 'bytes') throw replaced();
      const { totalBytes, body } = piece;
      const isOther =
        (totalBytes !== null && totalBytes !== byteLength) || (version !== null && differ(version, piece));
      const isUsable = piece.first <= first && first - piece.first <= maxSkippedBytes;
      if (isOther || !isUsable) {
        // An unread body holds its connection.
        for await (const _ of body) break;
        throw isOther ? replaced() : new UpstreamUnreadableError({ message: 'The platform returned another range.' });
      }
      version = { etag: piece.etag, lastModified: piece.lastModified };
      return collect(body, { skip: first - piece.first, length: end - first });
    },
  };
}

async function statedLength(file: BatchFile, files: Pick<FilesApi, 'stat'>): Promise<number> {
  const info = await files.stat(file);
  if (info === null) throw notFound(file);
  if (info.totalBytes !== null) return info.totalBytes;
  throw new UpstreamUnreadableError({ message: 'The platform does not report the length of the file.' });
}

async function collect(
  body: AsyncIterable<Uint8Array>,
  { skip, length }: { readonly skip: number; readonly length: number },
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let offset = -skip;
  for await (const chunk of body) {
    const wanted = chunk.subarray(Math.max(0, -offset), Math.max(0, length - offset));
    bytes.set(wanted, Math.max(0, offset));
    offset += chunk.length;
    if (offset >= length) return bytes;
  }
  throw new UpstreamUnreadableError({ message: 'The platform sent fewer bytes than requested.' });
}
