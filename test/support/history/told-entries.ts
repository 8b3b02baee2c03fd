import type { Violation } from './violation.ts';
import { parseCursor, type SeenEvent, type WatchHistory } from './watch-history.ts';

interface Told {
  readonly sequence: number;
  readonly event: SeenEvent;
}

/**
 * The events of all subscribers of one feed together, by the entries of its log. A slow subscriber may receive several
 * changes of an entity as one; the others show what these were.
 */
export class ToldEntries {
  readonly #byEntity = new Map<string, Told[]>();

  /** @param histories all of the same feed; what they contradict each other in is added to `violations` */
  constructor(histories: readonly WatchHistory[], violations: Violation[]) {
    const byCursor = new Map<string, { readonly name: string; readonly state: string }>();
    for (const { name, sessions } of histories) {
      for (const event of sessions.flatMap(({ events }) => events)) {
        const place = parseCursor(event.cursor);
        if (place === null || event.entity === null) continue;
        const { id, state } = event.entity;
        const key = entityKey(place.epoch, id);
        this.#byEntity.set(key, [...(this.#byEntity.get(key) ?? []), { sequence: place.sequence, event }]);
        // The cursor of a snapshot is that of the entry before it.
        if (event.kind === 'SNAPSHOT') continue;
        const told = `${event.kind === 'REMOVED' ? 'without' : 'with'} ${id} ${state}`;
        const cursor = event.cursor.replace(/\.partial$/, '');
        const other = byCursor.get(cursor);
        if (other === undefined) byCursor.set(cursor, { name, state: told });
        else if (other.state !== told) {
          const detail = `${other.name} was told ${other.state}, ${name} ${told}`;
          violations.push({ rule: 'a cursor stands for one event', where: cursor, detail });
        }
      }
    }
  }

  /**
   * Whether somebody was told that an entity came to a status between two places of the log: behind `from`, and not
   * behind `to`.
   */
  cameTo(
    status: string | null,
    entity: { readonly epoch: string; readonly id: string },
    { from, to }: { readonly from: number; readonly to: number },
  ): boolean {
    const told = this.#byEntity.get(entityKey(entity.epoch, entity.id)) ?? [];
    return told.some(
      ({ sequence, event }) => sequence > from && sequence <= to && (event.entity?.status ?? null) === status,
    );
  }
}

const entityKey = (epoch: string, id: string): string => JSON.stringify([epoch, id]);
