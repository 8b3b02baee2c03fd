import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMetrics } from '../../src/metrics/index.ts';

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(repository, path), 'utf8');

const alerts = z
  .object({
    groups: z.tuple([
      z.object({
        rules: z.array(
          z.object({ alert: z.string(), expr: z.string(), annotations: z.record(z.string(), z.string()) }),
        ),
      }),
    ]),
  })
  .parse(parse(read('deploy/prometheus/alerts.yaml'))).groups[0].rules;

const gridPosition = z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() });
const dashboard = z
  .object({
    panels: z.array(
      z.object({
        id: z.number(),
        title: z.string(),
        gridPos: gridPosition,
        targets: z.array(z.object({ expr: z.string() })).default([]),
      }),
    ),
  })
  .parse(JSON.parse(read('deploy/grafana/dashboard.json')));
/** The metric by which the autoscaler decides. */
const scaled = /name: (aep_\w+)/.exec(read('deploy/kubernetes/horizontal-pod-autoscaler.yaml'))?.[1];

/** Names of the series that an expression reads. */
const seriesOf = (expression: string): readonly string[] => expression.match(/\b(?:aep|nodejs|process)_\w+/g) ?? [];

describe('the alerts and the dashboard', () => {
  /** Names of all series. */
  const series = new Set<string>();
  beforeAll(async () => {
    // Metrics of the process, of which the table of the documentation has none.
    const { body } = await createMetrics({ version: '' }).render();
    const all = [
      ...body.matchAll(/^# TYPE (\S+) (\S+)$/gm),
      ...read('docs/operations.md').matchAll(/^\| `(aep_\w+)` \| (\w+) \|/gm),
    ];
    for (const [, name = '', type] of all) {
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      for (const suffix of suffixes) series.add(`${name}${suffix}`);
    }
  });

  it('read only metrics that the gateway has', () => {
    const expressions = [
      ...alerts.map(({ expr }) => expr),
      ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      scaled ?? '',
    ];
    const names = expressions.flatMap(seriesOf);
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !series.has(name))).toEqual([]);
  });

  it('state the effect and the action of each alert', () => {
    for (const { annotations } of alerts) expect(Object.keys(annotations)).toEqual(['summary', 'description']);
  });

  it('have panels with different ids that do not overlap', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

// promtool belongs to Prometheus, which not every machine has.
const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

describe.skipIf(!promtool)('promtool', () => {
  it('accepts the alert rules', async () => {
    const { stdout } = await run('promtool', ['check', 'rules', join(repository, 'deploy/prometheus/alerts.yaml')]);
    expect(stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
  });

  it('finds that each alert fires for its state, and none for a healthy gateway', async () => {
    const cases = join(import.meta.dirname, 'alerts.test.yaml');
    const { stdout } = await run('promtool', ['test', 'rules', cases]);
    expect(stdout).toContain('SUCCESS');
    expect(read('test/deploy/alerts.test.yaml').match(/alertname="(\w+)"/g)?.length).toBe(alerts.length);
  });
});
