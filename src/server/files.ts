import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Download } from '../context/download-links.ts';
import { fileNameOf } from '../domain/file-name.ts';
import { GatewayError, httpStatusByCode, NotFoundError, UpstreamUnreadableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { parseRange } from './byte-range.ts';
import { contentDisposition } from './content-disposition.ts';
import type { Cors } from './cors.ts';
import { extensionsOf } from './graphql-error.ts';

/** One file of one caller, as far as a download needs it. Null: the platform does not know it. */
export interface DownloadSource {
  /** `totalBytes` is null when the platform does not say it up front. */
  stat(): Promise<{ readonly contentType: string; readonly totalBytes: number | null } | null>;
  /** Both ends inclusive. */
  read(range: {
    readonly first: number;
    readonly last: number;
  }): Promise<DownloadPiece | { readonly kind: 'unsatisfiable-range' } | null>;
}

export interface DownloadPiece {
  readonly kind: 'bytes';
  /** Offset of the first byte that came, which need not be the one asked for. */
  readonly first: number;
  readonly totalBytes: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface FileHandlerOptions {
  /**
   * @param path what follows `/files/`, without a query
   * @throws {GatewayError} the link is not good
   */
  readonly open: (path: string) => Promise<Download>;
  readonly source: (download: Download, signal: AbortSignal) => DownloadSource;
  readonly cors: Cors;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
}

export const filesPath = '/files/';

/**
 * Bytes asked of the platform at a time. It cuts every answer off after a minute, so that a large file has to be read in
 * pieces, each of which a slow reader can take within that time.
 */
const pieceBytes = 8 * 1024 * 1024;
/** How often a piece is asked for again, from where it broke, before the download is given up. */
const maxAttempts = 3;
/** Pause after an attempt that brought no byte, in milliseconds; it doubles with the next one. */
const firstPauseMs = 500;
/** The longest pause that is made because the platform asks for it, in milliseconds; beyond it the download is given up. */
const longestPauseMs = 30_000;

const methods = ['GET', 'HEAD'] as const;
/** Request headers that make a browser send a preflight and that a download understands. */
const conditionalHeaders = ['range', 'if-match', 'if-none-match', 'if-range'] as const;

/** Serves `GET` and `HEAD` of `/files/{token}/{name}`: the file's bytes as the platform has them, also in ranges. */
export function createFileHandler({ open, source, cors, clock, logger }: FileHandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (cors.preflight(request, response, { methods, headers: conditionalHeaders })) return;
    cors.allow(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: methods.join(', ') }).end();
      return;
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const path = (request.url ?? '').slice(filesPath.length).split('?', 1)[0] ?? '';
      const download = await open(path);
      const pause = (ms: number) => clock.sleep(ms, gone.signal);
      await send(request, response, { name: download.file.name, file: source(download, gone.signal), pause });
    } catch (error) {
      if (gone.signal.aborted) return;
      refuse(response, error, logger);
    }
  };
}

/** What is sent, and how to wait for the platform while it is. */
interface Sending {
  readonly name: string;
  readonly file: DownloadSource;
  readonly pause: (ms: number) => Promise<void>;
}

async function send(request: IncomingMessage, response: ServerResponse, { name, file, pause }: Sending): Promise<void> {
  const info = await file.stat();
  if (info === null) throw notFound(name);
  const total = info.totalBytes ?? (await lengthByReading(file, name));

  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('cache-control', 'private, no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  // There is no validator to compare with, so a conditional range cannot be known to fit: the whole file is sent.
  const range = parseRange(request.headers['if-range'] === undefined ? request.headers.range : undefined, total);
  if (range.kind === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${total}` }).end();
    return;
  }

  const [first, last] = range.kind === 'all' ? [0, total - 1] : [range.first, range.last];
  if (range.kind === 'part') response.setHeader('content-range', `bytes ${first}-${last}/${total}`);
  response.writeHead(range.kind === 'part' ? 206 : 200, {
    'content-type': info.contentType,
    'content-length': last - first + 1,
    'content-disposition': contentDisposition(fileNameOf(name)),
  });
  if (request.method === 'HEAD' || last < first) {
    response.end();
    return;
  }
  await pipeline(bytesOf({ file, pause }, first, last), response);
}

const notFound = (name: string) => new NotFoundError(name, { message: 'The file does not exist any more.' });

/**
 * A file whose length the platform does not say up front says it in the answer to a small range.
 * @throws {UpstreamUnreadableError} not there either: without it, nobody could tell a whole file from a broken one
 */
async function lengthByReading(file: DownloadSource, name: string): Promise<number> {
  const probe = await file.read({ first: 0, last: 0 });
  if (probe === null) throw notFound(name);
  // A file without bytes has no first one.
  if (probe.kind !== 'bytes') return 0;
  // A body that nobody reads would hold its connection for as long as the download takes.
  for await (const _ of probe.body) break;
  if (probe.totalBytes !== null) return probe.totalBytes;
  throw new UpstreamUnreadableError({ message: 'The platform does not say how long the file is.' });
}

/** The bytes from `first` to `last`, piece by piece; as fast as they are taken, and going on where a connection broke. */
async function* bytesOf(
  { file, pause }: Pick<Sending, 'file' | 'pause'>,
  first: number,
  last: number,
): AsyncGenerator<Uint8Array, void> {
  let position = first;
  let attempts = 0;
  while (position <= last) {
    const before = position;
    let failure: GatewayError | undefined;
    try {
      const piece = await file.read({ first: position, last: Math.min(last, position + pieceBytes - 1) });
      if (piece?.kind !== 'bytes') throw new Error('The file went away, or became shorter, while it was read.');
      for await (const chunk of wantedBytes(piece, position, last)) {
        position += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (!(error instanceof GatewayError) || !error.retryable) throw error;
      failure = error;
    }
    attempts = position > before ? 0 : attempts + 1;
    if (attempts === 0) continue;
    const pauseMs = Math.max(firstPauseMs * 2 ** (attempts - 1), failure?.retryAfterMs ?? 0);
    if (attempts >= maxAttempts || pauseMs > longestPauseMs) {
      throw failure ?? new Error('The platform sends no more bytes of the file.');
    }
    await pause(pauseMs);
  }
}

/** The platform may answer with another range than the one asked for: what lies outside is left out. */
async function* wantedBytes(piece: DownloadPiece, position: number, last: number): AsyncGenerator<Uint8Array, void> {
  let offset = piece.first;
  for await (const chunk of piece.body) {
    // What was asked for did not come. Leaving the loop lets go of the connection.
    if (piece.first > position) return;
    const wanted = chunk.subarray(Math.max(0, position - offset), Math.max(0, last + 1 - offset));
    offset += chunk.length;
    if (wanted.length > 0) yield wanted;
    if (offset > last) return;
  }
}

function refuse(response: ServerResponse, error: unknown, logger: Logger): void {
  if (response.headersSent) {
    // Too late for a status: a connection that breaks off tells the reader that the file is not whole.
    logger.warn({ err: error }, 'a download broke off');
    response.destroy();
    return;
  }
  const failure = error instanceof GatewayError ? error : null;
  if (failure === null) logger.error({ err: error }, 'a download failed');
  const status = failure === null ? 500 : httpStatusByCode[failure.code];
  const body = failure === null ? { code: 'INTERNAL_SERVER_ERROR', retryable: false } : extensionsOf(failure);
  const message = failure?.message ?? 'Internal error.';
  response.removeHeader('accept-ranges');
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ message, ...body }));
}
