import { LRUCache } from 'lru-cache';
import { type Tenant, tenantKey } from '../../domain/tenant.ts';
import type { JobTexts } from './store.ts';

/** Maximum size of all texts together, in UTF-16 code units. The least recently used ones are dropped first. */
const maxSize = 8 * 2 ** 20;
/** Approximate size of an entry without its text, in the same unit. */
const entrySize = 200;

/** A store in the memory of this process. Its texts are lost when the process ends. */
export function createMemoryJobTexts(): JobTexts {
  const texts = new LRUCache<string, string>({ maxSize, sizeCalculation: (text) => text.length + entrySize });
  const keyOf = (tenant: Tenant, job: string) => JSON.stringify([tenantKey(tenant), job]);
  return {
    set: async (tenant, job, text) => {
      texts.set(keyOf(tenant, job), text);
    },
    getMany: async (tenant, jobs) => jobs.map((job) => texts.get(keyOf(tenant, job)) ?? null),
  };
}
