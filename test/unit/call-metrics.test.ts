import { Counter, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { countCalls } from '../../src/call-metrics.ts';

/** The metrics of calls as prom-client itself keeps them. */
function reference(registry: Registry): ReturnType<typeof countCalls> {
  const calls = new Counter({
    name: 'aep_upstream_requests_total',
    help: 'HTTP requests to the platform; status "none" if no response arrived.',
    labelNames: ['service', 'method', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'aep_upstream_request_duration_seconds',
    help: 'Duration of HTTP requests to the platform.',
    labelNames: ['service'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  return ({ service, method, status, seconds }) => {
    calls.inc({ service, method, status: status ?? 'none' });
    durations.observe({ service }, seconds);
  };
}

it('calls are reported as by the metrics of prom-client, however often they are read', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const ended = [countCalls(ours), reference(theirs)];
  const report = async () => [await ours.metrics(), await theirs.metrics()];
  expect(new Set(await report()).size).toBe(1);
  for (const service of ['export', 'catalog'] as const) {
    for (const seconds of [0, 0.005, 0.006, 0.05, 0.75, 30, 30.5]) {
      for (const method of ['GET', 'POST']) {
        for (const status of [200, 503, null]) for (const each of ended) each({ service, method, status, seconds });
      }
    }
    expect(new Set(await report()).size).toBe(1);
  }
  expect((await report())[0]).toContain('aep_upstream_requests_total{service="catalog",method="POST",status="none"} 7');
});
