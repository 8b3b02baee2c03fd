/** CPU profile of a gateway: a V8 profile under load, summed by package. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatewayStart } from './contenders.ts';
import { loadFor } from './load.ts';
import type { Build, Options } from './options.ts';
import { cpuMsOf, start } from './processes.ts';
import { bodyOf, type Scenario } from './scenarios.ts';

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** File written by `--cpu-prof`. Times are microseconds of the monotonic clock. */
interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Self time per request, in microseconds. */
type Shares = ReadonlyMap<string, number>;

export interface Profile {
  readonly label: string;
  readonly byPackage: Shares;
  readonly byFunction: Shares;
}

/** Minimum CPU that the gateway uses before it is profiled. */
const warmCpuMs = 5_000;

/** Runs one gateway with the V8 profiler, warms it up, and counts the later samples. */
export async function profile(
  build: Build,
  scenario: Scenario,
  { platformUrl, seconds }: Pick<Options, 'seconds'> & { readonly platformUrl: string },
): Promise<Profile> {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-profile-'));
  try {
    const gateway = await start(gatewayStart(build, platformUrl, ['--cpu-prof', `--cpu-prof-dir=${folder}`]));
    const { credentials, rejected } = scenario;
    const target = { url: gateway.url, body: bodyOf(scenario), credentials, rejected };
    const load = (cpuMs: number, requests = 0) =>
      loadFor(target, { cpuMs, requests, cpuMsOf: () => cpuMsOf(gateway.pid) });
    await load(warmCpuMs, scenario.warmRequests);
    const from = micros();
    const beforeMs = cpuMsOf(gateway.pid);
    const { requests } = await load(seconds * 1_000);
    const cpuMicros = ((cpuMsOf(gateway.pid) - beforeMs) * 1_000) / requests;
    const to = micros();
    await gateway[Symbol.asyncDispose]();
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error(`${build.label} wrote no profile.`);
    const written = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
    const nodes = withModules(written.nodes);
    return { label: build.label, ...shares({ ...written, nodes }, { from, to, cpuMicros }) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A comment of the bundler, which names the module of the code after it. */
const moduleComment = /^\s*\/\/ ((?:src|node_modules)\/\S+)$/;

interface Line {
  readonly url: string;
  readonly lineNumber: number;
}

/** Replaces the locations of functions in bundles by those in the compiled modules. */
function withModules(nodes: CpuProfile['nodes']): CpuProfile['nodes'] {
  const bundles = new Map<string, readonly Line[]>();
  const linesOf = (url: string): readonly Line[] => {
    const known = bundles.get(url);
    if (known !== undefined) return known;
    let [module, first] = [url, 0];
    const lines = readFileSync(new URL(url), 'utf8')
      .split('\n')
      .map((text, index) => {
        const named = moduleComment.exec(text)?.[1];
        if (named !== undefined) [module, first] = [named, index + 1];
        return { url: module, lineNumber: index - first };
      });
    bundles.set(url, lines);
    return lines;
  };
  return nodes.map((node) => {
    const { url, lineNumber } = node.callFrame;
    if (!/^file:.*\/dist\//.test(url)) return node;
    return { ...node, callFrame: { ...node.callFrame, ...linesOf(url)[lineNumber] } };
  });
}

const micros = (): number => Number(process.hrtime.bigint() / 1_000n);

/**
 * @param cpuMicros CPU per request. It scales the samples, because they are taken by the wall clock, whether or not the
 *   process had its core
 */
function shares(
  { nodes, startTime, samples, timeDeltas }: CpuProfile,
  { from, to, cpuMicros }: { readonly from: number; readonly to: number; readonly cpuMicros: number },
): Pick<Profile, 'byPackage' | 'byFunction'> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const taken = new Map<CallFrame, number>();
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || at < from || at > to || frame.functionName === '(idle)') return;
    // The time of a sample lasts until the next sample.
    taken.set(frame, (taken.get(frame) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  });
  const all = [...taken.values()].reduce((sum, time) => sum + time, 0);
  const sumBy = (nameOf: (frame: CallFrame) => string): Shares => {
    const sums = new Map<string, number>();
    for (const [frame, time] of taken) {
      const name = nameOf(frame);
      sums.set(name, (sums.get(name) ?? 0) + (time * cpuMicros) / all);
    }
    return sums;
  };
  return {
    byPackage: sumBy(packageOf),
    byFunction: sumBy((frame) => `${frame.functionName || '(anonymous)'} ${locationOf(frame)}`),
  };
}

function packageOf({ url, functionName }: CallFrame): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'native code of Node';
  if (url === '') return 'built-in functions';
  if (url.startsWith('node:')) return 'modules of Node';
  const [, name] = /.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  return name ?? /^src\/[^/]+(?=\/)/.exec(url)?.[0] ?? 'src';
}

const locationOf = ({ url, lineNumber }: CallFrame): string =>
  url === '' ? '' : `${url.replace(/^.*\/(?=node_modules\/)/, '')}:${lineNumber + 1}`;

const largestFirst = (shares: Shares): readonly (readonly [name: string, time: number])[] =>
  [...shares].toSorted(([, left], [, right]) => right - left);

const totalOf = (shares: Shares): number => [...shares.values()].reduce((sum, time) => sum + time, 0);

/** Table of the packages with the highest self time, ten per profile. */
export function profileTable(profiles: readonly Profile[]): string {
  const top = 10;
  const names = new Set(
    profiles.flatMap(({ byPackage }) => largestFirst(byPackage).slice(0, top)).map(([name]) => name),
  );
  const [first] = profiles;
  const sorted = [...names].toSorted(
    (left, right) => (first?.byPackage.get(right) ?? 0) - (first?.byPackage.get(left) ?? 0),
  );
  const cell = ({ byPackage }: Profile, time: number): string =>
    `${time.toFixed(0)} | ${((time * 100) / totalOf(byPackage)).toFixed(1)} %`;
  const rows = [
    ...sorted.map((name) => [name, ...profiles.map((each) => cell(each, each.byPackage.get(name) ?? 0))]),
    ['all', ...profiles.map((each) => cell(each, totalOf(each.byPackage)))],
  ];
  const head = ['self time', ...profiles.map(({ label }) => `${label}: µs per request | part`)];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(1 + 2 * profiles.length)}`, ...rows.map(line)].join('\n');
}

/** The functions with the highest self time, one per line. */
export const functionList = ({ byFunction }: Profile, count: number): string =>
  largestFirst(byFunction)
    .slice(0, count)
    .map(([name, time]) => `${time.toFixed(1).padStart(9)} µs  ${name}`)
    .join('\n');
