import { LRUCache } from 'lru-cache';

/**
 * Creates a cache that drops its least recently used entries. Its memory grows with its entries. The option `max` of
 * `LRUCache` allocates room for all entries at once, which takes a millisecond and 160 KB for 10,000 entries, so that
 * it is only for small caches.
 */
export const growingLru = <Value extends {}>(
  maxEntries: number,
  options: Pick<LRUCache.OptionsBase<string, Value, unknown>, 'dispose'> = {},
): LRUCache<string, Value> => new LRUCache({ ...options, maxSize: maxEntries, sizeCalculation: () => 1 });
