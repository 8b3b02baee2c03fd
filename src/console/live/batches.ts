import type { Clock } from '../app/clock.ts';

/** Time for which events are collected, in milliseconds. The first state of a list consists of many events. */
const collectMs = 60;

/** Hands over items together, so that many events cause one rendering. */
export class Batches<Item> {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #take: (items: readonly Item[]) => void;
  #items: Item[] = [];
  #cancel: (() => void) | null = null;

  constructor(clock: Pick<Clock, 'after'>, take: (items: readonly Item[]) => void) {
    this.#clock = clock;
    this.#take = take;
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#cancel ??= this.#clock.after(collectMs, () => {
      const items = this.#items;
      this.#items = [];
      this.#cancel = null;
      this.#take(items);
    });
  }

  /** Drops items that were not handed over. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#items = [];
  }
}
