import type { Socket } from 'node:net';
import type { Clock, Deadline } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

/** A response or a connection whose bytes wait in this process until its client reads. */
export interface SendBuffer {
  readonly waitingBytes: number;
  /** Another value each time that the client has taken something. */
  readonly progress: number;
  /** Closes the connection, so that nothing waits for it. */
  cut(): void;
}

/** A buffer that is counted until it is disposed. */
export interface CountedBuffer extends Disposable {
  /** The caller that everything belongs to from now on. */
  belongsTo(principal: string): void;
  /** Call it after each write. */
  written(): void;
}

/**
 * Bounds what waits for clients that do not read, over every transport. A client that takes nothing for 30 seconds is
 * disconnected. While more waits than a caller, or all callers together, may leave unread, those of their connections
 * that have taken nothing for longest are closed; connections whose clients read are closed only beyond twice the bound.
 */
export interface SendBuffers extends Disposable {
  /** Counts a buffer toward the total, and toward a caller as soon as the caller is known. */
  add(buffer: SendBuffer, principal?: string): CountedBuffer;
  /** Buffers that are counted, and the callers that they belong to. */
  readonly size: { readonly buffers: number; readonly callers: number };
}

export interface SendBuffersOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'deadline'>;
  readonly logger: Pick<Logger, 'info'>;
}

/** Bytes that may wait for one caller. */
export const principalBytes = 32 * 1024 * 1024;
/** Bytes that may wait for all callers together. */
export const totalBytes = 128 * 1024 * 1024;
/** How long a client may take nothing, in milliseconds. */
const stalledMs = 30_000;
/** A client that took something within this time, in milliseconds, is reading. */
const readingMs = 1_000;
/** Pause between two looks at all buffers, in milliseconds. */
const lookMs = 5_000;

interface Entry {
  readonly buffer: SendBuffer;
  /** null until it is known. */
  principal: string | null;
  bytes: number;
  progress: number;
  /** Since when its client takes nothing; null: nothing waits. */
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
    logger.info({ waitingBytes: entry.bytes }, reason);
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
      cut(entry, 'a connection is closed because its caller leaves too much unread');
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
      cut(entry, 'a connection is closed because its client does not read');
    }
    for (const group of byPrincipal.values()) relieve(group);
    relieve(all);
    if (all.bytes > 0) arm();
  };

  return {
    add: (buffer, principal) => {
      const entry: Entry = { buffer, principal: null, bytes: 0, progress: buffer.progress, stalledSinceMs: null };
      all.entries.add(entry);
      if (principal !== undefined) join(entry, principal);
      return {
        belongsTo: (named) => {
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
    [Symbol.dispose]: rest,
  };
}

/**
 * How much the system has taken of what was written to a socket. Node counts a write only when all of it is taken, and a
 * slow client needs minutes for a large one, so the bytes that libuv still holds of it are looked at too.
 */
export function progressOf(
  socket: Pick<Socket, 'bytesWritten' | 'writableLength'> & {
    readonly _handle?: { readonly writeQueueSize?: number } | null;
  },
): number {
  return socket.bytesWritten - socket.writableLength - (socket._handle?.writeQueueSize ?? 0);
}
