import { mercuriusLabel } from './contenders.ts';
import type { Row } from './measure.ts';

const scenariosOf = (rows: readonly Row[]) => [...new Set(rows.map(({ scenario }) => scenario))];
const number = (value: number, digits: number): string =>
  Number.isFinite(value)
    ? value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : '';
const cpu = (ms: number): string => number(ms, 3);

const tableOf = (head: readonly string[], lines: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Formats one table per scenario. Servers that do not support it have a dash. */
export function tables(rows: readonly Row[]): string {
  const labels = [...new Set(rows.map(({ label }) => label))];
  const sections = scenariosOf(rows).map((scenario) => {
    const own = rows.filter((row) => row.scenario === scenario);
    const rate = own[0]?.atRate?.perSecond;
    const gateway = own.find(({ kind }) => kind === 'gateway');
    const head = [
      'server',
      'requests/s',
      'CPU ms per request (range)',
      'CPU of the gateway',
      'p50 ms',
      'p99 ms',
      ...(rate === undefined ? [] : [`p50 ms at ${rate}/s`, `p99 ms at ${rate}/s`]),
      'peak MB',
      'load',
    ];
    const lines = labels.map((label) => {
      const row = own.find((each) => each.label === label);
      if (row === undefined) return [label, ...head.slice(1).map(() => '–')];
      const [least, most] = row.cpuRange;
      return [
        label,
        number(row.perSecond, 0),
        `${cpu(row.cpuMs)} (${cpu(least)}–${cpu(most)})`,
        gateway === undefined ? '' : `${number(row.cpuMs / gateway.cpuMs, 2)} ×`,
        number(row.p50Ms, 1),
        number(row.p99Ms, 1),
        ...(row.atRate === null ? [] : [number(row.atRate.p50Ms, 1), number(row.atRate.p99Ms, 1)]),
        number(row.peakMb, 0),
        `${number(row.loadShare * 100, 0)} %`,
      ];
    });
    return `## ${scenario.title}\n\n${tableOf(head, lines)}`;
  });
  return sections.join('\n\n');
}

const maxPeakMb = 200;

interface Target {
  readonly target: string;
  readonly wanted: string;
  readonly measured: string;
  readonly holds: boolean;
}

/** Compares the first gateway of the rows with the targets. Targets without rows are omitted. */
export function targets(rows: readonly Row[]): string {
  const gateway = rows.find(({ kind }) => kind === 'gateway')?.label;
  const find = (name: string, matches: (row: Row) => boolean): Row | undefined =>
    rows.find((row) => row.scenario.name === name && matches(row));
  const own = (name: string) => find(name, ({ label }) => label === gateway);

  /** Under full load, the throughput of a server on one core is determined by its CPU per request. */
  const throughput = (name: string, other: string, least: number, otherRow: Row | undefined): Target[] => {
    const row = own(name);
    if (row === undefined || otherRow === undefined) return [];
    const ratio = otherRow.cpuMs / row.cpuMs;
    return [
      {
        target: `${row.scenario.title}: requests for the CPU of one by ${other}`,
        wanted: `≥ ${least.toFixed(1)} ×`,
        measured: `${ratio.toFixed(2)} × (by requests/s: ${(row.perSecond / otherRow.perSecond).toFixed(2)} ×)`,
        holds: ratio >= least,
      },
    ];
  };
  const latency = (name: string): Target[] => {
    const row = own(name);
    const peers = rows.filter(({ scenario, kind }) => scenario.name === name && kind === 'peer');
    const best = Math.min(...peers.map(({ atRate }) => atRate?.p99Ms ?? Number.POSITIVE_INFINITY));
    if (!row?.atRate || !Number.isFinite(best)) return [];
    const { p99Ms, perSecond } = row.atRate;
    return [
      {
        target: `${row.scenario.title}: p99 at ${perSecond} requests/s`,
        wanted: `≤ ${best.toFixed(1)} ms, the best peer`,
        measured: `${p99Ms.toFixed(1)} ms`,
        holds: p99Ms <= best,
      },
    ];
  };
  const isMercurius = ({ label }: Row): boolean => label === mercuriusLabel;
  const isProxy = ({ kind }: Row): boolean => kind === 'limit';
  const peak = Math.max(...rows.filter(({ label }) => label === gateway).map(({ peakMb }) => peakMb));
  const all: readonly Target[] = [
    ...throughput('list', 'Mercurius', 1.3, find('list', isMercurius)),
    ...throughput('list', 'the proxy', 0.8, find('list', isProxy)),
    ...throughput('job', 'Mercurius', 1, find('job', isMercurius)),
    ...latency('list'),
    ...latency('job'),
    {
      target: 'Resident memory under load, largest of all scenarios',
      wanted: `≤ ${maxPeakMb} MB`,
      measured: `${peak.toFixed(0)} MB`,
      holds: peak <= maxPeakMb,
    },
  ];
  return tableOf(
    ['target', 'wanted', 'measured', ''],
    all.map(({ target, wanted, measured, holds }) => [target, wanted, measured, holds ? 'PASS' : 'MISS']),
  );
}

const [width, labelWidth, barHeight, gap] = [760, 290, 16, 34];
const colours = { gateway: '#0a7', peer: '#c50', limit: '#888' } as const;

/** Plots CPU per request, with one group of bars per scenario. Each group has its own scale. */
export function plot(rows: readonly Row[]): string {
  const parts: string[] = [];
  let y = 44;
  for (const scenario of scenariosOf(rows)) {
    const own = rows.filter((row) => row.scenario === scenario);
    const largest = Math.max(...own.map(({ cpuMs }) => cpuMs));
    parts.push(`<text x="12" y="${y}" font-weight="bold">${scenario.title.replaceAll('`', '')}</text>`);
    y += 10;
    for (const { label, kind, cpuMs } of own) {
      const bar = ((width - labelWidth - 90) * cpuMs) / largest;
      parts.push(
        `<text x="${labelWidth - 8}" y="${y + 12}" text-anchor="end">${label}</text>`,
        `<rect x="${labelWidth}" y="${y}" width="${bar.toFixed(1)}" height="${barHeight - 3}" fill="${colours[kind]}"/>`,
        `<text x="${(labelWidth + bar + 6).toFixed(1)}" y="${y + 12}">${cpu(cpuMs)}</text>`,
      );
      y += barHeight;
    }
    y += gap;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="12">`,
    '<title>CPU per request, by scenario and server</title>',
    `<rect width="${width}" height="${y}" fill="#fff"/>`,
    '<text x="12" y="20">CPU per request, milliseconds of one core (less is better)</text>',
    ...parts,
    '</svg>\n',
  ].join('\n');
}
