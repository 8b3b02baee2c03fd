import { differ, type FileVersion } from '../../domain/file-version.ts';
import {
  GatewayError,
  NotFoundError,
  RateLimitedError,
  UpstreamTimeoutError,
  UpstreamUnreadableError,
} from '../../errors.ts';
import { backoffMs } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Type, length and version of a file, as the platform states them. */
export interface FileInfo extends FileVersion {
  readonly contentType: string;
  /** Length of the file in bytes; null if the platform does not report it. */
  readonly totalBytes: number | null;
}

/**
 * One file of one caller. Methods return null if the platform does not have the file. `signal` ends the call and the
 * body.
 */
export interface DownloadSource {
  stat(signal: AbortSignal): Promise<FileInfo | null>;
  /** `first` and `last` are inclusive. */
  read(
    range: { readonly first: number; readonly last: number },
    signal: AbortSignal,
  ): Promise<DownloadPiece | { readonly kind: 'unsatisfiable-range' } | null>;
}

export interface DownloadPiece extends FileInfo {
  readonly kind: 'bytes';
  /** Offset of the first byte of the response, which need not be the requested one. */
  readonly first: number;
  /** Offset of its last byte; null if the platform does not report it. */
  readonly last: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A file whose length is known: without it, a client could not distinguish a complete download from a broken one. */
export interface KnownFile extends FileInfo {
  readonly totalBytes: number;
}

/** Thrown when a piece belongs to another version of the file than the pieces before it. A new download may succeed. */
export class FileChangedError extends UpstreamUnreadableError {
  constructor() {
    super({ message: 'The platform replaced the file during the download.' });
  }
}

export const fileNotFound = (name: string) => new NotFoundError(name, { message: 'The file no longer exists.' });

/** Size of a piece that is requested from the platform, in bytes. At most one piece waits for a slow client. */
export const pieceBytes = 1024 * 1024;
/** Time for the bytes of one piece, in milliseconds. The platform itself ends each response after a minute. */
const pieceMs = 60_000;
/** Maximum number of attempts to read the rest of a piece before the download fails. */
const maxAttempts = 3;
/** The longest pause that the platform can request, in milliseconds. The download fails if it requests more. */
const longestPauseMs = 30_000;
/** Pauses after attempts that returned no byte. */
const backoff = { firstMs: 500, maxMs: longestPauseMs };

export interface BodyOptions {
  readonly name: string;
  readonly source: DownloadSource;
  /** Returns the file as known so far. Each piece is compared with it. */
  readonly known: () => KnownFile;
  /** Called with each piece of the same version, before its bytes. */
  readonly onPiece: (piece: FileVersion) => void;
  readonly first: number;
  readonly last: number;
  readonly clock: Pick<Clock, 'sleep' | 'deadline'>;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/**
 * The bytes of a file from `first` to `last`, piece by piece. A piece is read as fast as the platform sends it, so that
 * a slow client holds a bounded buffer and no connection to the platform. A broken connection is resumed where it
 * broke.
 * @throws {FileChangedError} the platform has replaced the file
 * @throws {GatewayError} the failure of the last attempt; before the first byte, also a timeout without a further
 *   attempt
 */
export async function* bytesOf(options: BodyOptions): AsyncGenerator<Uint8Array, void> {
  const { first, last, clock, signal } = options;
  let position = first;
  let attempts = 0;
  while (position <= last) {
    const before = position;
    let failure: GatewayError | undefined;
    try {
      for await (const chunk of pieceFrom(position, options)) {
        position += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (!mayResume(error) || (position === first && hasWaited(error))) throw error;
      failure = error;
    }
    attempts = position > before ? 0 : attempts + 1;
    if (attempts === 0) continue;
    const pauseMs = Math.max(backoffMs(backoff, attempts), failure?.retryAfterMs ?? 0);
    if (attempts >= maxAttempts || pauseMs > longestPauseMs) {
      throw failure ?? new UpstreamUnreadableError({ message: 'The platform did not send the requested bytes.' });
    }
    await clock.sleep(pauseMs, signal);
  }
}

const mayResume = (error: unknown): error is GatewayError =>
  error instanceof GatewayError && error.retryable && !(error instanceof FileChangedError);

/** Whether the time of the call has passed, at the platform or in the queue of the tenant's budget. */
const hasWaited = (error: GatewayError): boolean =>
  error instanceof UpstreamTimeoutError || (error instanceof RateLimitedError && error.upstream?.status !== 429);

async function* pieceFrom(
  position: number,
  { name, source, known, onPiece, last, clock, signal }: BodyOptions,
): AsyncGenerator<Uint8Array, void> {
  using scope = openScope(signal);
  const end = Math.min(last, position + pieceBytes - 1);
  const piece = await source.read({ first: position, last: end }, scope.signal);
  if (piece === null) throw fileNotFound(name);
  // A range within the announced length can only be unsatisfiable if the file is now shorter.
  if (piece.kind !== 'bytes') throw new FileChangedError();
  const file = known();
  const { totalBytes } = piece;
  if ((totalBytes !== null && totalBytes !== file.totalBytes) || differ(file, piece)) throw new FileChangedError();
  onPiece(piece);

  if (piece.last === null || piece.last > end) {
    // The platform ignores ranges. The loop continues, because the next piece would repeat all bytes before it.
    yield* wantedBytes(piece, position, last);
    return;
  }
  using deadline = clock.deadline(pieceMs);
  deadline.signal.addEventListener('abort', () => scope.abort(tooSlow()), { once: true });
  yield* readAhead(wantedBytes(piece, position, end), end - position + 1);
}

const tooSlow = () =>
  new UpstreamTimeoutError({ message: `The platform did not send a piece of the file within ${pieceMs} ms.` });

/** A signal that aborts with another one, and at the latest when it is disposed of, so that no body stays open. */
function openScope(outer: AbortSignal): Disposable & { readonly signal: AbortSignal; abort(reason: unknown): void } {
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer.reason);
  outer.addEventListener('abort', onAbort, { once: true });
  if (outer.aborted) onAbort();
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => {
      outer.removeEventListener('abort', onAbort);
      controller.abort(new Error('The rest of the piece is not needed.'));
    },
  };
}

/** Omits bytes outside the wanted range, because the platform may return another range than the requested one. */
async function* wantedBytes(piece: DownloadPiece, position: number, last: number): AsyncGenerator<Uint8Array, void> {
  // Leaving the loop releases the connection.
  let offset = piece.first;
  for await (const chunk of piece.body) {
    if (piece.first > position) return;
    const wanted = chunk.subarray(Math.max(0, position - offset), Math.max(0, last + 1 - offset));
    offset += chunk.length;
    if (wanted.length > 0) yield wanted;
    if (offset > last) return;
  }
}

/**
 * Reads a body to its end, even if its reader is slow. The bytes are copied into one buffer, because a body in small
 * chunks would use many times its length.
 * @param length maximum length of the body in bytes
 */
async function* readAhead(body: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const read = { bytes: 0, ended: false, failure: undefined as unknown, wake: () => {} };
  const readAll = async (): Promise<void> => {
    try {
      for await (const chunk of body) {
        buffer.set(chunk, read.bytes);
        read.bytes += chunk.length;
        read.wake();
      }
    } catch (error) {
      read.failure = error;
    }
    read.ended = true;
    read.wake();
  };
  void readAll();
  for (let taken = 0; ; ) {
    if (taken < read.bytes) {
      const chunk = buffer.subarray(taken, read.bytes);
      taken = read.bytes;
      yield chunk;
    } else if (read.ended) {
      if (read.failure !== undefined) throw read.failure;
      return;
    } else {
      await new Promise<void>((resolve) => {
        read.wake = resolve;
      });
    }
  }
}

/**
 * Requests type, length and version of a file from the platform. If HEAD does not return the length, a small range is
 * requested, whose response contains it.
 * @throws {NotFoundError} the platform does not have the file
 * @throws {UpstreamUnreadableError} the response to the range does not contain the length either
 */
export async function lookUp(source: DownloadSource, name: string, signal: AbortSignal): Promise<KnownFile> {
  const info = await source.stat(signal);
  if (info === null) throw fileNotFound(name);
  if (info.totalBytes !== null) return { ...info, totalBytes: info.totalBytes };
  using scope = openScope(signal);
  const probe = await source.read({ first: 0, last: 0 }, scope.signal);
  if (probe === null) throw fileNotFound(name);
  // An empty file has no first byte.
  if (probe.kind !== 'bytes') return { ...info, totalBytes: 0 };
  // An unread body holds its connection.
  for await (const _ of probe.body) break;
  if (probe.totalBytes !== null) return { ...withVersionOf(info, probe), totalBytes: probe.totalBytes };
  throw new UpstreamUnreadableError({ message: 'The platform does not report the length of the file.' });
}

/** The file with the parts of its version that a later response contains and an earlier response did not. */
export const withVersionOf = <File extends FileVersion>(file: File, { etag, lastModified }: FileVersion): File => ({
  ...file,
  etag: file.etag ?? etag,
  lastModified: file.lastModified ?? lastModified,
});
