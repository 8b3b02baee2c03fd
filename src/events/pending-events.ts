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
  /** In the order of delivery. */
  readonly #line = new Map<string, WatchEvent<Entity>>();

  constructor(key: (entity: Entity) => string) {
    this.#key = key;
  }

  get size(): number {
    return this.#line.size;
  }

  push(event: WatchEvent<Entity>): void {
    switch (event.kind) {
      case 'SNAPSHOT':
      case 'CREATED':
      case 'CHANGED': {
        const place = `change ${this.#key(event.entity)}`;
        const earlier = this.#line.get(place);
        this.#moveToEnd(place, earlier === undefined ? event : merge(earlier, event));
        return;
      }
      case 'REMOVED': {
        const key = this.#key(event.entity);
        this.#line.delete(`change ${key}`);
        this.#moveToEnd(`removal ${key}`, event);
        return;
      }
      case 'STALE':
      case 'RECOVERED':
      case 'RESYNC':
        this.#moveToEnd('feed', event);
        return;
    }
  }

  shift(): WatchEvent<Entity> | undefined {
    for (const [place, event] of this.#line) {
      this.#line.delete(place);
      return event;
    }
    return undefined;
  }

  clear(): void {
    this.#line.clear();
  }

  #moveToEnd(place: string, event: WatchEvent<Entity>): void {
    this.#line.delete(place);
    this.#line.set(place, event);
  }
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
