import fc from 'fast-check';
import type { FaultControl } from '../../src/emulator/faults/faults.ts';
import type { Truth } from '../support/history/check-views.ts';

export type FaultScript = Parameters<FaultControl['set']>[0];
type FaultRule = FaultScript['rules'][number];
type Fault = FaultRule['fault'];

/**
 * Deadline of the gateway's calls, in milliseconds. It is short, so that a call without a response takes little time.
 */
export const callTimeoutMs = 1_500;
const silenceMs = callTimeoutMs + 200;

const exportJobs = '/data/core/ups/export/jobs';
const segmentJobs = '/data/core/ups/segment/jobs';
const schedules = '/data/core/ups/config/schedules';
const catalog = '/data/foundation/catalog';

/** Id of the first export job after the start of the emulator. The next ids are consecutive. */
export const firstNewExportJob = 24_073;
/** Number of first jobs from which the temporarily vanishing jobs are chosen. */
const vanishingAmong = 10;
/** Maximum number of jobs that a lagging replica of the platform does not find once. */
const maxLagging = 6;

/** Error responses of a failing service, in every error format. */
const failure: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant('status' as const),
  status: fc.constantFrom(500, 502, 503, 504),
  body: fc.constantFrom(
    ...(['called', 'gateway', 'etag', 'empty', 'ims', 'ups', 'profile-access', 'catalog', 'data-access'] as const),
  ),
});
const tooMany: fc.Arbitrary<Fault> = fc.record(
  {
    kind: fc.constant('status' as const),
    status: fc.constant(429),
    body: fc.constantFrom('called', 'gateway', 'profile-access', 'empty'),
    retryAfterSeconds: fc.constantFrom(0, 1),
  },
  { requiredKeys: ['kind', 'status', 'body'] },
);
const broken: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('reset' as const), when: fc.constantFrom('before', 'after-apply', 'during-body') }),
  fc.record({ kind: fc.constantFrom('truncate' as const, 'invalidJson' as const) }),
);
const slow: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    kind: fc.constant('latency' as const),
    ms: fc.integer({ min: 5, max: 150 }),
    when: fc.constantFrom('before', 'after-apply'),
  }),
  fc.record({ kind: fc.constant('drip' as const), chunkBytes: fc.constant(2_048), everyMs: fc.nat(5) }),
);

const share = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.round(min * 100), max: Math.round(max * 100) }).map((percent) => percent / 100);

/** A rule that begins somewhere in a run and ends after some hits. */
const rule = (
  match: fc.Arbitrary<FaultRule['match']>,
  fault: fc.Arbitrary<Fault>,
  { after, times, probability }: { after: number; times: number; probability: fc.Arbitrary<number> },
): fc.Arbitrary<FaultRule> =>
  fc.record({ match, after: fc.nat(after), times: fc.integer({ min: 1, max: times }), probability, fault });

const somewhere = fc.constantFrom<FaultRule['match']>(
  { path: exportJobs },
  { path: segmentJobs },
  { path: schedules },
  { path: catalog },
  {},
);
const writes = fc.constantFrom<FaultRule['match']>(
  { path: exportJobs, method: 'POST' },
  { path: exportJobs, writesOnly: true },
  { path: segmentJobs, writesOnly: true },
  { path: schedules, writesOnly: true },
  { path: catalog, writesOnly: true },
);
const reads = fc.constantFrom<FaultRule['match']>(
  { path: exportJobs, readsOnly: true },
  { path: segmentJobs, readsOnly: true },
  { path: schedules, readsOnly: true },
  { path: catalog, readsOnly: true },
  { readsOnly: true },
);

const sometimes = share(0.02, 0.15);
const often = share(0.2, 0.6);

const several = (of: fc.Arbitrary<FaultRule>, min: number, max: number) =>
  fc.array(of, { minLength: min, maxLength: max });

const sure = { probability: fc.constant(1), times: 1 };

/** A lagging replica of the platform: one list omits a job, and one read by id does not find it, for any reader. */
const lagging: fc.Arbitrary<FaultRule[]> = fc
  .uniqueArray(fc.nat(vanishingAmong), { minLength: 1, maxLength: maxLagging })
  .chain((indexes) =>
    fc.tuple(
      ...indexes.flatMap((index) => {
        const id = firstNewExportJob + index;
        const fault = fc.constant<Fault>({ kind: 'vanish', id });
        return [
          rule(fc.constant({ path: exportJobs, readsOnly: true }), fault, { after: 80, ...sure }),
          rule(fc.constant({ path: `${exportJobs}/${id}`, readsOnly: true }), fault, { after: 1, ...sure }),
        ];
      }),
    ),
  );

/** Uses a fault in every fourth run, because it makes the gateway wait for seconds by design. */
const seldom = (of: fc.Arbitrary<FaultRule>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.tuple(of) });

/**
 * Every fault that the emulator can cause, each in a part of the run that is counted in requests, so that a seed has
 * the same effect on a slow machine. Writes are affected most. Faults that make the gateway wait for seconds by design
 * (the budget after a 429, an open circuit, a deadline) are rare.
 */
export const faultScript: fc.Arbitrary<FaultScript> = fc
  .tuple(
    several(rule(writes, broken, { after: 4, times: 4, probability: often }), 3, 6),
    several(rule(writes, failure, { after: 8, times: 2, probability: often }), 1, 3),
    several(rule(writes, slow, { after: 4, times: 8, probability: often }), 1, 3),
    several(rule(reads, broken, { after: 60, times: 10, probability: sometimes }), 2, 5),
    several(rule(reads, failure, { after: 60, times: 8, probability: sometimes }), 2, 4),
    several(rule(somewhere, slow, { after: 40, times: 40, probability: often }), 2, 4),
    seldom(rule(somewhere, tooMany, { after: 250, times: 1, probability: fc.constant(1) })),
    several(
      rule(fc.constant({ service: 'ims' }), fc.oneof(failure, broken), {
        after: 1,
        times: 2,
        probability: fc.constant(1),
      }),
      0,
      1,
    ),
    several(
      rule(somewhere, fc.constant({ kind: 'expireTokens' }), { after: 150, times: 2, probability: sometimes }),
      0,
      2,
    ),
    several(
      rule(
        fc.constantFrom({ path: exportJobs }, { path: segmentJobs }),
        fc.constant({ kind: 'unknownStatus', value: 'HIBERNATING' }),
        { after: 60, times: 6, probability: sometimes },
      ),
      0,
      2,
    ),
    several(
      rule(
        fc.constant({ path: exportJobs, readsOnly: true }),
        fc.nat(vanishingAmong).map((index) => ({ kind: 'vanish', id: firstNewExportJob + index })),
        { after: 80, times: 30, probability: fc.constant(1) },
      ),
      0,
      1,
    ),
    lagging,
    // A service that fails for long enough to open its circuit.
    seldom(
      fc.record({
        match: fc.constantFrom({ path: segmentJobs }, { path: schedules }, { path: exportJobs, readsOnly: true }),
        after: fc.integer({ min: 20, max: 80 }),
        times: fc.constant(11),
        fault: fc.constant<Fault>({ kind: 'status', status: 503 }),
      }),
    ),
    // No response until the deadline.
    seldom(
      rule(fc.oneof(writes, reads), fc.constant({ kind: 'latency', ms: silenceMs, when: 'after-apply' }), {
        after: 20,
        times: 1,
        probability: fc.constant(1),
      }),
    ),
    fc.integer({ min: 1, max: 1_000_000 }),
  )
  .map(([...parts]) => {
    const seed = parts.pop();
    return {
      seed: typeof seed === 'number' ? seed : 1,
      rules: parts.flatMap((part) => (Array.isArray(part) ? part : [])),
    };
  });

/** Facts that single readings, or several consecutive readings, can show wrongly under a script. */
export const hiddenBy = (script: FaultScript): Omit<Truth, 'entities'> => ({
  denied: vanishingJobs(script, () => true),
  absent: vanishingJobs(script, ({ times }) => times !== 1),
  mayEndUnknown: script.rules.some(({ fault }) => fault.kind === 'unknownStatus'),
});

/** Ids of export jobs in the gateway's form. */
const vanishingJobs = ({ rules }: FaultScript, isMeant: (rule: FaultRule) => boolean): ReadonlySet<string> =>
  new Set(
    rules.flatMap((each) => (each.fault.kind === 'vanish' && isMeant(each) ? [`ExportJob:${each.fault.id}`] : [])),
  );
