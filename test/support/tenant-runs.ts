import { createRunStatistics, type TenantRuns } from '../../src/runs/run-statistics.ts';
import { createMemoryRunStore } from '../../src/runs/run-store.ts';
import { FakeClock } from './fake-clock.ts';
import { tenantOf } from './tenants.ts';

/** Runs of a tenant, of which none are known. */
export function runsOf(): TenantRuns {
  const clock = new FakeClock();
  const store = createMemoryRunStore({ clock });
  return createRunStatistics({ store, clock, logger: { debug: () => undefined } }).of(tenantOf('prod'));
}
