import { setImmediate as turn } from 'node:timers/promises';
import type { EventLog, FeedChange, LogTail } from '../../../../src/events/log.ts';
import { WatchStream, type WatchStreamOptions } from '../../../../src/events/subscriber/stream.ts';
import type { WatchEvent, WatchOptions } from '../../../../src/events/watch.ts';

export interface Item {
  readonly id: string;
  /** The item is terminal from version 9 on. */
  readonly version: number;
}

export const at = new Date('2030-01-01T00:00:00Z');
export const key = ({ id }: Item): string => id;
export const isTerminal = ({ version }: Item): boolean => version >= 9;
export const item = (id: string, version = 0): Item => ({ id, version });

export const created = (id: string, version = 0): FeedChange<Item> => ({ kind: 'CREATED', entity: item(id, version) });
export const removed = (id: string, version = 0): FeedChange<Item> => ({ kind: 'REMOVED', entity: item(id, version) });
export const changed = (id: string, from: number, to: number): FeedChange<Item> => ({
  kind: 'CHANGED',
  entity: item(id, to),
  previous: item(id, from),
});

export const append = (log: EventLog<Item>, ...changes: readonly FeedChange<Item>[]): Promise<string> =>
  log.write({ changes }, { observedAt: at });

export interface OpenOptions
  extends Partial<WatchStreamOptions<Item>>,
    Partial<Pick<WatchOptions<Item>, 'after' | 'signal'>> {}

export async function openStream(log: EventLog<Item>, { after, signal, ...more }: OpenOptions = {}) {
  const stream = new WatchStream<Item>({
    log,
    key,
    isTerminal,
    newestFirst: (a, b) => b.id.localeCompare(a.id),
    endedAtMs: () => null,
    clock: { now: () => at },
    ids: null,
    matches: null,
    onEnd: () => undefined,
    ...more,
  });
  await stream.open({ after, signal: signal ?? new AbortController().signal });
  return stream;
}

/** Replaces the `open` of a log. */
export const openedBy = (log: EventLog<Item>, open: EventLog<Item>['open']): EventLog<Item> => ({
  write: (write, options) => log.write(write, options),
  snapshot: () => log.snapshot(),
  markUnattended: (on) => log.markUnattended(on),
  watch: (listener) => log.watch(listener),
  open,
  [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
});

/** A log whose `open` waits for `reached`. It counts the positions that are held in it. */
export function withTails(memory: EventLog<Item>, reached: () => Promise<void> = async () => undefined) {
  const tails = new Set<LogTail<Item>>();
  const log = openedBy(memory, async (options) => {
    await reached();
    const { start, tail } = await memory.open(options);
    const opened: LogTail<Item> = {
      get ended() {
        return tail.ended;
      },
      get snapshot() {
        return tail.snapshot;
      },
      read: () => tail.read(),
      [Symbol.dispose]: () => {
        tails.delete(opened);
        tail[Symbol.dispose]();
      },
    };
    tails.add(opened);
    return { start, tail: opened };
  });
  return { log, tails };
}

/** Describes an event by its kind, the id of its entity and the version: `SNAPSHOT a0`, `STALE`. */
export const describeEvent = ({ kind, entity }: WatchEvent<Item>): string =>
  entity === null ? kind : `${kind} ${entity.id}${entity.version}`;

/** A subscriber that takes every event as soon as it arrives, unless it is slow. */
export class Subscriber {
  readonly events: WatchEvent<Item>[] = [];
  readonly stream: WatchStream<Item>;
  completed = false;
  failure: unknown = null;

  private constructor(stream: WatchStream<Item>, isSlow: boolean) {
    this.stream = stream;
    stream.listen({ onReadable: isSlow ? () => undefined : () => this.takeAll() });
    if (!isSlow) this.takeAll();
  }

  static async open(log: EventLog<Item>, { slow = false, ...options }: OpenOptions & { readonly slow?: boolean } = {}) {
    return new Subscriber(await openStream(log, options), slow);
  }

  /** The cursor with which the subscriber would resume. */
  get cursor(): string | undefined {
    return this.events.at(-1)?.cursor;
  }

  /** Returns the events since the last call. */
  async received(): Promise<readonly string[]> {
    await turn();
    return this.events.splice(0).map(describeEvent);
  }

  takeAll(): void {
    while (this.takeOne());
  }

  /** @returns whether there was an event */
  takeOne(): boolean {
    try {
      const taken = this.stream.read();
      if (taken?.done === true) this.completed = true;
      if (taken === null || taken.done === true) return false;
      this.events.push(taken.value);
      return true;
    } catch (error) {
      this.failure = error;
      this.completed = true;
      return false;
    }
  }
}
