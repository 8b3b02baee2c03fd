import type { WatchEvent } from '../watch.ts';
import { mergedEvent } from './events.ts';

/** Events at one position in the queue, which are delivered as one. */
interface Pending<Entity> {
  readonly first: WatchEvent<Entity>;
  readonly last: WatchEvent<Entity>;
}

/**
 * Events that one subscriber has not taken yet. The queue has at most one change and one removal per entity, at most one
 * OVERDUE with one change before it, and at least one event of an entity between two transitions (STALE or RECOVERED).
 *
 * A later change replaces an earlier one at the END of the queue, with its own cursor. Cursors therefore grow in the
 * order of delivery. A subscriber that resumes at one of them finds the last change of every entity after it in the
 * log, so nothing is lost, and no entity returns to an older state. (A resume in the middle of merged changes may
 * report the creation of an entity as a change, with a `previous` that was never delivered.)
 *
 * An OVERDUE is never merged. The change before it stays in its queueKey, so that the events of the entity continue each
 * other.
 *
 * A STALE or RECOVERED never moves, so every event is delivered to a subscriber that knows what was stale at its
 * cursor.
 */
export class PendingEvents<Entity> {
  readonly #key: (entity: Entity) => string;
  /**
   * In the order of delivery. Null while the queue is empty, because most subscribers take each event before the next
   * one arrives.
   */
  #queue: Map<string, Pending<Entity>> | null = null;
  /** Number of transitions so far. It names each STALE and RECOVERED in the queue. */
  #transitions = 0;

  constructor(key: (entity: Entity) => string) {
    this.#key = key;
  }

  get size(): number {
    return this.#queue?.size ?? 0;
  }

  push(event: WatchEvent<Entity>): void {
    this.#queue ??= new Map();
    const queue = this.#queue;
    switch (event.kind) {
      case 'SNAPSHOT':
      case 'CREATED':
      case 'CHANGED': {
        const queueKey = `change ${this.#key(event.entity)}`;
        const first = queue.get(queueKey)?.first ?? event;
        moveToEnd(queue, queueKey, { first, last: event });
        return;
      }
      case 'OVERDUE': {
        const key = this.#key(event.entity);
        this.#queue = renamed(queue, `change ${key}`, `change before overdue ${key}`);
        moveToEnd(this.#queue, `overdue ${key}`, { first: event, last: event });
        return;
      }
      case 'REMOVED': {
        const key = this.#key(event.entity);
        for (const queueKey of ['change', 'change before overdue', 'overdue']) queue.delete(`${queueKey} ${key}`);
        moveToEnd(queue, `removal ${key}`, { first: event, last: event });
        return;
      }
      case 'STALE':
      case 'RECOVERED':
      case 'RESYNC':
        this.#transitions += 1;
        queue.set(`transition ${this.#transitions}`, { first: event, last: event });
        this.#queue = withoutPairs(queue);
        return;
    }
  }

  /** Returns the next event without removing it. */
  peek(): WatchEvent<Entity> | undefined {
    const queue = this.#queue;
    if (queue === null) return undefined;
    const waiting = queue.values();
    const next = waiting.next().value;
    const second = waiting.next().value;
    if (next === undefined) return undefined;
    if (second === undefined || !cancelEachOther(next, second)) {
      return next.first === next.last ? next.last : mergedEvent(next.first, next.last);
    }
    this.#queue = withoutPairs(queue);
    return this.peek();
  }

  shift(): WatchEvent<Entity> | undefined {
    const event = this.peek();
    for (const queueKey of this.#queue?.keys() ?? []) {
      this.#queue?.delete(queueKey);
      break;
    }
    if (this.#queue?.size === 0) this.#queue = null;
    return event;
  }

  clear(): void {
    this.#queue = null;
  }
}

/** Gives an entry another key in the same queueKey. */
function renamed<Value>(queue: Map<string, Value>, from: string, to: string): Map<string, Value> {
  if (!queue.has(from)) return queue;
  return new Map([...queue].map(([queueKey, value]) => [queueKey === from ? to : queueKey, value] as const));
}

function moveToEnd<Value>(queue: Map<string, Value>, queueKey: string, value: Value): void {
  queue.delete(queueKey);
  queue.set(queueKey, value);
}

/**
 * Whether two transitions cancel each other: a STALE and the RECOVERED right after it, or the reverse. The subscriber
 * need not receive either.
 */
const cancelEachOther = ({ last: { kind } }: Pending<unknown>, { last: other }: Pending<unknown>): boolean =>
  (kind === 'STALE' && other.kind === 'RECOVERED') || (kind === 'RECOVERED' && other.kind === 'STALE');

function withoutPairs<Entity>(queue: ReadonlyMap<string, Pending<Entity>>): Map<string, Pending<Entity>> | null {
  const kept: [string, Pending<Entity>][] = [];
  for (const [queueKey, pending] of queue) {
    const last = kept.at(-1);
    if (last !== undefined && cancelEachOther(last[1], pending)) kept.pop();
    else kept.push([queueKey, pending]);
  }
  return kept.length === 0 ? null : new Map(kept);
}
