import fc from 'fast-check';
import { type AnyTransport, allTransports } from '../support/transports.ts';
import { type FaultScript, faultScript } from './fault-scripts.ts';
import { type RedisTrouble, redisTroubles } from './redis-troubles.ts';
import { type RouterTrouble, routerTroubles } from './troubled-router.ts';

/** The plan of one run. The seed determines all random choices. */
export interface Scenario {
  readonly faults: FaultScript;
  readonly routerTroubles: readonly RouterTrouble[];
  /** Faults of Redis, for several gateways only. */
  readonly redisTroubles: readonly RedisTrouble[];
  readonly subscribers: readonly SubscriberPlan[];
  readonly queriers: readonly (readonly QueryStep[])[];
  readonly exporters: readonly (readonly ExportStep[])[];
  readonly segmenters: readonly (readonly SegmentStep[])[];
  readonly schedulers: readonly (readonly ScheduleStep[])[];
}

export interface SubscriberPlan {
  readonly watched: 'exportJobs' | 'segmentJobs' | 'schedules';
  readonly scope: 'everything' | 'ids' | 'statuses' | 'ids and statuses';
  /** Whether the client selects the batches of export jobs. */
  readonly withBatches: boolean;
  readonly transport: AnyTransport;
  /** Number that selects the entities followed by id. */
  readonly pick: number;
  /** Whether the client resumes with its last cursor. Most clients subscribe again with their initial variables. */
  readonly resumes: boolean;
  /**
   * Number of events after which the client leaves each subscription and subscribes again. The last subscription stays.
   */
  readonly leavesAfter: readonly number[];
  /** Number of operations of all clients after which its connection is cut while it waits; null = never. */
  readonly cutAtOperation: number | null;
}

export type QueryStep =
  | { readonly kind: 'board' | 'segment-jobs' | 'schedules' | 'datasets'; readonly first: number }
  | { readonly kind: 'pages'; readonly first: number; readonly pages: number }
  | { readonly kind: 'nodes'; readonly picks: readonly number[] }
  | { readonly kind: 'job'; readonly pick: number };

/** How a create is sent: once, as two identical requests, or repeatedly with the same idempotency key. */
export type Repetition =
  | { readonly kind: 'once' }
  | { readonly kind: 'twins' }
  | { readonly kind: 'key'; readonly together: number; readonly afterwards: number };

export type ExportStep =
  | { readonly kind: 'create'; readonly repetition: Repetition; readonly newDataset: boolean }
  | { readonly kind: 'cancel'; readonly pick: number };

export type SegmentStep =
  | { readonly kind: 'create'; readonly repetition: Repetition }
  | { readonly kind: 'cancel'; readonly pick: number };

export type ScheduleStep =
  | { readonly kind: 'create' }
  | { readonly kind: 'update'; readonly hour: number; readonly active: boolean }
  | { readonly kind: 'delete' };

const pick = fc.nat(1_000);

const subscriber = (watched: SubscriberPlan['watched'], scope: SubscriberPlan['scope']) =>
  fc.constantFrom(true, true, false).chain((resumes) =>
    fc.record({
      watched: fc.constant(watched),
      scope: fc.constant(scope),
      withBatches: watched === 'exportJobs' ? fc.boolean() : fc.constant(false),
      transport: fc.constantFrom(...allTransports),
      pick,
      resumes: fc.constant(resumes),
      leavesAfter: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
      // A client without a cursor reconnects when some jobs have ended.
      cutAtOperation: resumes ? fc.option(fc.integer({ min: 5, max: 150 })) : fc.integer({ min: 100, max: 150 }),
    }),
  );

const count = fc.integer({ min: 1, max: 20 });
const queryStep: fc.Arbitrary<QueryStep> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('board' as const, 'segment-jobs' as const, 'schedules' as const, 'datasets' as const),
    first: count,
  }),
  fc.record({ kind: fc.constant('pages' as const), first: count, pages: fc.integer({ min: 2, max: 3 }) }),
  fc.record({ kind: fc.constant('nodes' as const), picks: fc.array(pick, { minLength: 1, maxLength: 6 }) }),
  fc.record({ kind: fc.constant('job' as const), pick }),
);

const repetition: fc.Arbitrary<Repetition> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Repetition>({ kind: 'once' }) },
  { weight: 2, arbitrary: fc.constant<Repetition>({ kind: 'twins' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('key' as const),
      together: fc.integer({ min: 1, max: 3 }),
      afterwards: fc.integer({ min: 0, max: 2 }),
    }),
  },
);
const cancel = fc.record({ kind: fc.constant('cancel' as const), pick });

const exportStep: fc.Arbitrary<ExportStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      repetition,
      newDataset: fc.constantFrom(true, false, false),
    }),
  },
  { weight: 1, arbitrary: cancel },
);
const segmentStep: fc.Arbitrary<SegmentStep> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), repetition }) },
  { weight: 1, arbitrary: cancel },
);
const scheduleChange: fc.Arbitrary<ScheduleStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('update' as const), hour: fc.nat(23), active: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant<ScheduleStep>({ kind: 'delete' }) },
  { weight: 1, arbitrary: fc.constant<ScheduleStep>({ kind: 'create' }) },
);
const scheduleSteps = fc
  .array(scheduleChange, { minLength: 2, maxLength: 4 })
  .map((steps): readonly ScheduleStep[] => [{ kind: 'create' }, ...steps]);

const times = <Item>(length: number, item: fc.Arbitrary<Item>) =>
  fc.array(item, { minLength: length, maxLength: length });
const stepsOf = <Step>(step: fc.Arbitrary<Step>, min: number, max: number) =>
  fc.array(step, { minLength: min, maxLength: max });

/** 50 clients: 20 subscribers, 15 queriers and 15 writers. */
const scenario: fc.Arbitrary<Scenario> = fc.record({
  faults: faultScript,
  routerTroubles,
  subscribers: fc.tuple(
    ...subscribersOf('exportJobs', { everything: 4, ids: 2, statuses: 3, 'ids and statuses': 2 }),
    ...subscribersOf('segmentJobs', { everything: 2, ids: 1, statuses: 2, 'ids and statuses': 1 }),
    ...subscribersOf('schedules', { everything: 2, ids: 1, statuses: 0, 'ids and statuses': 0 }),
  ),
  queriers: times(15, stepsOf(queryStep, 2, 4)),
  exporters: times(9, stepsOf(exportStep, 2, 3)),
  segmenters: times(3, stepsOf(segmentStep, 2, 4)),
  schedulers: times(3, scheduleSteps),
  redisTroubles,
});

function subscribersOf(
  watched: SubscriberPlan['watched'],
  counts: Readonly<Record<SubscriberPlan['scope'], number>>,
): fc.Arbitrary<SubscriberPlan>[] {
  const of = (scope: SubscriberPlan['scope']) =>
    Array.from({ length: counts[scope] }, () => subscriber(watched, scope));
  return [...of('everything'), ...of('ids'), ...of('statuses'), ...of('ids and statuses')];
}

/** The scenario of a seed; always the same for the same seed. */
export function scenarioOf(seed: number): Scenario {
  const [made] = fc.sample(scenario, { seed, numRuns: 1 });
  if (made === undefined) throw new Error('The generator returned no scenario.');
  return made;
}
