import { Registry } from 'prom-client';
import { MetricDefinitions } from '../../src/metrics/definitions.ts';
import { definePollMetrics } from '../../src/metrics/polling.ts';

/** Metrics of poll loops that no test reads. */
export const uncountedPolls = definePollMetrics(new MetricDefinitions(new Registry()));
