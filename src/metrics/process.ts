import { collectDefaultMetrics, type Registry } from 'prom-client';
import { label, type MetricDefinitions } from './definitions.ts';

/** Gauges of prom-client whose names end like those of counters. Each has a counterpart by type without `_total`. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/**
 * Declares the metrics of the process: CPU, memory, event loop lag and garbage collection, as prom-client names them, and
 * the build.
 */
export function defineProcessMetrics(registry: Registry, define: MetricDefinitions, version: string): void {
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  define.readGauge(
    {
      name: 'aep_build_info',
      help: 'Always 1. The labels are the versions of the gateway and of Node.',
      labels: { version: label<string>(), node: label<string>() },
    },
    () => [{ labels: { version, node: process.versions.node }, value: 1 }],
  );
}
