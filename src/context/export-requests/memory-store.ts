import { LRUCache } from 'lru-cache';
import { tenantKey } from '../../domain/tenant.ts';
import type { RequestStore } from './export-requests.ts';

/** Maximum size of all texts together, in UTF-16 code units. The least recently used ones are dropped first. */
const maxSize = 8 * 2 ** 20;
/** Approximate size of an entry without its text, in the same unit. */
const entrySize = 200;

/** A store in the memory of this process. Its texts are lost when the process ends. */
export function createMemoryRequestStore(): RequestStore {
  const texts = new LRUCache<string, string>({ maxSize, sizeCalculation: (text) => text.length + entrySize });
  const keyOf = (...[{ org, sandbox }, id]: Parameters<RequestStore['get']>) =>
    JSON.stringify([tenantKey({ org, sandbox }), id]);
  return {
    set: async (tenant, id, text) => {
      texts.set(keyOf(tenant, id), text);
    },
    get: async (tenant, id) => texts.get(keyOf(tenant, id)) ?? null,
  };
}
