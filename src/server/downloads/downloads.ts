import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Download } from '../../context/download-links.ts';
import { fileNameOf } from '../../domain/file-name.ts';
import { GatewayError, httpStatusByCode, NotFoundError } from '../../errors.ts';
import type { DownloadMetrics } from '../../metrics/downloads.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RequestId } from '../../runtime/request-id.ts';
import type { RequestLog } from '../../runtime/request-log.ts';
import type { TracePosition } from '../../tracing/trace.ts';
import { extensionsOf, internalError, logUnexpected } from '../graphql/error-mask.ts';
import type { Cors } from '../http/cors.ts';
import { filesPath } from '../http/paths.ts';
import { type ByteRange, parseRange } from './byte-range.ts';
import { contentDisposition } from './content-disposition.ts';
import { sendConvertedFile } from './converted-file.ts';
import { bytesOf, type DownloadSource, FileChangedError, type KnownFile, lookUp, withVersionOf } from './file-body.ts';
import { createKnownFiles, type KnownFiles } from './known-files.ts';
import { createDownloadLimits, type DownloadLimitsOptions } from './limits.ts';
import { checkPreconditions, rangeApplies } from './preconditions.ts';
import { startingWith } from './starting-with.ts';
import { counted, StalledClientError, writeBody } from './write-body.ts';

/** The request for a file. */
interface DownloadRequest {
  readonly requestId: RequestId;
  /** Position of the request in its trace; null: it is not traced. */
  readonly trace: TracePosition | null;
}

export interface FileHandlerOptions {
  /**
   * @param path the path after `/files/`, without a query
   * @throws {GatewayError} the link is invalid or has expired
   */
  readonly open: (path: string) => Promise<Download>;
  readonly source: (download: Download, request: DownloadRequest) => DownloadSource;
  readonly limits: Omit<DownloadLimitsOptions, 'clock'>;
  /** Maximum number of concurrent conversions of all tenants together. They also count as downloads. */
  readonly maxConversions: number;
  readonly cors: Cors;
  readonly clock: Clock;
  /** Time on the connections to clients. */
  readonly connectionClock: Pick<Clock, 'sleep'>;
  readonly metrics: DownloadMetrics;
}

const methods = ['GET', 'HEAD'] as const;
/** Request headers that make a browser send a preflight and that a download understands. */
const conditionalHeaders = ['range', 'if-match', 'if-none-match', 'if-range'] as const;

/**
 * Serves `GET` and `HEAD` of `/files/{token}/{name}`. It returns the unchanged bytes of the platform, also in ranges, or
 * the rows of a Parquet file as text, if the link has a format.
 */
export function createFileHandler(options: FileHandlerOptions) {
  const { open, cors, clock, metrics } = options;
  const limits = createDownloadLimits({ ...options.limits, clock });
  const conversionLimits = createDownloadLimits({ ...options.limits, total: options.maxConversions, clock });
  const knownFiles = createKnownFiles({ clock });

  return async (
    request: IncomingMessage,
    response: ServerResponse,
    log: RequestLog,
    trace: TracePosition | null,
  ): Promise<void> => {
    if (cors.preflight(request, response, { methods, headers: conditionalHeaders })) return;
    cors.allow(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', methods.join(', '));
      const message = `The method ${request.method} is not supported here.`;
      sendError(response, 405, { message, code: 'METHOD_NOT_ALLOWED', retryable: false });
      return;
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    let outcome: 'complete' | 'left' | 'failed' = 'failed';
    metrics.began();
    try {
      const path = (request.url ?? '').slice(filesPath.length).split('?', 1)[0] ?? '';
      const download = await open(path);
      using _ = limits.enter(download);
      using __ = download.format === 'ORIGINAL' ? null : conversionLimits.enter(download);
      const source = options.source(download, { requestId: log.requestId, trace });
      await serve({ ...options, request, response, download, source, knownFiles, signal: gone.signal });
      outcome = 'complete';
    } catch (error) {
      if (gone.signal.aborted) outcome = 'left';
      else sendFailure(response, error, log.logger);
    } finally {
      metrics.ended(outcome);
    }
  };
}

/** One request for a file. */
interface Serving extends Pick<FileHandlerOptions, 'clock' | 'connectionClock' | 'metrics'> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly download: Download;
  readonly source: DownloadSource;
  readonly knownFiles: KnownFiles;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** Responds with the known version of the file, and once more if the platform has another version by now. */
async function serve(serving: Serving): Promise<void> {
  const { download, source, knownFiles, response, signal } = serving;
  for (let isFirst = true; ; isFirst = false) {
    const known = knownFiles.get(download) ?? (await lookUp(source, download.file.name, signal));
    knownFiles.set(download, known);
    try {
      await respond(serving, known);
      return;
    } catch (error) {
      const outdated = error instanceof FileChangedError || error instanceof NotFoundError;
      if (outdated) knownFiles.forget(download);
      if (!(error instanceof FileChangedError) || !isFirst || response.headersSent) throw error;
    }
  }
}

async function respond(serving: Serving, known: KnownFile): Promise<void> {
  const { request, response, download } = serving;
  const { method, headers } = request;
  const { format } = download;
  if (format !== 'ORIGINAL') {
    await sendConvertedFile({ ...serving, isHead: method === 'HEAD', format, known });
    return;
  }
  const total = known.totalBytes;
  const condition = checkPreconditions(headers, known);
  if (condition !== 'met') {
    response.writeHead(condition === 'failed' ? 412 : 304, headersOf(known)).end();
    return;
  }
  const requested = parseRange(rangeApplies(headers, known) ? headers.range : undefined, total);
  // HEAD reports the length of the file, also for a range outside the file.
  const range: ByteRange = requested.kind === 'unsatisfiable' && method === 'HEAD' ? { kind: 'all' } : requested;
  if (range.kind === 'unsatisfiable') {
    response.writeHead(416, { ...headersOf(known), 'content-range': `bytes */${total}` }).end();
    return;
  }

  const [first, last] = range.kind === 'all' ? [0, total - 1] : [range.first, range.last];
  const begin = (file: KnownFile) =>
    response.writeHead(range.kind === 'part' ? 206 : 200, {
      ...headersOf(file),
      ...(range.kind === 'part' ? { 'content-range': `bytes ${first}-${last}/${total}` } : {}),
      'content-type': file.contentType,
      'content-length': last - first + 1,
      'content-disposition': contentDisposition(fileNameOf(download.file.name)),
    });
  if (method === 'HEAD' || last < first) {
    begin(known).end();
    return;
  }
  await sendBytes(serving, { known, first, last, begin });
}

interface Sending {
  readonly known: KnownFile;
  readonly first: number;
  readonly last: number;
  /** Writes status and headers. */
  readonly begin: (file: KnownFile) => void;
}

async function sendBytes(serving: Serving, { known, first, last, begin }: Sending): Promise<void> {
  const { download, source, knownFiles, response, clock, connectionClock, metrics, signal } = serving;
  let file = known;
  const bytes = bytesOf({
    name: download.file.name,
    source,
    known: () => file,
    onPiece: (piece) => {
      file = withVersionOf(file, piece);
    },
    first,
    last,
    clock,
    signal,
  });
  try {
    // A failure can set the status until the status was sent.
    const beginning = await bytes.next();
    knownFiles.set(download, file);
    begin(file);
    if (beginning.done !== true)
      await writeBody(response, counted(startingWith(beginning.value, bytes), metrics.sent), {
        clock: connectionClock,
        signal,
      });
  } finally {
    await bytes.return();
  }
}

const headersOf = ({ etag, lastModified }: KnownFile): OutgoingHttpHeaders => ({
  'accept-ranges': 'bytes',
  'cache-control': 'private, no-store',
  'x-content-type-options': 'nosniff',
  ...(etag === null ? {} : { etag }),
  ...(lastModified === null ? {} : { 'last-modified': lastModified.toUTCString() }),
});

function sendFailure(response: ServerResponse, error: unknown, logger: Logger): void {
  if (response.headersSent) {
    // It is too late for a status. A broken connection shows that the file is not complete.
    if (error instanceof StalledClientError)
      logger.info({ err: error }, 'a download ended because its client does not read');
    else logger.warn({ err: error }, 'a download ended before it was complete');
    response.destroy();
    return;
  }
  const failure = error instanceof GatewayError ? error : null;
  const status = failure === null ? 500 : httpStatusByCode[failure.code];
  const body = failure === null ? logUnexpected(logger, error, 'a download failed') : extensionsOf(failure);
  const retryAfterMs = failure?.retryAfterMs ?? null;
  if (retryAfterMs !== null) response.setHeader('retry-after', Math.ceil(retryAfterMs / 1_000));
  sendError(response, status, { message: failure?.message ?? internalError, ...body });
}

function sendError(response: ServerResponse, status: number, error: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(error));
}
