/**
 * Compares the gateway with its peers, in front of a platform that responds immediately.
 *
 * Every server is a production process on one core. The load generator (autocannon) and the static upstream share the
 * other core. There are 32 connections with one request at a time and one credential each, so that requests share
 * nothing. At the start, each server must return the same data as the gateway, with the same calls to the platform. A
 * scenario warms up all servers and then measures them in turn, over several rounds. Figures are medians of the rounds.
 *
 * CPU is user and system time of the server's process divided by the requests of a round. A round is a number of
 * requests, so that none is unfinished at its end. `p99` is measured under this load, in which a server is always busy
 * and has 32 pending requests. `p99 at N/s` is measured with requests at a fixed rate, which is the same for all
 * servers and half of the throughput of the slowest. Memory is the largest resident set in the rounds of a scenario.
 * `load` is the utilization of the other core by the load generator and the static upstream; when it is close to 100 %,
 * they limit the requests per second.
 *
 * Runs only on Linux, because it reads /proc. `options.ts` describes the flags.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startContenders } from './contenders.ts';
import { measureScenario, type Row } from './measure.ts';
import { readOptions } from './options.ts';
import { loadCore, pinLoad, type Running, start } from './processes.ts';
import { functionList, type Profile, profile, profileTable } from './profile.ts';
import { plot, tables, targets } from './report.ts';
import { verify } from './verify.ts';

/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';

/** Number of functions of a profile that are printed. */
const shownFunctions = 40;

const options = readOptions(process.argv.slice(2));
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

const isPinned = pinLoad();
const machine = [
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`,
  isPinned ? 'one core for servers, the other for the load' : 'processes are not pinned to cores',
  'load generator: autocannon',
  `load average before: ${loadavg()[0]?.toFixed(1)}`,
].join('; ');
print(machine);

const upstreamScript = fileURLToPath(new URL('./static-upstream.js', import.meta.url));
await using platform = await start({ args: [upstreamScript], core: loadCore });
await (options.profile ? showProfiles() : compare());

async function compare(): Promise<void> {
  const started: Running[] = [];
  try {
    const contenders = await startContenders(options, platform.url, started);
    await verify(contenders, options.scenarios, platform.url);
    print(`verified: ${contenders.length} servers do the same in ${options.scenarios.length} scenarios`);
    const rows: Row[] = [];
    for (const scenario of options.scenarios) {
      const measured = await measureScenario(scenario, contenders, { ...options, platformPid: platform.pid });
      rows.push(...measured);
      print(`\n${tables(measured)}`);
    }
    const summary = targets(rows);
    print(`\n${summary}`);
    const rounds = `${options.rounds} rounds of ${options.seconds} s`;
    write('peers.md', [
      '# The gateway and its peers',
      `${machine}; ${rounds}`,
      summary,
      tables(rows),
      '![CPU per request](peers.svg)',
    ]);
    write('peers.svg', [plot(rows)]);
  } finally {
    for (const running of started.toReversed()) await running[Symbol.asyncDispose]();
  }
}

async function showProfiles(): Promise<void> {
  for (const scenario of options.scenarios) {
    const profiles: Profile[] = [];
    for (const build of options.builds) {
      const { seconds } = options;
      const measured = await profile(build, scenario, { platformUrl: platform.url, seconds });
      profiles.push(measured);
      print(`\n${build.label}: ${scenario.title}\n${functionList(measured, shownFunctions)}`);
    }
    const table = profileTable(profiles);
    print(`\n${table}`);
    write(`profile-${scenario.name}.md`, [`# CPU of the gateway: ${scenario.title}`, machine, table]);
  }
}

function write(name: string, parts: readonly string[]): void {
  if (!options.write) return;
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, name), `${parts.join('\n\n').trimEnd()}\n`);
}
