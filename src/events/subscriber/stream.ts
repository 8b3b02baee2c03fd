import { PullIterator, type PullSource, type ReadableListener } from '../../runtime/pull-source.ts';
import type { TurnLimiter } from '../../runtime/turn-limiter.ts';
import {
  type EventLog,
  type LogEntry,
  LogOverflowError,
  type LogSnapshot,
  type LogStart,
  type LogTail,
} from '../log.ts';
import type { WatchEvent, WatchOptions } from '../watch.ts';
import { cursorIsPartial, entitiesByKey, entryEvent, partialCursor, partialEvent } from './events.ts';
import { withFirstResults } from './first-results.ts';
import { PendingEvents } from './queue.ts';
import { isLocalAlone, noSubjects, Selection, type SelectionOptions, type Subject } from './selection.ts';
import { snapshotEvents } from './snapshot-events.ts';

/** Receives the events that a subscriber does not receive one by one. */
export interface StreamObserver {
  /** Events were merged into later events that wait for a slow subscriber. */
  merged(count: number): void;
  /** Waiting events were dropped, and a RESYNC with the current state replaces them. */
  dropped(count: number): void;
  /** The subscriber receives RESYNC. */
  resynced(): void;
}

export interface WatchStreamOptions<Entity> extends SelectionOptions<Entity> {
  readonly log: EventLog<Entity>;
  /**
   * Maximum number of merged events that wait for a slow subscriber. If there are more, they are dropped, and a RESYNC
   * with new snapshots replaces them.
   * @default 1_000
   */
  readonly maxPendingEvents?: number | undefined;
  /** Receives what becomes of the events. Many streams share one observer. */
  readonly observer?: StreamObserver | undefined;
  /** Limits the events that all streams deliver in one turn of the event loop. Absent: no limit. */
  readonly turns?: Pick<TurnLimiter, 'take' | 'forget'> | undefined;
  /** Called once, when the stream has ended for any reason. */
  readonly onEnd: () => void;
}

type ReadResult<Entity> = IteratorResult<WatchEvent<Entity>, undefined>;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
const nothing: Iterator<never> = { next: () => done };

/**
 * Events of one subscriber: snapshots or missed changes, then every later change of the log. If the log drops entries
 * before they are read, the subscriber receives a RESYNC and the stream continues.
 *
 * The filter selects the events that are sent. The `ids` decide when the stream completes. It completes at the first
 * entry after which every id is over (terminal, with settled results if these are watched) or removed, whether or not
 * that entry was sent. This is the same for a stream that starts, resumes, or restarts with a RESYNC.
 */
export class WatchStream<Entity> implements PullSource<WatchEvent<Entity>> {
  readonly #options: WatchStreamOptions<Entity>;
  readonly #selection: Selection<Entity>;
  readonly #pending: PendingEvents<Entity>;
  readonly #maxPending: number;
  /** Number of pending events, and of those that were merged since the last report. */
  #unreported = 0;
  #start: LogStart<Entity>['kind'] = 'snapshot';
  /** Snapshots or missed changes, which are created when they are read. */
  #backlog: Iterator<WatchEvent<Entity>> = nothing;
  /** The `ids` that are neither over nor removed after the last entry that was read. Null: there are no `ids`. */
  #remaining: Set<string> | null = null;
  /** Stale subjects that concern the subscriber, after the last entry that was read. */
  #stale: ReadonlySet<Subject> = noSubjects;
  #tail: LogTail<Entity> | null = null;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #listener: ReadableListener | null = null;
  /** Whether the last `read` found nothing. */
  #silent = false;
  /** Removes the listener on the signal that ends the stream. */
  #untilAbort: Disposable | null = null;
  readonly #onReadable = () => this.#notify();

  constructor(options: WatchStreamOptions<Entity>) {
    this.#options = options;
    this.#selection = new Selection(options);
    this.#pending = new PendingEvents(options.key);
    this.#maxPending = options.maxPendingEvents ?? 1_000;
  }

  /**
   * Beginning of the stream: a snapshot, a replay after the given cursor, or a snapshot because the cursor was unknown.
   */
  get start(): LogStart<Entity>['kind'] {
    return this.#start;
  }

  /**
   * Opens the log. Call it once, before the first `read`.
   * @throws the error of opening the log, or the reason of the signal. `onEnd` is not called then.
   */
  async open({ after, signal }: Pick<WatchOptions<Entity>, 'after' | 'signal'>): Promise<void> {
    signal.throwIfAborted();
    await this.#openLog(after);
    if (signal.aborted) this.#leaveLog();
    signal.throwIfAborted();
    if (this.#ended) return;
    const onAbort = () => this.#end();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#untilAbort = { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) };
  }

  /** Call it once, from the reader that iterates. */
  [Symbol.asyncIterator](): PullIterator<WatchEvent<Entity>> {
    const iterator = new PullIterator(this);
    this.#listener = iterator;
    return iterator;
  }

  listen(listener: ReadableListener): void {
    this.#forgetSignal();
    this.#listener = listener;
  }

  read(): ReadResult<Entity> | null {
    // The caller reads the next event itself, so an end during this call needs no notification.
    this.#silent = false;
    const result = this.#readNext();
    this.#silent = result === null;
    return result;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#end();
    return done;
  }

  /** Ends the stream with an error instead of completing it, because the watched work is not over. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#failure = { error };
    this.#end();
  }

  /**
   * Sends the current state again, unless events are waiting. An active STALE is sent again with it, because clients
   * that joined behind a router have not received the first one.
   */
  confirm(): void {
    if (!this.#silent || this.#backlog !== nothing) return;
    this.#collect();
    if (this.#tail !== null && this.#peek() === undefined) {
      try {
        this.#backlog = this.#snapshotEvents(this.#tail.snapshot, 'snapshot');
      } catch (error) {
        this.fail(error);
      }
    }
    this.#notify();
  }

  #notify(): void {
    if (this.#silent) this.#listener?.onReadable();
  }

  /** Returns the next event or the end; null: there is none yet. */
  #readNext(): ReadResult<Entity> | null {
    this.#collect();
    if (this.#ended) return this.#conclude();
    const hasEvent = this.#backlog !== nothing || this.#peek() !== undefined;
    if (hasEvent && this.#options.turns?.take(this.#onReadable) === false) return null;
    const event = this.#next();
    // A stream is released with its last event, without waiting for the next request.
    if (this.#isComplete && this.#peek() === undefined && (event === undefined || this.#backlog === nothing)) {
      this.#end();
    }
    if (event !== undefined) return { done: false, value: event };
    return this.#ended ? this.#conclude() : null;
  }

  #next(): WatchEvent<Entity> | undefined {
    const { done: isOver, value } = this.#backlog.next();
    if (isOver !== true) return value;
    // A snapshot contains every entity, so a silent stream does not keep it.
    this.#backlog = nothing;
    const event = this.#peek();
    if (event !== undefined) this.#shift();
    return event;
  }

  /**
   * Returns the next pending event. Skips entities that entered and left the filter before the subscriber read them.
   */
  #peek(): WatchEvent<Entity> | undefined {
    let event = this.#pending.peek();
    while (event !== undefined && !this.#selection.isWanted(event)) {
      this.#shift();
      event = this.#pending.peek();
    }
    return event;
  }

  #shift(): void {
    this.#pending.shift();
    this.#unreported -= 1;
  }

  #reportMerged(): void {
    const merged = this.#unreported - this.#pending.size;
    if (merged === 0) return;
    this.#unreported -= merged;
    this.#options.observer?.merged(merged);
  }

  get #isComplete(): boolean {
    return this.#remaining?.size === 0;
  }

  /** Reads the new entries of the log. */
  #collect(): void {
    const tail = this.#tail;
    if (tail === null) return;
    try {
      while (!this.#isComplete) {
        const entry = tail.read();
        if (entry === null) break;
        const event = this.#advance(entry);
        if (event === null) continue;
        this.#pending.push(event);
        this.#unreported += 1;
      }
    } catch (error) {
      if (error instanceof LogOverflowError) void this.#recover();
      else this.fail(error);
      return;
    }
    this.#reportMerged();
    if (this.#pending.size > this.#maxPending) void this.#recover();
    else if (this.#isComplete) this.#leaveLog();
    else if (tail.ended) this.#end();
  }

  #conclude(): IteratorReturnResult<undefined> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
    return done;
  }

  /**
   * Applies one entry to the state of the stream.
   * @param shown the entry with the state that its event shows
   * @returns the event of the entry; null: the subscriber does not receive it
   */
  #advance(entry: LogEntry<Entity>, shown = entry): WatchEvent<Entity> | null {
    const { change } = entry;
    switch (change.kind) {
      case 'CREATED':
      case 'CHANGED':
      case 'OVERDUE':
      case 'REMOVED': {
        const id = this.#options.key(change.entity);
        // Most entries end here, because a stream of one id may send none of 500 changes in a round.
        if (this.#selection.ids?.has(id) === false) return null;
        if (change.kind !== 'REMOVED' && !this.#selection.isOver(change.entity)) this.#remaining?.add(id);
        else this.#remaining?.delete(id);
        const event = entryEvent(shown);
        if (!this.#selection.isSeen(shown.change) || !this.#selection.isWanted(event)) return null;
        return isLocalAlone(this.#stale) ? partialEvent(event) : event;
      }
      case 'STALE':
      case 'RECOVERED': {
        if (!this.#selection.concerns(change.subject)) return null;
        const before = this.#stale;
        const after = new Set(before);
        if (change.kind === 'STALE') after.add(change.subject);
        else after.delete(change.subject);
        this.#stale = after.size === 0 ? noSubjects : after;
        return before.size > 0 === after.size > 0 ? null : entryEvent(entry);
      }
    }
  }

  /** Restarts, because the log or the queue of pending events was too short. */
  async #recover(): Promise<void> {
    this.#leaveLog();
    this.#backlog = nothing;
    this.#reportMerged();
    if (this.#unreported > 0) this.#options.observer?.dropped(this.#unreported);
    this.#unreported = 0;
    this.#pending.clear();
    this.#remaining = null;
    try {
      await this.#openLog(partialCursor(''));
    } catch (error) {
      this.fail(error);
    }
    this.#notify();
  }

  async #openLog(after: string | undefined): Promise<void> {
    const restart = after !== undefined && cursorIsPartial(after);
    const { log } = this.#options;
    const { start, tail } = await log.open({ after: restart ? undefined : after, onReadable: this.#onReadable });
    // The stream may have ended while the log was being opened.
    if (this.#ended) {
      tail[Symbol.dispose]();
      return;
    }
    this.#tail = tail;
    this.#start = restart ? 'resync' : start.kind;
    this.#stale = this.#selection.concerning(start.kind === 'replay' ? start.stale : start.snapshot.stale);
    this.#remaining = this.#runningIds(start);
    if (start.kind === 'replay') this.#replay(start);
    else this.#backlog = this.#snapshotEvents(start.snapshot, restart ? 'resync' : start.kind);
    if (this.#start === 'resync') this.#options.observer?.resynced();
  }

  #forgetSignal(): void {
    this.#untilAbort?.[Symbol.dispose]();
    this.#untilAbort = null;
  }

  #leaveLog(): void {
    this.#tail?.[Symbol.dispose]();
    this.#tail = null;
  }

  /** The `ids` that were neither over nor removed at the position where the stream begins. */
  #runningIds(start: LogStart<Entity>): Set<string> | null {
    if (this.#selection.ids === null) return null;
    const { key } = this.#options;
    const isOver = (entity: Entity) => this.#selection.isOver(entity);
    const known = entitiesByKey(start.snapshot, key);
    const running = new Set<string>();
    for (const id of this.#selection.ids) {
      const entity = known.get(id);
      if (entity !== undefined && !isOver(entity)) running.add(id);
    }
    if (start.kind !== 'replay') return running;
    // The first missed entry of an entity shows its state at the cursor.
    for (const { change } of start.missed.toReversed()) {
      if (!('entity' in change)) continue;
      const id = key(change.entity);
      if (!this.#selection.ids.has(id)) continue;
      if (wasRunning(change, isOver)) running.add(id);
      else running.delete(id);
    }
    return running;
  }

  #replay({ missed, snapshot }: Extract<LogStart<Entity>, { readonly kind: 'replay' }>): void {
    const events: WatchEvent<Entity>[] = [];
    const { key, results, withResults = false } = this.#options;
    const shown = withResults && results ? withFirstResults({ missed, snapshot }, key, results) : missed;
    for (const [index, entry] of missed.entries()) {
      if (this.#isComplete) break;
      const event = this.#advance(entry, shown[index]);
      if (event !== null) events.push(event);
    }
    this.#backlog = events.length === 0 ? nothing : events[Symbol.iterator]();
    if (this.#isComplete) this.#leaveLog();
  }

  #snapshotEvents(snapshot: LogSnapshot<Entity>, start: 'snapshot' | 'resync'): Iterator<WatchEvent<Entity>> {
    const entities = this.#selection.entities(snapshot, start);
    return snapshotEvents(snapshot, {
      entities,
      stale: this.#selection.concerning(snapshot.stale),
      isResync: start === 'resync',
    });
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.turns?.forget(this.#onReadable);
    this.#forgetSignal();
    this.#leaveLog();
    this.#backlog = nothing;
    this.#pending.clear();
    this.#options.onEnd();
    this.#notify();
  }
}

/**
 * Whether an entity was running before a change. An entity that did not exist yet counts as running, because a client
 * may name a job that it created after the cursor with which it resumes, and the end of that job is still to come.
 */
function wasRunning<Entity>(
  change: Extract<LogEntry<Entity>['change'], { readonly entity: Entity }>,
  isOver: (entity: Entity) => boolean,
): boolean {
  switch (change.kind) {
    case 'CREATED':
      return true;
    case 'CHANGED':
    case 'OVERDUE':
      return !isOver(change.previous);
    case 'REMOVED':
      return !isOver(change.entity);
  }
}
