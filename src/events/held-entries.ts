import { type LogBounds, type LogEntry, LogOverflowError } from './log.ts';

export interface HeldEntry<Entity> {
  readonly entry: LogEntry<Entity>;
  /** Sequence number of this entry. A local-only entry has the number of the entry before it. */
  readonly sequence: number;
  /** Whether only the readers of this process receive the entry. No log contains it. */
  readonly isLocal: boolean;
  readonly mark: string;
  readonly bytes: number;
}

/** Sequence number and mark of an entry. */
export interface EntryPosition {
  readonly sequence: number;
  readonly mark: string;
}

/**
 * The newest entries of a log in this process, up to its bounds. Readers hold a position in this list and no entries.
 * Positions count all entries, including local ones.
 */
export class HeldEntries<Entity> {
  readonly #bounds: LogBounds;
  /** Sequence number after which every entry is held. */
  #floor = 0;
  /** Mark of the entry at the floor; null: unknown. */
  #floorMark: string | null = '';
  #held: HeldEntry<Entity>[] = [];
  #bytes = 0;
  /** Position of the first held entry. */
  #first = 0;
  /** Identity of the list. A reader of an earlier list has lost entries. */
  #list = Symbol();

  constructor(bounds: LogBounds) {
    this.#bounds = bounds;
  }

  get floor(): number {
    return this.#floor;
  }

  get list(): symbol {
    return this.#list;
  }

  /** Position of the next entry. */
  get end(): number {
    return this.#first + this.#held.length;
  }

  /** Begins a new list, without entries. Readers of the former list overflow. */
  reset({ sequence, mark }: EntryPosition): void {
    this.#floor = sequence;
    this.#floorMark = mark;
    this.#held = [];
    this.#bytes = 0;
    this.#list = Symbol();
  }

  /** Adds an entry. Call `trim` after the last one of a write. */
  push(held: HeldEntry<Entity>): void {
    this.#held.push(held);
    this.#bytes += held.bytes;
  }

  /**
   * Adds the entries before the floor.
   * @param oldest the entry before all entries of the log
   */
  prepend(older: readonly HeldEntry<Entity>[], oldest: EntryPosition): void {
    this.#floor -= older.length;
    this.#floorMark = this.#floor === oldest.sequence ? oldest.mark : null;
    this.#held = [...older, ...this.#held];
    this.#first -= older.length;
    for (const { bytes } of older) this.#bytes += bytes;
    this.trim();
  }

  /** Drops the oldest entries above the bounds. */
  trim(): void {
    const { maxEntries, maxBytes } = this.#bounds;
    let excess = 0;
    for (const { sequence, mark, bytes } of this.#held) {
      const kept = this.#held.length - excess;
      if (kept <= maxEntries && (this.#bytes <= maxBytes || kept === 1)) break;
      excess += 1;
      this.#bytes -= bytes;
      this.#floor = sequence;
      this.#floorMark = mark;
    }
    this.#held.splice(0, excess);
    this.#first += excess;
  }

  /**
   * Returns the entry at a position; null: there is none yet.
   * @throws {LogOverflowError} the entry was dropped, or the list is an earlier one
   */
  at(list: symbol, position: number): LogEntry<Entity> | null {
    if (list !== this.#list || position < this.#first) {
      throw new LogOverflowError('Entries were dropped before they were read.');
    }
    return this.#held[position - this.#first]?.entry ?? null;
  }

  /** Entries of the log after a sequence number that is not below the floor, without local ones. */
  after(sequence: number): LogEntry<Entity>[] {
    const later = this.#held.slice(this.#indexAfter(sequence));
    return later.filter(({ isLocal }) => !isLocal).map(({ entry }) => entry);
  }

  /** Whether the entry with this sequence number has this mark. False for an entry that is unknown. */
  hasMark({ sequence, mark }: EntryPosition): boolean {
    if (sequence === this.#floor) return this.#floorMark === mark;
    return this.#held[this.#indexAfter(sequence - 1)]?.mark === mark;
  }

  #indexAfter(sequence: number): number {
    let [low, high] = [0, this.#held.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#held[middle]?.sequence ?? Infinity) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
