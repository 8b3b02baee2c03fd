import type { Download } from '../../../../src/context/download-links.ts';
import { type DataSetFileId, platformId } from '../../../../src/domain/ids.ts';
import { parseTenant } from '../../../../src/domain/tenant.ts';
import { ForbiddenError, UpstreamUnreachableError } from '../../../../src/errors.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { createFileHandler, type FileHandlerOptions } from '../../../../src/server/downloads/downloads.ts';
import type { DownloadPiece, DownloadSource, FileInfo } from '../../../../src/server/downloads/file-body.ts';
import { createCors } from '../../../../src/server/http/cors.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { testLog } from '../../../support/records.ts';
import { uncountedDownloads } from '../../../support/uncounted-metrics.ts';
import { type HttpHost, httpHost } from './http-host.ts';

export const mebibyte = 1024 * 1024;

/** Bytes of a pattern whose length is a prime, so that no piece of a file is equal to another. */
const pattern = Uint8Array.from({ length: 251 }, (_, index) => index);
export const bytesOf = (length: number) => Buffer.alloc(length, pattern);

export interface FakeSource extends DownloadSource {
  /** How often `stat` was called. */
  stats: number;
  readonly ranges: [first: number, last: number][];
  /** Bodies that were returned and not released. */
  open: number;
  /** Bytes that were taken from the bodies. */
  taken: number;
}

export interface FakeOptions {
  readonly content: Buffer;
  /** The length that `stat` states; null: none. @default the length */
  readonly stat?: number | null | 'missing';
  /** The length that a read states; null: none. @default the length */
  readonly totalBytes?: number | null | ((read: number) => number);
  /** What `stat` and each read state in addition. @default nothing */
  readonly version?: (read: number | 'stat') => Partial<FileInfo>;
  readonly chunkBytes?: number;
  /** Bytes after which the read with a number (from 0) breaks. @default never */
  readonly breakAfter?: (read: number) => number;
  /** Bytes after which the read with a number (from 0) sends nothing more, a multiple of a chunk. @default never */
  readonly stallAfter?: (read: number) => number;
  /** The range that the platform returns for a requested one. @default the requested one */
  readonly come?: (first: number, last: number, read: number) => readonly [first: number, last: number] | 'missing';
}

/** Never resolves. @throws the reason of the signal */
const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });

export function fakeSource(options: FakeOptions): FakeSource {
  const { content, stat = content.length, totalBytes = content.length, chunkBytes = 64 * 1024 } = options;
  const info = { contentType: 'application/parquet', etag: null, lastModified: null };
  const source: FakeSource = {
    ranges: [],
    open: 0,
    taken: 0,
    stats: 0,
    stat: async () => {
      source.stats += 1;
      return stat === 'missing' ? null : { ...info, ...options.version?.('stat'), totalBytes: stat };
    },
    read: async ({ first, last }, signal) => {
      const read = source.ranges.push([first, last]) - 1;
      const range = options.come?.(first, last, read) ?? [first, last];
      if (range === 'missing') return null;
      if (range[0] >= content.length) return { kind: 'unsatisfiable-range' };
      source.open += 1;
      let isOpen = true;
      const release = () => {
        if (isOpen) source.open -= 1;
        isOpen = false;
      };
      signal.addEventListener('abort', release, { once: true });
      const piece: DownloadPiece = {
        ...info,
        ...options.version?.(read),
        kind: 'bytes',
        first: range[0],
        last: Math.min(range[1], content.length - 1),
        totalBytes: typeof totalBytes === 'function' ? totalBytes(read) : totalBytes,
        body: body(range, { read, release, signal }),
      };
      return piece;
    },
  };
  async function* body(
    [first, last]: readonly [number, number],
    { read, release, signal }: { readonly read: number; readonly signal: AbortSignal; release(): void },
  ): AsyncGenerator<Uint8Array, void> {
    const end = Math.min(last + 1, content.length);
    const limit = first + (options.breakAfter?.(read) ?? Number.POSITIVE_INFINITY);
    try {
      for (let at = first; at < end; at += chunkBytes) {
        if (at >= limit) throw new UpstreamUnreachableError({ message: 'The connection broke.' });
        if (first + (options.stallAfter?.(read) ?? Number.POSITIVE_INFINITY) <= at) await aborted(signal);
        signal.throwIfAborted();
        const chunk = content.subarray(at, Math.min(end, limit, at + chunkBytes));
        source.taken += chunk.length;
        yield chunk;
      }
    } finally {
      release();
    }
  }
  return source;
}

const tenant = parseTenant('0123456789ABCDEF01234567@AdobeOrg', 'prod');
if (tenant === null) throw new Error('not a tenant');
export const download: Download = {
  id: 'good',
  expiresAt: new Date('2030-01-01T00:15:00Z'),
  caller: { tenant, credential: { fingerprint: '', owner: 'gateway', headers: async () => ({}) } },
  file: { fileId: platformId<DataSetFileId>('file'), name: 'part 0 – é.parquet' },
  format: 'ORIGINAL',
};

/** The browser app that may read responses. */
export const origin = 'https://app.example';

export interface Gateway extends HttpHost {
  readonly log: Record<string, unknown>[];
  /** The pauses that were made, in milliseconds. */
  readonly pauses: number[];
}

/** A clock whose deadlines never pass and whose pauses take no time. */
function impatientClock(pauses: number[] = []): FakeClock {
  const clock = new FakeClock();
  clock.sleep = async (ms) => void pauses.push(ms);
  return clock;
}

export async function serve(source: DownloadSource, options: Partial<FileHandlerOptions> = {}): Promise<Gateway> {
  const log: Record<string, unknown>[] = [];
  const pauses: number[] = [];
  const handler = createFileHandler({
    metrics: uncountedDownloads,
    open: async (token) => {
      if (token !== 'good') throw new ForbiddenError({ message: 'The link is not valid.' });
      return download;
    },
    source: () => source,
    cors: createCors([origin]),
    clock: impatientClock(pauses),
    connectionClock: new FakeClock(),
    limits: { total: 128 },
    maxConversions: 4,
    ...options,
  });
  const logger = createLogger({ destination: { write: (line) => void log.push(JSON.parse(line)) } });
  const host = await httpHost((request, response) => handler(request, response, testLog(logger), null));
  return { ...host, log, pauses };
}

export const get = (gateway: HttpHost, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${gateway.url}/files/good?anything`, { method, headers });
export const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
