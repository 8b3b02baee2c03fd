/** The fields of a job that determine its expected end and its comparison. Times are in milliseconds. */
export interface PlainRun {
  readonly id: string;
  readonly type: 'ExportJob' | 'SegmentJob';
  readonly status: string;
  readonly schedule: string | null;
  /** Equal for equal requests. */
  readonly request: string;
  readonly createdMs: number;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  readonly profiles: number | null;
  readonly namespaces: Readonly<Record<string, number>>;
  readonly segments: readonly string[];
}

const hasEnded = ({ status }: PlainRun) => ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(status);
const durationOf = ({ createdMs, startedMs, endedMs }: PlainRun) =>
  endedMs === null ? null : endedMs - (startedMs ?? createdMs);

/** Expected values of the fields about runs, if the gateway has read all jobs before. It uses no code of the gateway. */
export function expectedRunFields(job: PlainRun, all: readonly PlainRun[], nowMs: number) {
  const earlier = all
    .filter(
      (run) => hasEnded(run) && (run.createdMs < job.createdMs || (run.createdMs === job.createdMs && run.id < job.id)),
    )
    .toSorted((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? 1 : -1));
  const levels = [
    { basis: 'SAME_SCHEDULE', runs: earlier.filter(({ schedule }) => schedule !== null && schedule === job.schedule) },
    { basis: 'SAME_REQUEST', runs: earlier.filter(({ request }) => request === job.request) },
    { basis: 'SAME_KIND', runs: earlier },
  ];
  const [previous] = levels.flatMap(({ runs }) => runs.slice(0, 1));
  const samples = levels.map(({ basis, runs }) => ({
    basis,
    totals: runs
      .filter(({ status, endedMs }) => status === 'SUCCEEDED' && endedMs !== null)
      .slice(0, 30)
      .map(({ endedMs, createdMs }) => (endedMs ?? 0) - createdMs)
      .toSorted((a, b) => a - b),
  }));
  const sample = hasEnded(job) ? undefined : samples.find(({ totals }) => totals.length >= 3);
  const likelyMs = sample === undefined ? 0 : Math.round(median(sample.totals));
  const latestMs = sample === undefined ? 0 : Math.max(likelyMs, Math.round(limit(sample.totals)));
  const elapsedMs = nowMs - job.createdMs;
  const share =
    elapsedMs < likelyMs
      ? 0.95 * (elapsedMs / likelyMs)
      : elapsedMs >= latestMs
        ? 0.99
        : 0.95 + 0.04 * ((elapsedMs - likelyMs) / (latestMs - likelyMs));
  return {
    elapsedMs: hasEnded(job) ? durationOf(job) : nowMs - (job.startedMs ?? job.createdMs),
    progress: job.status === 'SUCCEEDED' ? 1 : sample === undefined ? null : near(share),
    expectation:
      sample === undefined
        ? null
        : {
            likelyEndAt: new Date(job.createdMs + likelyMs).toISOString(),
            latestEndAt: new Date(job.createdMs + latestMs).toISOString(),
            sampleSize: sample.totals.length,
            basis: sample.basis,
          },
    isOverdue: sample !== undefined && elapsedMs > latestMs,
    previousRun: previous === undefined ? null : { id: `${job.type}:${previous.id}` },
    comparison: previous === undefined || !hasEnded(job) ? null : comparison(job, previous),
  };
}

/** Floating-point numbers may differ in their last digits. */
const near = (value: number): unknown => ({
  asymmetricMatch: (other: unknown) => Math.abs(Number(other) - value) < 1e-9,
});

function comparison(job: PlainRun, previous: PlainRun) {
  const difference = (value: number | null, before: number | null) =>
    value === null || before === null ? null : value - before;
  const names = [...new Set([...Object.keys(job.namespaces), ...Object.keys(previous.namespaces)])].toSorted();
  const areKnown = [job, previous].every(({ namespaces }) => Object.keys(namespaces).length > 0);
  return {
    previousDurationMs: durationOf(previous),
    durationChangeMs: difference(durationOf(job), durationOf(previous)),
    profilesChange: difference(job.profiles, previous.profiles),
    profilesChangeByNamespace: !areKnown
      ? []
      : names.map((namespace) => ({
          namespace,
          count: (job.namespaces[namespace] ?? 0) - (previous.namespaces[namespace] ?? 0),
        })),
    segmentsAdded: job.segments.filter((id) => !previous.segments.includes(id)).toSorted(),
    segmentsRemoved: previous.segments.filter((id) => !job.segments.includes(id)).toSorted(),
  };
}

function median(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[sorted.length / 2 - 1] ?? 0)) / 2;
}

/** Student's t quantiles of 90 % for 2 to 7 degrees of freedom. */
const student: Readonly<Record<number, number>> = {
  2: 1.885618,
  3: 1.637744,
  4: 1.533206,
  5: 1.475884,
  6: 1.439756,
  7: 1.414924,
};

function limit(sorted: readonly number[]): number {
  const count = sorted.length;
  if (count >= 9) {
    const position = 0.9 * (count + 1);
    const [low = 0, high = low] = sorted.slice(Math.floor(position) - 1, Math.floor(position) + 1);
    return low + (position % 1) * (high - low);
  }
  const logs = sorted.map((ms) => Math.log(Math.max(1, ms)));
  const mean = logs.reduce((sum, log) => sum + log) / count;
  const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (count - 1));
  return Math.max(
    sorted.at(-1) ?? 0,
    Math.exp(mean + (student[count - 1] ?? 0) * deviation * Math.sqrt(1 + 1 / count)),
  );
}
