import { TransientMap } from './transient-map.ts';

/** Counts by key. A key whose count is 0 uses no memory. */
export class Counts {
  readonly #counts = new TransientMap<string, number>();

  /** Number of keys whose count is not 0. */
  get size(): number {
    return this.#counts.size;
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, difference: number): void {
    const count = this.of(key) + difference;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}
