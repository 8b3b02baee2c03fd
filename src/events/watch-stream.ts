import { QuietIterator, type QuietListener, type QuietStream } from '../runtime/quiet-stream.ts';
import {
  type EventLog,
  type LogEntry,
  LogOverflowError,
  type LogReader,
  type LogSnapshot,
  type LogStart,
  type LogTail,
} from './event-log.ts';
import { PendingEvents } from './pending-events.ts';
import type { WatchEvent, WatchOptions } from './watch.ts';
import { partialSnapshotCursor, snapshotIsPartial, toldOnce, toWatchEvent } from './watch-events.ts';

export interface WatchStreamOptions<Entity> extends Pick<WatchOptions<Entity>, 'ids' | 'matches'> {
  readonly log: EventLog<Entity>;
  readonly key: (entity: Entity) => string;
  readonly isTerminal: (entity: Entity) => boolean;
  readonly newestFirst: (a: Entity, b: Entity) => number;
  /**
   * How many events may wait for a slow subscriber after merging. Beyond it they are dropped, and a RESYNC with fresh
   * snapshots takes their place.
   * @default 1_000
   */
  readonly maxPendingEvents?: number | undefined;
  /** Called whenever the subscriber is told to begin anew. */
  readonly onResync?: (() => void) | undefined;
  /** Called once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void;
}

type Taken<Entity> = IteratorResult<WatchEvent<Entity>, undefined>;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
const toldAlready: Iterator<never> = { next: () => done };

/**
 * One subscriber's events: snapshots or what it missed, then every later change of the log. Ends by itself when all of
 * its `ids` are terminal or gone. A log that drops entries before they were read costs the subscriber a RESYNC, not the
 * stream.
 */
export class WatchStream<Entity> implements QuietStream<WatchEvent<Entity>> {
  readonly #options: WatchStreamOptions<Entity>;
  readonly #ids: ReadonlySet<string> | null;
  readonly #pending: PendingEvents<Entity>;
  readonly #maxPending: number;
  #start: LogStart<Entity>['kind'] = 'snapshot';
  /** Snapshots or missed changes, made one by one as they are taken. */
  #backlog: Iterator<WatchEvent<Entity>> = toldAlready;
  /** The `ids` that still may change once the backlog is told. Null: the stream never completes by itself. */
  #remaining: Set<string> | null = null;
  #tail: LogTail<Entity> | null = null;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #listener: QuietListener | null = null;
  /** Whether the reader was told that there is nothing. */
  #silent = false;
  /** Whether the state is to be told again, with nothing taken since. */
  #confirming = false;
  /** Ends the stream with the signal that it was opened with. */
  #untilAbort: Disposable | null = null;
  readonly #onGrowth = () => this.#tell();

  constructor(options: WatchStreamOptions<Entity>) {
    this.#options = options;
    this.#ids = options.ids === null ? null : new Set(options.ids);
    this.#pending = new PendingEvents(options.key);
    this.#maxPending = options.maxPendingEvents ?? 1_000;
  }

  /** How the log answered: with a snapshot, a replay after the given cursor, or a snapshot because it was not known. */
  get start(): LogStart<Entity>['kind'] {
    return this.#start;
  }

  /**
   * Finds the beginning. To be called once, before anything is taken.
   * @throws whatever opening the log throws, or the reason of the signal; `onEnd` is then not called.
   */
  async open({ after, signal }: Pick<WatchOptions<Entity>, 'after' | 'signal'>): Promise<void> {
    signal.throwIfAborted();
    await this.#read(after);
    if (signal.aborted) this.#leaveLog();
    signal.throwIfAborted();
    if (this.#ended) return;
    const onAbort = () => this.#end();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#untilAbort = { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) };
  }

  /** To be called once, by who iterates. */
  [Symbol.asyncIterator](): QuietIterator<WatchEvent<Entity>> {
    const iterator = new QuietIterator(this);
    this.#listener = iterator;
    return iterator;
  }

  listen(listener: QuietListener): void {
    this.#forgetSignal();
    this.#listener = listener;
  }

  take(): Taken<Entity> | null {
    // Whatever ends the stream on the way comes after what is taken here.
    this.#silent = false;
    const taken = this.#take();
    this.#silent = taken === null;
    if (!this.#silent) this.#confirming = false;
    return taken;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#end();
    return done;
  }

  /** Ends the stream with an error instead of completing it: nobody shall believe that the watched work is over. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure = { error };
    this.#end();
  }

  /** Tells the present state again, unless the subscriber still takes what it was told, or there is something new. */
  confirm(): void {
    if (!this.#silent) return;
    this.#confirming = true;
    void this.#confirm();
  }

  async #confirm(): Promise<void> {
    let reader: LogReader<Entity>;
    try {
      reader = await this.#options.log.open({ onGrowth: this.#onGrowth });
    } catch {
      // A log that is out of reach says so itself, and the next confirmation comes.
      return;
    }
    this.#tell();
    if (!this.#confirming || reader.start.kind === 'replay') {
      reader.tail[Symbol.dispose]();
      return;
    }
    this.#leaveLog();
    this.#tail = reader.tail;
    this.#start = 'snapshot';
    this.#tellSnapshot(reader.start.snapshot);
    this.#tell();
  }

  #tell(): void {
    if (this.#silent) this.#listener?.onValues();
  }

  /** The next event or the end; null when there is none yet. */
  #take(): Taken<Entity> | null {
    this.#collect();
    if (this.#ended) return this.#conclude();
    const told = this.#backlog.next();
    if (told.done !== true) return { done: false, value: told.value };
    // A snapshot holds every entity: who waits in silence shall not hold it.
    this.#backlog = toldAlready;
    const event = this.#shift();
    if (event !== undefined) {
      this.#settle(event);
      return { done: false, value: event };
    }
    if (this.#remaining?.size === 0) this.#end();
    return this.#ended ? this.#conclude() : null;
  }

  /** What waits next. Of what came into the filter and left it again while it waited, nothing was told or need be. */
  #shift(): WatchEvent<Entity> | undefined {
    let event = this.#pending.shift();
    while (event !== undefined && !this.#isTold(event)) event = this.#pending.shift();
    return event;
  }

  /** Takes in what the log has told since. */
  #collect(): void {
    const tail = this.#tail;
    if (tail === null) return;
    try {
      for (let entry = tail.take(); entry !== null; entry = tail.take()) {
        if (this.#isTold(entry.change)) this.#pending.push(toWatchEvent(entry));
      }
    } catch (error) {
      if (error instanceof LogOverflowError) void this.#recover();
      else this.fail(error);
      return;
    }
    if (this.#pending.size > this.#maxPending) void this.#recover();
    else if (tail.ended) this.#end();
  }

  #conclude(): IteratorReturnResult<undefined> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
    return done;
  }

  /** Completes the stream as soon as the event that ends the last of the `ids` is taken. */
  #settle(event: WatchEvent<Entity>): void {
    if (this.#remaining === null || event.entity === null) return;
    if (event.kind !== 'REMOVED' && !this.#options.isTerminal(event.entity)) return;
    this.#remaining.delete(this.#options.key(event.entity));
    if (this.#remaining.size === 0) this.#end();
  }

  /** Begins anew: the log, or the line of what waits here, was not long enough. */
  async #recover(): Promise<void> {
    this.#leaveLog();
    this.#backlog = toldAlready;
    this.#pending.clear();
    try {
      await this.#read(partialSnapshotCursor(''));
    } catch (error) {
      this.fail(error);
    }
    this.#tell();
  }

  async #read(after: string | undefined): Promise<void> {
    const { log } = this.#options;
    const restart = after !== undefined && snapshotIsPartial(after);
    // Taken before the log is opened, so that whatever it does not show yet is among the missed changes.
    const before = after !== undefined && !restart && this.#ids !== null ? await log.snapshot() : null;
    const { start, tail } = await log.open({ after: restart ? undefined : after, onGrowth: this.#onGrowth });
    // The stream may have ended while the log was being opened.
    if (this.#ended) {
      tail[Symbol.dispose]();
      return;
    }
    // A confirmation may have come in between.
    this.#leaveLog();
    this.#tail = tail;
    this.#start = restart ? 'resync' : start.kind;
    if (start.kind === 'replay') this.#replay(start.missed, before);
    else this.#tellSnapshot(start.snapshot);
  }

  #forgetSignal(): void {
    this.#untilAbort?.[Symbol.dispose]();
    this.#untilAbort = null;
  }

  #leaveLog(): void {
    this.#tail?.[Symbol.dispose]();
    this.#tail = null;
  }

  #replay(missed: readonly LogEntry<Entity>[], before: LogSnapshot<Entity> | null): void {
    this.#backlog = missed
      .filter(({ change }) => this.#isTold(change))
      .map(toWatchEvent)
      [Symbol.iterator]();
    if (this.#ids === null || before === null) return;
    const { key, isTerminal } = this.#options;
    const running = new Set<string>();
    for (const entity of before.entities) if (!isTerminal(entity)) running.add(key(entity));
    for (const { change } of missed) {
      if (!('entity' in change)) continue;
      if (change.kind === 'REMOVED' || isTerminal(change.entity)) running.delete(key(change.entity));
      else running.add(key(change.entity));
    }
    this.#remaining = new Set([...this.#ids].filter((id) => running.has(id)));
  }

  #tellSnapshot(snapshot: LogSnapshot<Entity>): void {
    const entities = this.#select(snapshot.entities);
    this.#backlog = snapshotEvents(snapshot, entities, this.#start === 'resync');
    if (this.#start === 'resync') this.#options.onResync?.();
    if (this.#ids === null) return;
    const { key, isTerminal } = this.#options;
    this.#remaining = new Set(entities.filter((entity) => !isTerminal(entity)).map(key));
  }

  #select(entities: readonly Entity[]): readonly Entity[] {
    const { key, isTerminal, matches, newestFirst } = this.#options;
    const wanted = matches === null ? entities : entities.filter(matches);
    if (this.#ids !== null) {
      const byKey = new Map(wanted.map((entity) => [key(entity), entity]));
      return [...this.#ids].map((id) => byKey.get(id)).filter((entity) => entity !== undefined);
    }
    // After a RESYNC what ended in the meantime is told too: the subscriber may have seen it running.
    const present = matches === null && this.#start === 'snapshot' ? wanted.filter((one) => !isTerminal(one)) : wanted;
    return present.toSorted(newestFirst);
  }

  #isTold(change: LogEntry<Entity>['change'] | WatchEvent<Entity>): boolean {
    if (!('entity' in change) || change.entity === null) return true;
    const { key, matches } = this.#options;
    if (this.#ids !== null && !this.#ids.has(key(change.entity))) return false;
    if (matches === null || matches(change.entity)) return true;
    return change.kind === 'CHANGED' && matches(change.previous);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#confirming = false;
    this.#forgetSignal();
    this.#leaveLog();
    this.#pending.clear();
    this.#options.onEnd();
    this.#tell();
  }
}

function* snapshotEvents<Entity>(
  snapshot: LogSnapshot<Entity>,
  entities: readonly Entity[],
  resync: boolean,
): Generator<WatchEvent<Entity>, void, void> {
  const { cursor, observedAt, stale: subjects } = snapshot;
  const stale = subjects.size > 0;
  const partial = partialSnapshotCursor(cursor);
  const nothing = { observedAt, entity: null, previous: null };
  if (resync) {
    yield toldOnce<Entity>(snapshot, {
      kind: 'RESYNC',
      cursor: entities.length === 0 && !stale ? cursor : partial,
      ...nothing,
    });
  }
  for (const [index, entity] of entities.entries()) {
    const last = index === entities.length - 1 && !stale;
    const event = { kind: 'SNAPSHOT', cursor: last ? cursor : partial, observedAt, entity, previous: null } as const;
    yield toldOnce<Entity>(snapshot, event);
  }
  if (stale) yield toldOnce<Entity>(snapshot, { kind: 'STALE', cursor, ...nothing });
}
