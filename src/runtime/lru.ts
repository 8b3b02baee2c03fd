import { LRUCache } from 'lru-cache';

/**
 * Creates a cache that drops its least recently used entries. Its memory grows with its entries. The option `max` of
 * `LRUCache` allocates room for all entries at once, which are 160 KB for 10,000 entries, and is for caches of which
 * the process has one.
 */
export const growingLru = <Value extends {}>(maxEntries: number): LRUCache<string, Value> =>
  new LRUCache({ maxSize: maxEntries, sizeCalculation: () => 1 });
