import { ValueStore } from '../app/value-store.ts';
import type { WatchEventKind } from '../operations.generated.ts';

/** An entity in a live list. */
export interface LiveRow {
  readonly id: string;
  /** Order of two states of the same entity, as RFC 3339 text in UTC. */
  readonly observedAt: string;
}

export interface LiveEvent<Row> {
  readonly kind: WatchEventKind;
  readonly observedAt: string;
  /** Null in STALE, RECOVERED and RESYNC. */
  readonly row: Row | null;
}

export interface LiveState<Row> {
  /** In the order in which they became known. */
  readonly rows: readonly Row[];
  /** Since when the state may be out of date, as RFC 3339 text; null if it is not. */
  readonly staleSince: string | null;
  /** Number of RESYNC events: older pages must be read again after each of them. */
  readonly resyncs: number;
}

/**
 * Entities from pages of a list and from the events of a subscription. An older state never replaces a newer one. The
 * object of a row stays the same as long as the row does not change, so that only changed rows are rendered again.
 */
export class LiveList<Row extends LiveRow> extends ValueStore<LiveState<Row>> {
  constructor() {
    super({ rows: [], staleSince: null, resyncs: 0 });
  }

  /** Adds rows of a page that was read. */
  add(rows: readonly Row[]): void {
    const known = this.#byId();
    for (const row of rows) put(known, row);
    this.set({ ...this.get(), rows: [...known.values()] });
  }

  /** Applies events in their order. */
  apply(events: readonly LiveEvent<Row>[]): void {
    if (events.length === 0) return;
    const known = this.#byId();
    let { staleSince, resyncs } = this.get();
    for (const { kind, observedAt, row } of events) {
      switch (kind) {
        case 'SNAPSHOT':
        case 'CREATED':
        case 'CHANGED':
        case 'OVERDUE':
          if (row !== null) put(known, row);
          break;
        case 'REMOVED':
          if (row !== null) known.delete(row.id);
          break;
        case 'RESYNC':
          // The events that were missed may have removed any of them.
          known.clear();
          resyncs += 1;
          break;
        case 'STALE':
          staleSince = observedAt;
          break;
        case 'RECOVERED':
          staleSince = null;
          break;
      }
    }
    this.set({ rows: [...known.values()], staleSince, resyncs });
  }

  #byId(): Map<string, Row> {
    return new Map(this.get().rows.map((row) => [row.id, row]));
  }
}

function put<Row extends LiveRow>(known: Map<string, Row>, row: Row): void {
  const present = known.get(row.id);
  if (present === undefined || present.observedAt <= row.observedAt) known.set(row.id, row);
}
