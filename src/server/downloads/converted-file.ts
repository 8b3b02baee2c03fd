import type { ServerResponse } from 'node:http';
import type { Download } from '../../context/download-links.ts';
import type { DownloadFormat } from '../../domain/batch.ts';
import { nameOfDownload } from '../../domain/file-name.ts';
import { FileUnreadableError } from '../../errors.ts';
import type { DownloadMetrics } from '../../metrics/downloads.ts';
import { convertParquet } from '../../parquet/convert.ts';
import { ParquetError } from '../../parquet/parquet-error.ts';
import type { RangeReader } from '../../parquet/range-reader.ts';
import type { Clock } from '../../runtime/clock.ts';
import { contentDisposition } from './content-disposition.ts';
import { bytesOf, type DownloadSource, type KnownFile, withVersionOf } from './file-body.ts';
import { startingWith } from './starting-with.ts';
import { counted, writeBody } from './write-body.ts';

export type ConvertedFormat = Exclude<DownloadFormat, 'ORIGINAL'>;

export interface ConvertedFileOptions {
  readonly response: ServerResponse;
  readonly isHead: boolean;
  readonly download: Download;
  readonly format: ConvertedFormat;
  readonly source: DownloadSource;
  readonly known: KnownFile;
  readonly clock: Clock;
  /** Time on the connections to clients. */
  readonly connectionClock: Pick<Clock, 'sleep'>;
  readonly metrics: Pick<DownloadMetrics, 'sent'>;
  /** Aborts when the client leaves. Nothing more is read from the platform then. */
  readonly signal: AbortSignal;
}

const contentTypes = {
  CSV: 'text/csv; charset=utf-8; header=present',
  NDJSON: 'application/x-ndjson',
} as const satisfies Record<ConvertedFormat, string>;

/**
 * Responds with the rows of a Parquet file as text. Its length is not known before the end, so that the response has
 * none and supports no ranges.
 * @throws {FileUnreadableError} the file cannot be converted; after the first bytes the connection must be broken
 * @throws {GatewayError} the platform did not send the file
 */
export async function sendConvertedFile(options: ConvertedFileOptions): Promise<void> {
  const { response, isHead, download, format, clock, connectionClock, metrics, signal } = options;
  const begin = () =>
    response.writeHead(200, {
      'accept-ranges': 'none',
      'cache-control': 'private, no-store',
      'content-type': contentTypes[format],
      'content-disposition': contentDisposition(nameOfDownload(download.file.name, format)),
      'x-content-type-options': 'nosniff',
    });
  if (isHead) {
    begin().end();
    return;
  }
  const chunks = withGatewayErrors(convertParquet({ file: rangeReaderOf(options), format, clock }));
  try {
    // A failure can set the status until the status was sent.
    const first = await chunks.next();
    begin();
    const body = startingWith(first.done === true ? Buffer.alloc(0) : first.value, chunks);
    await writeBody(response, counted(body, metrics.sent), { clock: connectionClock, signal });
  } finally {
    await chunks.return();
  }
}

async function* withGatewayErrors(chunks: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  try {
    yield* chunks;
  } catch (error) {
    if (error instanceof ParquetError) throw new FileUnreadableError({ message: error.message, cause: error });
    throw error;
  }
}

/** Reads ranges like a download: in pieces, with resumption, and only of one version of the file. */
function rangeReaderOf({ source, download, known, clock, signal }: ConvertedFileOptions): RangeReader {
  let file = known;
  return {
    byteLength: known.totalBytes,
    read: async (first, end) => {
      const bytes = Buffer.allocUnsafeSlow(end - first);
      let length = 0;
      const pieces = bytesOf({
        name: download.file.name,
        source,
        known: () => file,
        onPiece: (piece) => {
          file = withVersionOf(file, piece);
        },
        first,
        last: end - 1,
        clock,
        signal,
      });
      for await (const chunk of pieces) {
        bytes.set(chunk, length);
        length += chunk.length;
      }
      return bytes.subarray(0, length);
    },
  };
}
