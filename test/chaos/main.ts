import { parseArgs } from 'node:util';
import { describeViolation } from '../support/history/violation.ts';
import { runSeed, type SeedReport } from './run-seed.ts';

/** Default number of seeds. */
const usualSeeds = 20;
const minuteMs = 60_000;

/**
 * `npm run chaos -- --seed N --seeds K --minutes M` runs K seeds starting at N (default: 20 starting at 1; only one
 * when just `--seed` is given), or as many as fit into M minutes. `--replicas 2` uses two gateways and a Redis. The
 * exit code is 1 when a history is wrong.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    replicas: { type: 'string' },
  },
});

const numberOf = (name: keyof typeof values, fallback: number): number => {
  const value = Number(values[name] ?? fallback);
  if (Number.isFinite(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a number\n`);
  process.exit(2);
};

const first = numberOf('seed', 1);
const replicas = numberOf('replicas', 1);
const endsAt = performance.now() + numberOf('minutes', 0) * minuteMs;
const byTime = values.minutes !== undefined;
const count = byTime ? Number.POSITIVE_INFINITY : numberOf('seeds', values.seed === undefined ? usualSeeds : 1);

const wrong: number[] = [];
for (let seed = first; seed < first + count; seed += 1) {
  if (byTime && seed > first && performance.now() >= endsAt) break;
  const report = await runSeed(seed, { replicas });
  process.stdout.write(`${lineOf(report)}\n`);
  for (const violation of report.violations) process.stdout.write(`  ${describeViolation(violation)}\n`);
  if (report.violations.length > 0) wrong.push(seed);
}
if (wrong.length > 0) {
  process.stdout.write(`wrong: run again with ${wrong.map((seed) => `--seed ${seed}`).join(', ')}\n`);
  process.exitCode = 1;
}

function lineOf(report: SeedReport): string {
  const { seed, operations, faultsHit, routerTroubles, creates, unknownOutcomes, reconnects, events, durationMs } =
    report;
  const figures = {
    operations,
    faults: faultsHit,
    router: routerTroubles,
    creates,
    unknown: unknownOutcomes,
    reconnects,
    events,
  };
  const shown = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  return `seed ${seed}: ${shown.join(', ')}, ${(durationMs / 1_000).toFixed(1)} s`;
}
