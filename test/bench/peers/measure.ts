import type { Contender } from './contenders.ts';
import { closedLoop, loadFor, minRequests, openLoop, type Target } from './load.ts';
import type { Options } from './options.ts';
import { cpuMsOf, forgetPeak, peakMbOf } from './processes.ts';
import { bodyOf, type Scenario } from './scenarios.ts';

/** Medians of one server in one scenario. */
export interface Row {
  readonly scenario: Scenario;
  readonly label: string;
  readonly kind: Contender['kind'];
  readonly perSecond: number;
  /** CPU of the server's process, over all its threads. */
  readonly cpuMs: number;
  readonly cpuRange: readonly [min: number, max: number];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Latency at a request rate that is the same for all servers; null when it was not measured. */
  readonly atRate: { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number } | null;
  readonly peakMb: number;
  /** Utilization of the other core by the load generator and the static upstream, from 0 to 1. */
  readonly loadShare: number;
}

interface Round {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly loadShare: number;
}

interface Subject {
  readonly contender: Contender;
  readonly target: Target;
  readonly requests: number;
  readonly perSecond: number;
  readonly rounds: Round[];
  readonly openRounds: { readonly p50Ms: number; readonly p99Ms: number }[];
}

/** Minimum CPU that a server uses before it is measured. After 1.5 s, the first round still took up to 1.4 times the CPU. */
const warmCpuMs = 4_000;
/** Fraction of the slowest server's throughput. At this rate, no server builds up a queue. */
const partOfSlowest = 0.5;

/** Warms up all servers, then measures them in turn. Every other round has the reverse order. */
export async function measureScenario(
  scenario: Scenario,
  contenders: readonly Contender[],
  { rounds, seconds, platformPid }: Pick<Options, 'rounds' | 'seconds'> & { readonly platformPid: number },
): Promise<readonly Row[]> {
  const subjects: Subject[] = [];
  for (const contender of contenders.filter(({ offers }) => offers(scenario))) {
    const { credentials, rejected } = scenario;
    const target = { url: contender.running.url, body: bodyOf(scenario), credentials, rejected };
    const { pid } = contender.running;
    const { perSecond } = await loadFor(target, {
      cpuMs: warmCpuMs,
      requests: scenario.warmRequests,
      cpuMsOf: () => cpuMsOf(pid),
    });
    forgetPeak(pid);
    const requests = Math.max(minRequests, Math.round(perSecond * seconds));
    subjects.push({ contender, target, requests, perSecond, rounds: [], openRounds: [] });
  }
  const rate = Math.max(1, Math.floor(partOfSlowest * Math.min(...subjects.map(({ perSecond }) => perSecond))));
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      subject.rounds.push(await measureRound(subject, platformPid));
      if (scenario.atRate) subject.openRounds.push(await openLoop(subject.target, { rate, seconds }));
    }
  }
  return subjects.map((subject) => rowOf(scenario, subject, rate));
}

async function measureRound({ contender, target, requests }: Subject, platformPid: number): Promise<Round> {
  const { pid } = contender.running;
  const loadMs = (): number => cpuMsOf(process.pid) + cpuMsOf(platformPid);
  const loadBefore = loadMs();
  const cpuBefore = cpuMsOf(pid);
  const figures = await closedLoop(target, requests);
  const cpuMs = cpuMsOf(pid) - cpuBefore;
  return {
    perSecond: figures.requests / figures.seconds,
    cpuMs: cpuMs / figures.requests,
    p50Ms: figures.p50Ms,
    p99Ms: figures.p99Ms,
    loadShare: (loadMs() - loadBefore) / (figures.seconds * 1_000),
  };
}

function rowOf(scenario: Scenario, { contender, rounds, openRounds }: Subject, rate: number): Row {
  const { label, kind, running } = contender;
  const of = (key: keyof Round): number => median(rounds.map((round) => round[key]));
  const cpu = rounds.map(({ cpuMs }) => cpuMs);
  return {
    scenario,
    label,
    kind,
    perSecond: of('perSecond'),
    cpuMs: of('cpuMs'),
    cpuRange: [Math.min(...cpu), Math.max(...cpu)],
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    atRate:
      openRounds.length === 0
        ? null
        : {
            perSecond: rate,
            p50Ms: median(openRounds.map(({ p50Ms }) => p50Ms)),
            p99Ms: median(openRounds.map(({ p99Ms }) => p99Ms)),
          },
    peakMb: peakMbOf(running.pid),
    loadShare: of('loadShare'),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
}
