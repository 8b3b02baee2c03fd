import type { Socket } from 'node:net';
import type { Clock, Deadline } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RequestId } from '../../runtime/request-id.ts';

/** A response or a connection whose bytes wait in this process until its client reads. */
export interface SendBuffer {
  readonly waitingBytes: number;
  /** A value that changes each time that the client has read bytes. */
  readonly progress: number;
  /** Closes the connection, so that no bytes wait for it. */
  cut(): void;
}

/** A buffer that is counted until it is disposed. */
export interface CountedBuffer extends Disposable {
  /**
   * Sets the caller to whom all bytes belong from now on.
   * @param requestId id of the request of the caller, for log lines
   */
  belongsTo(principal: string, requestId?: RequestId): void;
  /** Call it after each write. */
  written(): void;
}

/**
 * Bounds the bytes that wait for clients that do not read, over every transport. A client that reads nothing for 30
 * seconds is disconnected. If the unread bytes of a caller, or of all callers together, exceed their bound, the
 * connections that have read nothing for the longest time are closed. Connections whose clients read are closed only
 * beyond twice the bound.
 */
export interface SendBuffers extends Disposable {
  /**
   * Counts a buffer toward the total, and toward a caller as soon as the caller is known.
   * @param requestId id of the request of the caller, for log lines
   */
  add(buffer: SendBuffer, principal?: string, requestId?: RequestId): CountedBuffer;
  /** Numbers of counted buffers and of their callers. */
  readonly size: { readonly buffers: number; readonly callers: number };
  /** Unread bytes of all counted buffers, as of their last writes and checks. */
  readonly waitingBytes: number;
}

export interface SendBuffersOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'deadline'>;
  readonly logger: Pick<Logger, 'info'>;
}

/**
 * Maximum number of bytes that wait for a client that does not read, over any transport. One event of each operation
 * that a connection may have fits. Above the maximum, the connection is closed, and the client resumes.
 */
export const maxBufferedBytes = 16 * 1024 * 1024;
/** Maximum number of unread bytes of one caller. */
export const principalBytes = 32 * 1024 * 1024;
/** Maximum number of unread bytes of all callers together. */
export const totalBytes = 128 * 1024 * 1024;
/** Time after which a client that reads nothing is disconnected, in milliseconds. */
const stalledMs = 30_000;
/** A client that has read bytes within this time, in milliseconds, counts as reading. */
const readingMs = 1_000;
/** Pause between two checks of all buffers, in milliseconds. */
const lookMs = 5_000;

interface Entry {
  readonly buffer: SendBuffer;
  /** null until it is known. */
  principal: string | null;
  /** Undefined until it is known. */
  requestId: RequestId | undefined;
  bytes: number;
  progress: number;
  /** Time since which its client reads nothing; null if no bytes wait. */
  stalledSinceMs: number | null;
}

/** Buffers that share a bound. */
class Group {
  readonly entries = new Set<Entry>();
  readonly maxBytes: number;
  bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }
}

export function createSendBuffers({ clock, logger }: SendBuffersOptions): SendBuffers {
  const all = new Group(totalBytes);
  const byPrincipal = new Map<string, Group>();
  let next: Deadline | null = null;

  const rest = () => {
    next?.[Symbol.dispose]();
    next = null;
  };
  const groupOf = ({ principal }: Entry) => (principal === null ? undefined : byPrincipal.get(principal));
  const setBytes = (entry: Entry, bytes: number) => {
    const change = bytes - entry.bytes;
    entry.bytes = bytes;
    all.bytes += change;
    const group = groupOf(entry);
    if (group !== undefined) group.bytes += change;
  };
  const measure = (entry: Entry) => {
    const { waitingBytes, progress } = entry.buffer;
    setBytes(entry, waitingBytes);
    if (waitingBytes === 0) entry.stalledSinceMs = null;
    else if (entry.stalledSinceMs === null || progress !== entry.progress) entry.stalledSinceMs = clock.monotonicMs();
    entry.progress = progress;
  };
  const join = (entry: Entry, principal: string) => {
    const group = byPrincipal.get(principal) ?? new Group(principalBytes);
    byPrincipal.set(principal, group);
    group.entries.add(entry);
    group.bytes += entry.bytes;
    entry.principal = principal;
  };
  const remove = (entry: Entry) => {
    if (!all.entries.delete(entry)) return;
    setBytes(entry, 0);
    const group = groupOf(entry);
    group?.entries.delete(entry);
    if (group?.entries.size === 0 && entry.principal !== null) byPrincipal.delete(entry.principal);
    if (all.entries.size === 0) rest();
  };
  const cut = (entry: Entry, reason: string) => {
    logger.info({ requestId: entry.requestId, waitingBytes: entry.bytes }, reason);
    remove(entry);
    entry.buffer.cut();
  };

  const relieve = (group: Group) => {
    if (group.bytes <= group.maxBytes) return;
    for (const entry of group.entries) measure(entry);
    if (group.bytes <= group.maxBytes) return;
    const readingSinceMs = clock.monotonicMs() - readingMs;
    const waiting = [...group.entries]
      .filter(({ bytes }) => bytes > 0)
      .toSorted((left, right) => (left.stalledSinceMs ?? 0) - (right.stalledSinceMs ?? 0) || right.bytes - left.bytes);
    for (const entry of waiting) {
      const isReading = (entry.stalledSinceMs ?? 0) > readingSinceMs;
      if (group.bytes <= (isReading ? 2 : 1) * group.maxBytes) return;
      cut(entry, 'closed a connection because its caller has too many unread bytes');
    }
  };

  const arm = () => {
    if (next !== null) return;
    next = clock.deadline(lookMs);
    next.signal.addEventListener('abort', look);
  };
  const look = () => {
    rest();
    const nowMs = clock.monotonicMs();
    for (const entry of all.entries) {
      measure(entry);
      if (entry.stalledSinceMs === null || nowMs - entry.stalledSinceMs < stalledMs) continue;
      cut(entry, 'closed a connection because its client does not read');
    }
    for (const group of byPrincipal.values()) relieve(group);
    relieve(all);
    if (all.bytes > 0) arm();
  };

  return {
    add: (buffer, principal, requestId) => {
      const counts = { bytes: 0, progress: buffer.progress, stalledSinceMs: null };
      const entry: Entry = { buffer, principal: null, requestId, ...counts };
      all.entries.add(entry);
      if (principal !== undefined) join(entry, principal);
      return {
        belongsTo: (named, request) => {
          entry.requestId = request;
          if (named !== entry.principal && all.entries.has(entry)) {
            remove(entry);
            all.entries.add(entry);
            join(entry, named);
            measure(entry);
          }
        },
        written: () => {
          if (!all.entries.has(entry)) return;
          measure(entry);
          if (entry.bytes === 0) return;
          arm();
          const group = groupOf(entry);
          if (group !== undefined) relieve(group);
          relieve(all);
        },
        [Symbol.dispose]: () => remove(entry),
      };
    },
    get size() {
      return { buffers: all.entries.size, callers: byPrincipal.size };
    },
    get waitingBytes() {
      return all.bytes;
    },
    [Symbol.dispose]: rest,
  };
}

/**
 * Number of written bytes that the operating system has accepted from a socket. Node counts a write only when it is
 * complete, and a slow client needs minutes for a large write, so that the bytes that libuv still holds are included.
 */
export function progressOf(
  socket: Pick<Socket, 'bytesWritten' | 'writableLength'> & {
    readonly _handle?: { readonly writeQueueSize?: number } | null;
  },
): number {
  return socket.bytesWritten - socket.writableLength - (socket._handle?.writeQueueSize ?? 0);
}
