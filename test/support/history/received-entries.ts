import type { Violation } from './violation.ts';
import { parseCursor, type SeenEvent, type WatchHistory } from './watch-history.ts';

interface Received {
  readonly sequence: number;
  readonly event: SeenEvent;
}

/**
 * Combines the events of all subscribers of one feed, by log entry. A slow subscriber may receive several changes of an
 * entity as one; the other subscribers show the individual changes.
 */
export class ReceivedEntries {
  readonly #byEntity = new Map<string, Received[]>();

  /** @param histories histories of one feed; contradictions between them are added to `violations` */
  constructor(histories: readonly WatchHistory[], violations: Violation[]) {
    const byCursor = new Map<string, { readonly name: string; readonly state: string }>();
    for (const { name, sessions } of histories) {
      for (const event of sessions.flatMap(({ events }) => events)) {
        const place = parseCursor(event.cursor);
        if (place === null || event.entity === null) continue;
        const { id, state } = event.entity;
        const key = entityKey(place.epoch, id);
        this.#byEntity.set(key, [...(this.#byEntity.get(key) ?? []), { sequence: place.sequence, event }]);
        // The cursor of a snapshot is the cursor of the entry before it.
        if (event.kind === 'SNAPSHOT') continue;
        const received = `${event.kind === 'REMOVED' ? 'without' : 'with'} ${id} ${state}`;
        const cursor = event.cursor.replace(/\.partial$/, '');
        const other = byCursor.get(cursor);
        if (other === undefined) byCursor.set(cursor, { name, state: received });
        else if (other.state !== received) {
          const detail = `${other.name} received ${other.state}, ${name} received ${received}`;
          violations.push({ rule: 'a cursor stands for one event', where: cursor, detail });
        }
      }
    }
  }

  /**
   * Whether a subscriber received the change of an entity to a status between two log positions: after `from`, and not
   * after `to`.
   */
  cameTo(
    status: string | null,
    entity: { readonly epoch: string; readonly id: string },
    { from, to }: { readonly from: number; readonly to: number },
  ): boolean {
    const received = this.#byEntity.get(entityKey(entity.epoch, entity.id)) ?? [];
    return received.some(
      ({ sequence, event }) => sequence > from && sequence <= to && (event.entity?.status ?? null) === status,
    );
  }
}

const entityKey = (epoch: string, id: string): string => JSON.stringify([epoch, id]);
