import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { sendOver } from '../support/operation-transports.ts';
import { profileDataset, startPlatform } from '../support/platform.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform, clock: new FakeClock() });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const mutation = (field: string, type: string) =>
  `mutation ($input: ${type}!) { ${field}(input: $input) { ... on InvalidInputError { issues { path } } } }`;
const createDataset = mutation('createDataset', 'CreateDatasetInput');
const createExportJob = mutation('createExportJob', 'CreateExportJobInput');
const createSchedule = mutation('createSchedule', 'CreateScheduleInput');
const createSegmentJob = mutation('createSegmentJob', 'CreateSegmentJobInput');
const profile =
  'query ($identity: IdentityInput!, $fields: [String!]) { profile(identity: $identity, fields: $fields) { entityId } }';
const datasets = 'query ($filter: DatasetFilter) { datasets(filter: $filter) { nodes { id } } }';
const watch =
  'subscription ($ids: [ID!], $after: String, $filter: ExportJobFilter, $seconds: Int) { exportJobChanged(ids: $ids, after: $after, filter: $filter, endedWithinSeconds: $seconds) { kind } }';

// Each input also has another error, so that nothing is created at the limit either.
const dataset = (more: object) => ({ input: { name: 'a', fileFormat: '', ...more } });
const exportJob = (more: object) => ({
  input: { schemaName: '', destination: { target: { datasetId: profileDataset } }, ...more },
});
const schedule = (more: object) => ({ input: { name: '', type: 'EXPORT', schedule: '0 0 1 * * ?', ...more } });

const text = (length: number) => 'x'.repeat(length);
const list = <Entry>(length: number, entry: (index: number) => Entry) =>
  Array.from({ length }, (_, index) => entry(index));
const uri = (length: number) => `https://a.example/${text(length - 18)}`;

/** The limited part, its path, its maximum size, and the variables for a size. */
const rows: readonly (readonly [
  what: string,
  document: string,
  path: string,
  maximum: number,
  variables: (size: number) => Record<string, unknown>,
])[] = [
  ['name of a dataset', createDataset, 'input.name', 500, (size) => dataset({ name: text(size) })],
  ['description', createDataset, 'input.description', 4_000, (size) => dataset({ description: text(size) })],
  ['URI of a schema', createDataset, 'input.schemaRef.id', 2_000, (size) => dataset({ schemaRef: { id: uri(size) } })],
  [
    'content type of a schema',
    createDataset,
    'input.schemaRef.contentType',
    200,
    (size) => dataset({ schemaRef: { id: uri(30), contentType: text(size) } }),
  ],
  [
    'tags',
    createDataset,
    'input.tags',
    100,
    (size) => dataset({ tags: list(size, (index) => ({ name: `t${index}`, values: [] })) }),
  ],
  [
    'name of a tag',
    createDataset,
    'input.tags.0.name',
    200,
    (size) => dataset({ tags: [{ name: text(size), values: [] }] }),
  ],
  [
    'values of a tag',
    createDataset,
    'input.tags.0.values',
    100,
    (size) => dataset({ tags: [{ name: 'a', values: list(size, () => 'same') }] }),
  ],
  [
    'value of a tag',
    createDataset,
    'input.tags.0.values.0',
    1_000,
    (size) => dataset({ tags: [{ name: 'a', values: [text(size)] }] }),
  ],
  ['fields of an export', createExportJob, 'input.fields', 1_000, (size) => exportJob({ fields: list(size, String) })],
  ['path of a field', createExportJob, 'input.fields.0', 500, (size) => exportJob({ fields: [text(size)] })],
  [
    'segments of an export',
    createExportJob,
    'input.filter.segments',
    1_500,
    (size) => exportJob({ filter: { segments: list(size, (index) => ({ segmentId: `s${index}` })) } }),
  ],
  [
    'id of a segment',
    createExportJob,
    'input.filter.segments.0.segmentId',
    200,
    (size) => exportJob({ filter: { segments: [{ segmentId: text(size) }] } }),
  ],
  [
    'namespace of a segment',
    createExportJob,
    'input.filter.segments.0.segmentNs',
    100,
    (size) => exportJob({ filter: { segments: [{ segmentId: 'a', segmentNs: text(size) }] } }),
  ],
  [
    'statuses of a segment',
    createExportJob,
    'input.filter.segments.0.statuses',
    10,
    (size) => exportJob({ filter: { segments: [{ segmentId: 'a', statuses: list(size, () => 'EXITED') }] } }),
  ],
  [
    'idempotency key',
    createExportJob,
    'input.idempotencyKey',
    200,
    (size) => exportJob({ idempotencyKey: text(size) }),
  ],
  [
    'segments of a schedule',
    createSchedule,
    'input.segmentIds',
    1_500,
    (size) => schedule({ segmentIds: list(size, (index) => `s${index}`) }),
  ],
  [
    'segments of a segment job',
    createSegmentJob,
    'input.segmentIds',
    1_500,
    (size) => ({ input: { segmentIds: list(size, (index) => `s${index}`), idempotencyKey: '' } }),
  ],
  [
    'fields of a profile',
    profile,
    'fields',
    1_000,
    (size) => ({ identity: { namespace: '', value: 'a' }, fields: list(size, String) }),
  ],
  [
    'identity namespace',
    profile,
    'identity.namespace',
    100,
    (size) => ({ identity: { namespace: text(size), value: '' } }),
  ],
  ['identity value', profile, 'identity.value', 1_000, (size) => ({ identity: { namespace: '', value: text(size) } })],
  ['name in a filter', datasets, 'filter.name', 500, (size) => ({ filter: { name: text(size), schemaId: '' } })],
  ['watched ids', watch, 'ids', 1_000, (size) => ({ ids: list(size, String), filter: { statuses: [] } })],
  ['cursor to resume after', watch, 'after', 200, (size) => ({ after: text(size), filter: { statuses: [] } })],
  [
    'statuses in a filter',
    watch,
    'filter.statuses',
    20,
    (size) => ({ filter: { statuses: list(size, () => 'NEW'), datasetId: '' } }),
  ],
  ['seconds since a job ended', watch, 'endedWithinSeconds', 3_600, (size) => ({ seconds: size, after: text(201) })],
];

describe('the size of an argument', () => {
  it.each(rows)('is accepted up to its limit, and no further: %s', async (_, query, path, maximum, variables) => {
    const transport = query.startsWith('subscription') ? 'SSE' : 'POST';
    const ask = async (size: number) =>
      (await sendOver(transport, gateway, { query, variables: variables(size) })).text;
    const atLimit = await ask(maximum);
    expect(atLimit).toMatch(/"path":"\w/);
    expect(atLimit).not.toContain(`"path":"${path}"`);
    expect(await ask(maximum + 1)).toContain(`"path":"${path}"`);
  });
});

describe('the version of a merge policy', () => {
  const withVersion = (version: number) => exportJob({ mergePolicy: { id: 'a', version } });
  const pathsOf = async (version: number) =>
    (await sendOver('POST', gateway, { query: createExportJob, variables: withVersion(version) })).text;

  it('may be 0, but not negative', async () => {
    expect(await pathsOf(0)).not.toContain('input.mergePolicy.version');
    expect(await pathsOf(-1)).toContain('input.mergePolicy.version');
  });
});
