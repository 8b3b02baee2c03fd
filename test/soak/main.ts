import { parseArgs } from 'node:util';
import { startGateway } from '../support/gateway.ts';
import { groupBy } from '../support/group-by.ts';
import { startPlatform } from '../support/platform.ts';
import type { Holdings } from './probe.ts';
import { runSoak } from './run-soak.ts';
import { runStorm, type StormReport, sharedProofMs, stormEnv } from './run-storm.ts';

/** Number of clients before the first measurement. They are enough to run all code paths. */
const warmUp = 500;
const usualCycles = 10_000;
const usualSubscribers = 5_000;
/** Number of caller credentials that the subscribers of a storm share. */
const credentials = 5;

/**
 * `npm run soak -- --cycles N --subscribers M --seed S` kills N clients (default 10,000) at any moment of their lives.
 * Then M subscribers (default 5,000) reconnect at once with their cursors, first to a gateway with its own credential,
 * then to a gateway that uses the callers' credentials. The exit code is 1 when a resource leaks, or a subscriber does
 * not receive the events that it missed.
 */
const { values } = parseArgs({
  options: { cycles: { type: 'string' }, subscribers: { type: 'string' }, seed: { type: 'string' } },
});

const numberOf = (name: keyof typeof values, fallback: number): number => {
  const value = Number(values[name] ?? fallback);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number\n`);
  process.exit(2);
};

const cycles = numberOf('cycles', usualCycles);
const subscribers = numberOf('subscribers', usualSubscribers);
const seed = numberOf('seed', 1);

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const figures: Readonly<Record<string, (holdings: Holdings) => string | number>> = {
  heap: ({ heapBytes }) => mib(heapBytes),
  'sockets, servers, timers': ({ resources }) =>
    Object.entries(resources)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', '),
  listeners: ({ listeners }) => listeners,
  emitters: ({ emitters }) => emitters,
  signals: ({ signals }) => signals,
  'timers of any kind': ({ timers }) => timers,
  functions: ({ functions }) => functions,
};
/** Number of calls per method and path. */
const callsOf = ({ calls }: StormReport): string =>
  [...groupBy(calls, (call) => call)].map(([call, all]) => `${all.length} × ${call}`).join(', ') || 'none';

const row = (...cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
const say = (violations: readonly string[]) => {
  for (const violation of violations) process.stdout.write(`violation: ${violation}\n`);
  if (violations.length > 0) process.exitCode = 1;
};

if (cycles > 0) {
  const soak = await runSoak({ warmUp, cycles, seed, gateway: ['dist/main.js'] });
  const { before, after, durationMs, pollingOverMs, events } = soak;
  process.stdout.write(
    `${cycles} clients killed in ${(durationMs / 1_000).toFixed(0)} s, ${events} events meanwhile, polling over after ${(pollingOverMs / 1_000).toFixed(1)} s\n`,
  );
  row('held by the gateway', 'before', 'after');
  row('---', '---', '---');
  for (const [what, of] of Object.entries(figures)) row(what, of(before), of(after));
  say(soak.violations);
}

if (subscribers > 0) {
  row('storm', 'subscribers', 'all served after', 'calls to the platform');
  row('---', '---', '---', '---');
  const max = String(subscribers + 1);
  const limits = { MAX_SUBSCRIPTIONS_PER_CALLER: max, MAX_SUBSCRIPTIONS_PER_TENANT: max, MAX_SUBSCRIPTIONS: max };
  const env = { ...stormEnv, ...limits, LOG_LEVEL: 'warn' };
  for (const mode of ['embedded', 'passthrough'] as const) {
    await using platform = await startPlatform({ profiles: 40 });
    await using gateway = await startGateway({
      platform,
      env: { ...env, AUTH_MODE: mode, AEP_BASE_URL: platform.url },
    });
    const isBrought = mode === 'passthrough';
    const report = await runStorm({
      platform,
      subscribers,
      credentials: isBrought ? credentials : 0,
      from: gateway,
      to: gateway,
    });
    row(mode, subscribers, `${(report.servedMs / 1_000).toFixed(1)} s`, callsOf(report));
    say(report.violations);
    const proofs = report.calls.filter((call) => isBrought && call.endsWith('?limit=1'));
    say(report.calls.filter((call) => !proofs.includes(call)));
    const maxProofs = credentials * (1 + Math.floor(report.servedMs / sharedProofMs));
    say(proofs.length > maxProofs ? [`${proofs.length} proofs, ${maxProofs} would have done`] : []);
  }
}
