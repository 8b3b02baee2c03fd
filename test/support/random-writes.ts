import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { FakeClock } from './fake-clock.ts';
import type { RestClient } from './rest-client.ts';

/** A write by another client of the platform. */
type Write =
  | { readonly kind: 'create-dataset'; readonly body: object }
  | { readonly kind: 'change-dataset'; readonly which: number; readonly body: object }
  | { readonly kind: 'delete-dataset'; readonly which: number }
  | { readonly kind: 'create-definition'; readonly value: string; readonly continuous: boolean }
  | { readonly kind: 'delete-definition'; readonly which: number }
  | { readonly kind: 'create-segment-job'; readonly which: readonly number[] }
  | { readonly kind: 'cancel-segment-job'; readonly which: number }
  | {
      readonly kind: 'create-export';
      readonly which: number;
      readonly segments: readonly number[];
      readonly body: object;
    }
  | { readonly kind: 'cancel-export'; readonly which: number }
  | { readonly kind: 'change-schedule'; readonly state: 'active' | 'inactive'; readonly schedule: string }
  | { readonly kind: 'replace-schedule'; readonly which: readonly number[] };

const paths = {
  exportJobs: '/data/core/ups/export/jobs',
  datasets: '/data/foundation/catalog/dataSets',
  definitions: '/data/core/ups/segment/definitions',
  segmentJobs: '/data/core/ups/segment/jobs',
  schedules: '/data/core/ups/config/schedules',
} as const;

const which = fc.nat({ max: 1_000 });
const someOf = fc.array(which, { minLength: 1, maxLength: 3 });
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const time = fc.constantFrom('2026-10-01T00:00:00Z', '2026-10-20T12:30:00.500Z', '2026-11-01T09:00:00+02:00');
const schemaRef = fc.constantFrom(
  { id: 'https://ns.adobe.com/xdm/context/profile__union', contentType: 'application/vnd.adobe.xed+json;version=1' },
  { id: 'https://ns.adobe.com/emulator/schemas/anything' },
);

const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({
    kind: fc.constant('create-dataset' as const),
    body: fc.record(
      {
        name: text.map((name) => `Dataset ${name}`),
        description: text,
        schemaRef,
        fileDescription: fc.constantFrom({ persisted: true }, { containerFormat: 'parquet' }, { format: 'parquet' }),
        tags: fc.dictionary(fc.constantFrom('team', 'purpose', 'k/v'), fc.array(text, { maxLength: 2 })),
        state: fc.constant('DRAFT'),
      },
      { requiredKeys: ['name'] },
    ),
  }),
  fc.record({
    kind: fc.constant('change-dataset' as const),
    which,
    body: fc.record({ description: text, tags: fc.constant({ team: ['a', 'b'] }) }, { requiredKeys: [] }),
  }),
  fc.record({ kind: fc.constant('delete-dataset' as const), which }),
  fc.record({
    kind: fc.constant('create-definition' as const),
    value: fc.constantFrom('loyalty.points < 5000', 'xEvent[eventType = "view"].count() > 1', 'nobody soundsLike me'),
    continuous: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('delete-definition' as const), which }),
  fc.record({ kind: fc.constant('create-segment-job' as const), which: fc.oneof(someOf, fc.constant([])) }),
  fc.record({ kind: fc.constant('cancel-segment-job' as const), which }),
  fc.record({
    kind: fc.constant('create-export' as const),
    which,
    segments: fc.oneof(someOf, fc.constant([])),
    body: fc.record(
      {
        fields: fc.constantFrom('identityMap', 'person.name, personalEmail.address', 'no.such.field'),
        additionalFields: fc.record({
          eventList: fc.record(
            { fields: fc.constant('_id, eventType'), filter: fc.record({ fromIngestTimestamp: time }) },
            { requiredKeys: ['filter'] },
          ),
        }),
        evaluationInfo: fc.constant({ segmentation: true }),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ kind: fc.constant('cancel-export' as const), which }),
  fc.record({
    kind: fc.constant('change-schedule' as const),
    state: fc.constantFrom('active' as const, 'inactive' as const),
    schedule: fc.constantFrom('0 0 1 * * ?', '30 15 10 * * ?', '0 30 23 * * ?'),
  }),
  fc.record({ kind: fc.constant('replace-schedule' as const), which: fc.oneof(someOf, fc.constant([])) }),
);

/** Longest pause after a write, in milliseconds. It is long enough for a job to end, or to be observed in any stage. */
const maxPauseMs = 3_000;

/**
 * Runs the writes of a seed, with pauses between them, so that jobs end up in many states.
 * @throws when the platform fails; a rejected write is not a failure
 */
export async function writeAtRandom(
  rest: RestClient,
  clock: FakeClock,
  { seed, writes }: { readonly seed: number; readonly writes: number },
): Promise<void> {
  const steps = fc.sample(fc.tuple(write, fc.integer({ min: 1, max: maxPauseMs })), { seed, numRuns: writes });
  for (const [step, pauseMs] of steps) {
    const { status, body } = await carryOut(rest, step);
    if (status >= 500) throw new Error(`${JSON.stringify(step)} was answered with ${status}: ${JSON.stringify(body)}`);
    await clock.advanceBy(pauseMs);
  }
}

async function carryOut(rest: RestClient, step: Write) {
  const pick = <Item>(items: readonly Item[], index: number): Item => {
    const item = items[index % Math.max(1, items.length)];
    if (item === undefined) throw new Error('The list to choose from is empty.');
    return item;
  };
  const segment = async (index: number) =>
    pick((await list<Identified, 'segments'>(rest, paths.definitions)).segments, index).id;
  const segmentIds = async (indexes: readonly number[]) => [...new Set(await Promise.all(indexes.map(segment)))];
  const dataset = async (index: number) =>
    pick(Object.keys(await rest.get<object>(`${paths.datasets}?limit=100&properties=name`)), index);
  const schedules = async () => (await list<Identified, 'children'>(rest, paths.schedules)).children;

  switch (step.kind) {
    case 'create-dataset':
      return rest.send('POST', paths.datasets, step.body);
    case 'change-dataset':
      return rest.send('PATCH', `${paths.datasets}/${await dataset(step.which)}`, step.body);
    case 'delete-dataset':
      return rest.send('DELETE', `${paths.datasets}/${await dataset(step.which)}`);
    case 'create-definition':
      return rest.send('POST', paths.definitions, {
        name: `Made by request ${randomUUID()}`,
        schema: { name: '_xdm.context.profile' },
        expression: { type: 'PQL', format: 'pql/text', value: step.value },
        evaluationInfo: { batch: { enabled: true }, continuous: { enabled: step.continuous } },
      });
    case 'delete-definition':
      return rest.send('DELETE', `${paths.definitions}/${await segment(step.which)}`);
    case 'create-segment-job': {
      const ids = step.which.length === 0 ? ['*'] : await segmentIds(step.which);
      return rest.send(
        'POST',
        paths.segmentJobs,
        ids.map((segmentId) => ({ segmentId })),
      );
    }
    case 'cancel-segment-job': {
      const { children } = await list<Identified, 'children'>(rest, paths.segmentJobs);
      return rest.send('DELETE', `${paths.segmentJobs}/${pick(children, step.which).id}`);
    }
    case 'create-export': {
      const segments = (await segmentIds(step.segments)).map((segmentId) => ({ segmentId, segmentNs: 'ups' }));
      return rest.send('POST', paths.exportJobs, {
        ...step.body,
        ...(segments.length === 0 ? {} : { filter: { segments, emptyProfiles: step.which % 2 === 0 } }),
        destination: { datasetId: await dataset(step.which), segmentPerBatch: segments.length > 1 },
        schema: { name: '_xdm.context.profile' },
      });
    }
    case 'cancel-export': {
      const { records } = await list<Identified, 'records'>(rest, paths.exportJobs);
      return rest.send('DELETE', `${paths.exportJobs}/${pick(records, step.which).id}`);
    }
    case 'change-schedule': {
      const [schedule] = await schedules();
      return rest.send('PATCH', `${paths.schedules}/${schedule?.id ?? 'none'}`, [
        { op: 'add', path: '/state', value: step.state },
        { op: 'add', path: '/schedule', value: step.schedule },
      ]);
    }
    case 'replace-schedule': {
      for (const { id } of await schedules()) await rest.send('DELETE', `${paths.schedules}/${id}`);
      const segments = step.which.length === 0 ? ['*'] : await segmentIds(step.which);
      const schedule = { name: 'Replaced', type: 'batch_segmentation', schedule: '0 0 2 * * ?', state: 'active' };
      return rest.send('POST', paths.schedules, { ...schedule, properties: { segments } });
    }
  }
}

interface Identified {
  readonly id: string | number;
}

const list = <Item, Key extends string>(rest: RestClient, path: string) =>
  rest.get<Readonly<Record<Key, readonly Item[]>>>(`${path}?limit=100`);
