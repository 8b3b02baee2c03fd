import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { profileDataset, startPlatform } from '../support/platform.ts';
import { ViewerDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
  // The token of the gateway's credential is not a call caused by an argument.
  await gateway.query(ViewerDocument, {});
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});
beforeEach(() => platform.clearRequests());

const jobs =
  'query ($first: Int, $after: String, $filter: ExportJobFilter) { exportJobs(first: $first, after: $after, filter: $filter) { nodes { id } } }';
const datasets =
  'query ($first: Int, $filter: DatasetFilter) { datasets(first: $first, filter: $filter) { nodes { id } } }';
const job = 'query ($id: ID!) { exportJob(id: $id) { id } }';
const dataset = 'query ($id: ID!) { dataset(id: $id) { id } }';
const batch = 'query ($id: ID!) { batch(id: $id) { id } }';
const node = 'query ($id: ID!) { node(id: $id) { id } }';
const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
const result = '{ __typename ... on InvalidInputError { issues { path message } } ... on Error { code message } }';
const create = `mutation ($input: CreateExportJobInput!) { result: createExportJob(input: $input) ${result} }`;
const createDataset = `mutation ($input: CreateDatasetInput!) { result: createDataset(input: $input) ${result} }`;
const cancel = `mutation ($id: ID!) { result: cancelExportJob(id: $id) ${result} }`;
const remove = `mutation ($id: ID!) { result: deleteDataset(id: $id) ${result} }`;

const target = { datasetId: profileDataset };
const into = (rest: Record<string, unknown>) => ({ input: { destination: { target }, ...rest } });
const notADate = [
  '2030-02-30T00:00:00Z',
  '2030-01-01',
  'yesterday',
  '',
  12,
  '2030-01-01T00:00:00',
  '2030-13-01T00:00:00Z',
];

describe('a query with invalid arguments', () => {
  const rows: readonly (readonly [
    what: string,
    document: string,
    variables: Record<string, unknown>,
    paths: readonly string[],
  ])[] = [
    ['a page of none', jobs, { first: 0 }, ['first']],
    ['a page of more than a hundred', datasets, { first: 101 }, ['first']],
    ['an invalid cursor', jobs, { after: '%%%' }, ['after']],
    ...notADate.map(
      (createdAfter) =>
        [
          `${JSON.stringify(createdAfter)} as a time`,
          jobs,
          { filter: { createdAfter } },
          ['filter.createdAfter'],
        ] as const,
    ),
    [
      'two bad times at once',
      jobs,
      { filter: { createdAfter: 'x', createdBefore: 'y' } },
      ['filter.createdAfter', 'filter.createdBefore'],
    ],
    ['a filter by no status', jobs, { filter: { statuses: [] } }, ['filter.statuses']],
    [
      'the id of a job as that of a dataset, in a filter',
      jobs,
      { filter: { datasetId: 'ExportJob:1' } },
      ['filter.datasetId'],
    ],
    ['an empty dataset id in a filter', jobs, { filter: { datasetId: '' } }, ['filter.datasetId']],
    ['an empty name in a filter', datasets, { filter: { name: '  ' } }, ['filter.name']],
    ['an empty part of a name', datasets, { filter: { nameContains: '' } }, ['filter.nameContains']],
    ['a long name', datasets, { filter: { name: 'x'.repeat(501) } }, ['filter.name']],
    ['a schema that is no URI', datasets, { filter: { schemaId: 'no uri' } }, ['filter.schemaId']],
    ['a bad time in a filter of datasets', datasets, { filter: { updatedAfter: 'x' } }, ['filter.updatedAfter']],
    ['the id of a dataset as that of a job', job, { id: `Dataset:${profileDataset}` }, ['id']],
    ['the id of a job as that of a dataset', dataset, { id: 'ExportJob:1' }, ['id']],
    ['the id of a job as that of a batch', batch, { id: 'ExportJob:1' }, ['id']],
    ['an empty id', job, { id: '' }, ['id']],
    ['a type without an id', dataset, { id: 'Dataset:' }, ['id']],
    ['a node by the id of the platform', node, { id: '24001' }, ['id']],
    ['a node of an unknown type', node, { id: 'Sandbox:prod' }, ['id']],
    ['nodes of which one is none', nodes, { ids: ['nonsense'] }, ['ids.0']],
    [
      'more nodes than permitted',
      nodes,
      { ids: Array.from({ length: 101 }, (_, index) => `ExportJob:${index}`) },
      ['ids'],
    ],
  ];

  it.each(rows)(
    'is rejected with the path, before a call to the platform: %s',
    async (_, document, variables, paths) => {
      const { errors, data, text } = await gateway.send(document, variables);
      expect(errors, text).toHaveLength(1);
      expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', retryable: false });
      expect(issuesOf(field(errors[0]?.extensions, 'issues'))).toEqual(paths);
      expect(
        Object.values(data ?? {})
          .flat()
          .every((value) => value === null),
      ).toBe(true);
      expect(platform.requests).toEqual([]);
    },
  );
});

describe('a mutation with invalid input', () => {
  const segment = { segmentId: 'a' };
  const rows: readonly (readonly [
    what: string,
    document: string,
    variables: Record<string, unknown>,
    paths: readonly string[],
  ])[] = [
    ['a dataset without a name', createDataset, { input: { name: '   ' } }, ['input.name']],
    ['a dataset with a name that is too long', createDataset, { input: { name: 'x'.repeat(501) } }, ['input.name']],
    [
      'a schema that is no URI',
      createDataset,
      { input: { name: 'x', schemaRef: { id: 'x' } } },
      ['input.schemaRef.id'],
    ],
    [
      'a tag that stands twice',
      createDataset,
      {
        input: {
          name: 'x',
          tags: [
            { name: 'a', values: [] },
            { name: 'a', values: [] },
          ],
        },
      },
      ['input.tags.1.name'],
    ],
    ['no fields', create, into({ fields: [] }), ['input.fields']],
    ['a field with a comma', create, into({ fields: ['a', 'b,c'] }), ['input.fields.1']],
    ['no segments', create, into({ filter: { segments: [] } }), ['input.filter.segments']],
    [
      'a segment without an id',
      create,
      into({ filter: { segments: [segment, { segmentId: '' }] } }),
      ['input.filter.segments.1.segmentId'],
    ],
    [
      'a status that no member has',
      create,
      into({ filter: { segments: [{ ...segment, statuses: ['UNKNOWN'] }] } }),
      ['input.filter.segments.0.statuses.0'],
    ],
    [
      'an end before its beginning',
      create,
      into({ eventList: { fromIngestTimestamp: '2030-01-02T00:00:00Z', toIngestTimestamp: '2030-01-01T00:00:00Z' } }),
      ['input.eventList.toIngestTimestamp'],
    ],
    [
      'a window of no length',
      create,
      into({
        filter: { segmentQualificationTime: { startTime: '2030-01-02T00:00:00Z', endTime: '2030-01-02T00:00:00Z' } },
      }),
      ['input.filter.segmentQualificationTime.endTime'],
    ],
    [
      'a bad time',
      create,
      into({ filter: { fromIngestTimestamp: '2030-02-30T00:00:00Z' } }),
      ['input.filter.fromIngestTimestamp'],
    ],
    [
      'the id of a job as that of a dataset',
      create,
      { input: { destination: { target: { datasetId: 'ExportJob:1' } } } },
      ['input.destination.target.datasetId'],
    ],
    [
      'a new dataset without a name',
      create,
      { input: { destination: { target: { newDataset: { name: '' } } } } },
      ['input.destination.target.newDataset.name'],
    ],
    [
      'a merge policy by the id of a job',
      create,
      into({ mergePolicy: { id: 'ExportJob:1' } }),
      ['input.mergePolicy.id'],
    ],
    ['an empty schema name', create, into({ schemaName: '' }), ['input.schemaName']],
    [
      'several things at once',
      create,
      { input: { fields: [], schemaName: '', destination: { target: { newDataset: { name: '' } } } } },
      ['input.fields', 'input.destination.target.newDataset.name', 'input.schemaName'],
    ],
    ['a cancel by the id of a dataset', cancel, { id: 'Dataset:1' }, ['id']],
    ['a deletion by an empty id', remove, { id: '' }, ['id']],
  ];

  it.each(rows)(
    'returns InvalidInputError with the path, before a call to the platform: %s',
    async (_, document, variables, paths) => {
      const { data, text } = await gateway.send(document, variables);
      expect(resultOf(data), text).toMatchObject({ __typename: 'InvalidInputError', code: 'INVALID_INPUT' });
      expect(issuesOf(field(resultOf(data), 'issues'))).toEqual(paths);
      expect(platform.requests).toEqual([]);
    },
  );

  it('returns InvalidInputError with the path when the dataset does not exist, and creates nothing', async () => {
    const { data } = await gateway.send(create, {
      input: { destination: { target: { datasetId: 'ffffffffffffffffffffffff' } } },
    });
    expect(resultOf(data)).toMatchObject({ __typename: 'InvalidInputError' });
    expect(issuesOf(field(resultOf(data), 'issues'))).toEqual(['input.destination.target.datasetId']);
    expect(platform.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it.each([
    ['a cancel', cancel, '99999999'],
    ['a cancel by global id', cancel, 'ExportJob:99999999'],
    ['a deletion', remove, 'ffffffffffffffffffffffff'],
  ])('returns NotFoundError for %s of an entity that does not exist', async (_, document, id) => {
    const { data } = await gateway.send(document, { id });
    expect(resultOf(data)).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
  });
});

describe('a document that does not match the schema', () => {
  it.each([
    ['a status that does not exist', '{ exportJobs(filter: { statuses: [DONE] }) { nodes { id } } }', {}],
    ['a status that does not exist, in a variable', jobs, { filter: { statuses: ['DONE'] } }],
    ['a field that does not exist', '{ exportJobs { nodes { nope } } }', {}],
    ['no target', create, { input: { destination: { target: {} } } }],
    ['two targets', create, { input: { destination: { target: { datasetId: 'a', newDataset: { name: 'b' } } } } }],
    ['a missing variable', job, {}],
    ['text that is no document', '{ exportJobs {', {}],
    ['nothing', '', {}],
    ['fields in each other without end', '{ viewer '.repeat(2_000), {}],
    ['lists in each other without end', `{ nodes(ids: ${'['.repeat(4_000)}`, {}],
  ])('is rejected before a call to the platform: %s', async (_, document, variables) => {
    const { errors, data, text } = await gateway.send(document, variables);
    expect(errors.length).toBeGreaterThan(0);
    expect(data).toBeNull();
    expect(text).not.toMatch(/Internal error|Unexpected error|\n\s+at /);
    expect(platform.requests).toEqual([]);
  });
});

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

const resultOf = (data: unknown) => field(data, 'result');

/** Returns the paths of issues. Each issue must have a message. */
function issuesOf(issues: unknown): readonly unknown[] {
  if (!Array.isArray(issues)) return [];
  for (const issue of issues) expect(field(issue, 'message')).toMatch(/./);
  return issues.map((issue) => field(issue, 'path'));
}
