/**
 * Measures the cost of traces: the CPU per request of the gateway without an SDK of OpenTelemetry, and with the SDK of
 * `deploy/tracing.js` for several shares of sampled traces. A collector in a separate process discards the spans. It
 * shares the core of the load. The method is the same as for the peers (`main.ts`): one process per configuration, all
 * on one core, warmed up, and measured in turn. The gateway without an SDK runs twice. The difference between the two is
 * the accuracy of the measurement.
 *
 * `--rounds 3`, `--seconds 1` and `--only job` make a shorter run, which writes no results unless `--write` is given.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Contender, gatewayStart } from './contenders.ts';
import { measureScenario, type Row } from './measure.ts';
import { loadCore, pinLoad, type Running, type StartOptions, start } from './processes.ts';
import { tables } from './report.ts';
import { scenarios } from './scenarios.ts';

/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';
const [defaultRounds, defaultSeconds] = [9, 1.5];
/** Maximum cost of the default configuration, as a multiple of the CPU without an SDK. */
const maxCost = 1.05;
const withoutSdk = ['without an SDK', 'without an SDK, again'] as const;
const defaultLabel = 'a hundredth sampled (default)';

interface Configuration {
  readonly label: string;
  /** Variables of the SDK; null: no SDK is loaded. */
  readonly sdk: Readonly<Record<string, string>> | null;
}

const configurations: readonly Configuration[] = [
  ...withoutSdk.map((label) => ({ label, sdk: null })),
  { label: 'none sampled', sdk: { OTEL_TRACES_SAMPLER: 'always_off' } },
  { label: defaultLabel, sdk: {} },
  { label: 'a tenth sampled', sdk: { OTEL_TRACES_SAMPLER_ARG: '0.1' } },
  { label: 'all sampled', sdk: { OTEL_TRACES_SAMPLER: 'always_on' } },
];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(defaultRounds) },
    seconds: { type: 'string', default: String(defaultSeconds) },
    only: { type: 'string', default: 'job,list' },
    write: { type: 'boolean', default: process.argv.length === 2 },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
if (!(rounds > 0 && seconds > 0)) throw new Error('--rounds and --seconds must be positive numbers.');
const names = values.only.split(',');
const chosen = scenarios.filter(({ name }) => names.includes(name));
if (chosen.length !== names.length) throw new Error(`${values.only} contains an unknown scenario.`);

const isPinned = pinLoad();
const machine = [
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`,
  isPinned ? 'one core for the gateways, the other for the load' : 'processes are not pinned to cores',
  `load average before: ${loadavg()[0]?.toFixed(1)}`,
  `${rounds} rounds of ${seconds} s`,
].join('; ');
process.stdout.write(`${machine}\n`);

const script = (name: string): StartOptions => ({
  args: [fileURLToPath(new URL(`./${name}.js`, import.meta.url))],
  core: loadCore,
});
await using platform = await start(script('static-upstream'));
await using collector = await start(script('span-collector'));

const started: Running[] = [];
try {
  const contenders: Contender[] = [];
  for (const { label, sdk } of configurations) {
    const build = { directory: '.', label };
    const options = gatewayStart(build, platform.url, sdk === null ? [] : ['--import', './deploy/tracing.js']);
    const env = { ...options.env, ...sdk, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const running = await start({ ...options, env });
    started.push(running);
    contenders.push({ label, kind: 'gateway', running, offers: () => true });
  }
  const rows: Row[] = [];
  for (const scenario of chosen) {
    const closed = { ...scenario, atRate: false };
    rows.push(...(await measureScenario(closed, contenders, { rounds, seconds, platformPid: platform.pid })));
  }
  const batches = Number(await (await fetch(`${collector.url}/batches`)).text());
  if (batches === 0) throw new Error('The collector received no spans.');
  const text = ['# Cost of traces', machine, targets(rows), tables(rows)].join('\n\n');
  process.stdout.write(`${text}\n`);
  if (values.write) {
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'tracing.md'), `${text.trimEnd()}\n`);
  }
} finally {
  for (const running of started.toReversed()) await running[Symbol.asyncDispose]();
}

/** Compares the default configuration with the target, in each scenario. The cost is relative to the mean without an SDK. */
function targets(rows: readonly Row[]): string {
  return chosen
    .map(({ name, title }) => {
      const cpuOf = (label: string): number =>
        rows.find((row) => row.scenario.name === name && row.label === label)?.cpuMs ?? Number.NaN;
      const cost = cpuOf(defaultLabel) / (withoutSdk.map(cpuOf).reduce((sum, each) => sum + each) / withoutSdk.length);
      const verdict = cost <= maxCost ? 'PASS' : 'MISS';
      return `${title}, ${defaultLabel}: ${cost.toFixed(2)} × (target: at most ${maxCost} ×): ${verdict}`;
    })
    .join('\n\n');
}
