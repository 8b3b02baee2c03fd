import type { Tenant } from '../../domain/tenant.ts';

/** Kind of a stored text. It is a part of the key. */
export type JobTextKind = 'export-request' | 'requested-by';

/** Stores one text per job. */
export interface JobTexts {
  /** @param job unique within the tenant */
  set(tenant: Tenant, job: string, text: string): Promise<void>;
  /** One text per job, in their order; null: there is none. All are read at once. */
  getMany(tenant: Tenant, jobs: readonly string[]): Promise<readonly (string | null)[]>;
}
