import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { label, MetricDefinitions } from '../../../src/metrics/definitions.ts';

const buckets = [0.005, 0.02, 0.05];

/** The same metrics in the gateway's own form, and as prom-client itself keeps them. */
function both() {
  const [ours, theirs] = [new Registry(), new Registry()];
  const define = new MetricDefinitions(ours);
  const common = { help: 'A help text.', registers: [theirs] };
  const labels = { service: label<string>(), status: label<number | 'none'>() };
  const own = {
    counter: define.counter({ name: 'aep_counts_total', help: common.help, labels }),
    plain: define.counter({ name: 'aep_plain_total', help: common.help, labels: {} }),
    gauge: define.gauge({ name: 'aep_gauge', help: common.help, labels: { service: label<string>() } }),
    histogram: define.histogram({
      ...{ name: 'aep_seconds', help: common.help, labels: { service: label<string>() } },
      buckets,
    }),
  };
  const counter = new Counter({ name: 'aep_counts_total', labelNames: ['service', 'status'], ...common });
  const plain = new Counter({ name: 'aep_plain_total', ...common });
  const gauge = new Gauge({ name: 'aep_gauge', labelNames: ['service'], ...common });
  const histogram = new Histogram({ name: 'aep_seconds', labelNames: ['service'], buckets, ...common });
  const reports: readonly (() => void)[] = [
    () => own.plain({}),
    () => plain.inc(),
    ...(['export', 'catalog'] as const).flatMap((service) => [
      () => own.counter({ service, status: 200 }),
      () => counter.inc({ service, status: 200 }),
      () => own.counter({ service, status: 'none' }, 5),
      () => counter.inc({ service, status: 'none' }, 5),
      () => own.gauge({ service }, 3),
      () => gauge.inc({ service }, 3),
      () => own.gauge({ service }, -1),
      () => gauge.dec({ service }, 1),
      ...[0, 0.005, 0.006, 0.05, 0.75].flatMap((seconds) => [
        () => own.histogram({ service }, seconds),
        () => histogram.observe({ service }, seconds),
      ]),
    ]),
  ];
  return { reports, read: async () => [await ours.metrics(), await theirs.metrics()] };
}

it('metrics are shown as prom-client shows its own, however often they are read', async () => {
  const { reports, read } = both();
  expect(new Set(await read()).size).toBe(1);
  for (const [index, report] of reports.entries()) {
    report();
    if (index % 2 === 1) expect(new Set(await read()).size).toBe(1);
  }
  expect((await read())[0]).toContain('aep_counts_total{service="catalog",status="none"} 5');
});

it('a report with more members than the labels counts only the labels', async () => {
  const registry = new Registry();
  const count = new MetricDefinitions(registry).counter({
    name: 'aep_counts_total',
    help: 'A help text.',
    labels: { service: label<string>() },
  });
  const report = { service: 'export', seconds: 1 };
  count(report);
  expect(await registry.metrics()).toContain('aep_counts_total{service="export"} 1\n');
});

it('a metric whose values are kept elsewhere is read at the time of each request', async () => {
  const registry = new Registry();
  let size = 1;
  new MetricDefinitions(registry).readGauge({ name: 'aep_size', help: 'A help text.', labels: {} }, () => [
    { labels: {}, value: size },
  ]);
  expect(await registry.metrics()).toContain('aep_size 1\n');
  size = 2;
  expect(await registry.metrics()).toContain('aep_size 2\n');
});
