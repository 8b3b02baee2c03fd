import type { WatchEvent } from './watch.ts';

/**
 * What one subscriber has not taken yet: at most one change and one removal per entity, and one STALE or RECOVERED.
 *
 * A later change takes the place of an earlier one at the END of the line, with its own cursor. So the cursors handed
 * out always grow, and whoever resumes at one of them finds the last change of every entity after it still in the log:
 * nothing is lost and no entity ever goes back to an older state. (A resume in the middle of merged changes may name an
 * entity's creation a change, and a `previous` in between.)
 */
export class PendingEvents<Entity> {
  readonly #key: (entity: Entity) => string;
  /** The one event, where no other waits: most subscribers have taken each before the next one comes. */
  #only: WatchEvent<Entity> | null = null;
  /** Several, in the order of delivery. */
  #line: Map<string, WatchEvent<Entity>> | null = null;

  constructor(key: (entity: Entity) => string) {
    this.#key = key;
  }

  get size(): number {
    return this.#line?.size ?? (this.#only === null ? 0 : 1);
  }

  push(event: WatchEvent<Entity>): void {
    if (this.size === 0) {
      this.#only = event;
      return;
    }
    const line = this.#line ?? new Map<string, WatchEvent<Entity>>();
    this.#line = line;
    if (this.#only !== null) this.#add(this.#only, line);
    this.#only = null;
    this.#add(event, line);
  }

  shift(): WatchEvent<Entity> | undefined {
    const only = this.#only;
    if (only !== null) {
      this.#only = null;
      return only;
    }
    for (const [place, event] of this.#line ?? []) {
      this.#line?.delete(place);
      if (this.#line?.size === 0) this.#line = null;
      return event;
    }
    return undefined;
  }

  clear(): void {
    this.#only = null;
    this.#line = null;
  }

  #add(event: WatchEvent<Entity>, line: Map<string, WatchEvent<Entity>>): void {
    switch (event.kind) {
      case 'SNAPSHOT':
      case 'CREATED':
      case 'CHANGED': {
        const place = `change ${this.#key(event.entity)}`;
        const earlier = line.get(place);
        moveToEnd(line, place, earlier === undefined ? event : merge(earlier, event));
        return;
      }
      case 'REMOVED': {
        const key = this.#key(event.entity);
        line.delete(`change ${key}`);
        moveToEnd(line, `removal ${key}`, event);
        return;
      }
      case 'STALE':
      case 'RECOVERED':
      case 'RESYNC':
        moveToEnd(line, 'feed', event);
        return;
    }
  }
}

function moveToEnd<Value>(line: Map<string, Value>, place: string, value: Value): void {
  line.delete(place);
  line.set(place, value);
}

/** The newest state, told as what it is to somebody who has not seen the earlier event. */
function merge<Entity>(earlier: WatchEvent<Entity>, later: WatchEvent<Entity>): WatchEvent<Entity> {
  if (later.kind !== 'CHANGED') return later;
  switch (earlier.kind) {
    case 'CHANGED':
      return { ...later, previous: earlier.previous };
    case 'CREATED':
      return { ...later, kind: 'CREATED', previous: null };
    case 'SNAPSHOT':
    case 'REMOVED':
    case 'STALE':
    case 'RECOVERED':
    case 'RESYNC':
      return later;
  }
}
