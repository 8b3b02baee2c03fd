/** Minimum number of removals after which the Map is replaced, so soon that V8 rarely promotes it to the old generation. */
const minRemovals = 64;

/**
 * A map for entries that come and go with each request.
 *
 * V8 gives a Map a new table after some removals, and links the replaced table, with the entries that it had, to the new
 * one. Once such a table is in the old generation, it keeps all later tables and their entries reachable until the next
 * collection of the old generation, which they fill. This class therefore replaces the whole Map from time to time.
 */
export class TransientMap<Key, Value> {
  #map = new Map<Key, Value>();
  #removals = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  delete(key: Key): void {
    if (!this.#map.delete(key)) return;
    this.#removals += 1;
    // The copy costs no more than the removals before it.
    if (this.#removals < Math.max(minRemovals, this.#map.size)) return;
    this.#map = new Map(this.#map);
    this.#removals = 0;
  }
}
