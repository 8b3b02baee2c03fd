import type { ExportJob } from '../domain/export-job.ts';
import { exportRun, exportShape, segmentationRun, segmentationShape } from '../domain/runs/run.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import { type Tenant, tenantKey } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { growingLru } from '../runtime/lru.ts';
import { JobRuns, type RunRules } from './job-runs.ts';
import type { RunStore } from './run-store.ts';

/** The runs of one tenant, by kind. */
export interface TenantRuns {
  readonly exportJobs: JobRuns<ExportJob>;
  readonly segmentJobs: JobRuns<SegmentJob>;
}

export interface RunStatistics {
  of(tenant: Tenant): TenantRuns;
}

/** Maximum number of tenants in the memory of this replica. The longest unused is dropped first. */
const maxTenants = 1_000;

const exportRules: RunRules<ExportJob> = { kind: 'export-jobs', runOf: exportRun, shapeOf: exportShape };
const segmentationRules: RunRules<SegmentJob> = {
  kind: 'segment-jobs',
  runOf: segmentationRun,
  shapeOf: segmentationShape,
};

/** The statistics of ended runs, per tenant. At most 1,000 runs of each kind of a tenant are kept. */
export function createRunStatistics(options: {
  readonly store: RunStore;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'debug'>;
}): RunStatistics {
  const tenants = growingLru<TenantRuns>(maxTenants);
  return {
    of(tenant) {
      const key = tenantKey(tenant);
      const known = tenants.get(key);
      if (known !== undefined) return known;
      const runs: TenantRuns = {
        exportJobs: new JobRuns({ ...options, ...exportRules, tenant }),
        segmentJobs: new JobRuns({ ...options, ...segmentationRules, tenant }),
      };
      tenants.set(key, runs);
      return runs;
    },
  };
}
