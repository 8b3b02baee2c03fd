import { describe, expect, it } from 'vitest';
import type { NewExportJob } from '../../../../src/domain/export-job.ts';
import { platformId, type SegmentId } from '../../../../src/domain/ids.ts';
import type { PlatformApi } from '../../../../src/upstream/platform-api.ts';
import { newExportJob } from '../fixtures.ts';
import { connectTo, sendJson, startStub } from '../platform-stub.ts';

const exportJob: NewExportJob = {
  ...newExportJob,
  fields: ['person.name', 'email'],
  mergePolicy: { id: platformId('policy-1'), version: null },
  filter: {
    segments: [{ segmentId: platformId('segment-1'), segmentNs: 'ups', statuses: [] }],
    segmentQualificationTime: null,
    fromIngestTimestamp: null,
    emptyProfiles: false,
  },
  datasetId: platformId('5b020a27e7040801dedba61b'),
};
const dataset = {
  name: 'Profiles',
  description: 'All people',
  schemaRef: { id: 'https://ns.adobe.com/xdm/context/profile__union', contentType: 'application/x;version=1' },
  fileFormat: 'parquet',
  tags: [{ name: 'team-a', values: ['x'] }],
};
const schedule = {
  name: 'nightly run',
  type: 'EXPORT',
  schedule: '0 0 1 * * ?',
  segmentIds: [platformId<SegmentId>('segment-1')],
  state: 'INACTIVE',
} as const;

const writes: Readonly<Record<string, (api: PlatformApi) => Promise<unknown>>> = {
  'an export job': ({ exportJobs }) => exportJobs.create(exportJob),
  'a segment job': ({ segmentJobs }) => segmentJobs.create([platformId('segment-1')]),
  'a dataset': ({ datasets }) => datasets.create(dataset),
  'a schedule': ({ schedules }) => schedules.create(schedule),
  'a change of a schedule': ({ schedules }) => schedules.update(platformId('one'), { schedule: '0 0 2 * * ?' }),
};
const reads: typeof writes = {
  'a list of datasets': ({ datasets }) => datasets.list({ limit: 1, name: 'Web' }),
  'a list of segment jobs': ({ segmentJobs }) => segmentJobs.list({ limit: 1, status: 'NEW' }),
  'a list of export jobs': ({ exportJobs }) => exportJobs.list({ limit: 1, status: 'NEW' }),
  'a list of batches': ({ batches }) =>
    batches.list({ limit: 1, statuses: ['FAILED'], datasetId: platformId('dataset-1') }),
};

/** The error of a response of the platform. */
async function rejection(send: (api: PlatformApi) => Promise<unknown>, status: number, body: object): Promise<unknown> {
  await using stub = await startStub((_request, response) => sendJson(response, status, body));
  await using client = connectTo(stub.url);
  return await send(client.api).then(
    () => 'nothing',
    (error: unknown) => error,
  );
}

const barred = {
  status: 400,
  title: 'Non-scheduled segment jobs are not allowed for orgs enabled for B2B simplification',
  type: 'http://ns.adobe.com/aep/errors/UPAPI-054554-400',
};

describe.each([...Object.entries(writes), ...Object.entries(reads)])('%s', (_, send) => {
  it.each([
    ['a rule of the organization', 400, barred, 'UPAPI-054554-400'],
    [
      'its licence',
      422,
      { title: 'Unprocessable', detail: 'The data cannot be processed for this org' },
      'Unprocessable',
    ],
    ['an unknown reason', 400, {}, '400'],
  ])(
    'that is rejected because of %s is a platform error with the reason, and not invalid input',
    async (_, status, body, shown) => {
      expect(await rejection(send, status, body)).toMatchObject({
        code: 'PLATFORM_ERROR',
        status,
        retryable: false,
        message: expect.stringContaining(shown),
      });
    },
  );

  it.each([
    [
      400,
      { title: 'Sandbox header is invalid', type: 'http://ns.adobe.com/aep/errors/SMS-2010-400' },
      'x-sandbox-name',
    ],
    [400, { title: 'The header x-sandbox-name is missing' }, 'x-sandbox-name'],
    [404, { title: 'Not found', type: 'http://ns.adobe.com/aep/errors/SMS-2003-404' }, 'x-sandbox-name'],
    [404, { title: 'Sandbox dev not found' }, 'x-sandbox-name'],
    [404, { title: 'Not Found', detail: 'The sandbox with name "dev" does not exist.' }, 'x-sandbox-name'],
    [404, { errors: { '404': [{ code: '404', message: 'No such sandbox: dev' }] } }, 'x-sandbox-name'],
    [400, { message: 'Sandbox [dev] is not active' }, 'x-sandbox-name'],
    [422, { message: 'Unknown sandbox' }, 'x-sandbox-name'],
    [400, { message: 'Invalid IMS org in the header' }, 'x-gw-ims-org-id'],
  ])('that is rejected with %i because of a header reports the header: %j', async (status, body, path) => {
    expect(await rejection(send, status, body)).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path }] });
  });
});

it.each([
  [404, 'The dataset is not in sandbox dev, which is not active'],
  [404, 'Dataset dataset-1 was not found in the sandbox dev'],
  [400, 'The name "header of the sandbox" is taken'],
])('a rejection with %i that only mentions the sandbox does not report its header: %s', async (status, detail) => {
  for (const send of Object.values(writes)) {
    const error = await rejection(send, status, { detail });
    expect(error).not.toMatchObject({ issues: [{ path: 'x-sandbox-name' }] });
  }
});

it('a rejected list of sandboxes never reports the sandbox header, because it sends none', async () => {
  const body = { title: 'Bad paging', type: 'http://ns.adobe.com/aep/errors/SMS-2074-400', status: 400 };
  expect(await rejection(({ sandboxes }) => sandboxes.available(), 400, body)).toMatchObject({
    code: 'PLATFORM_ERROR',
    upstream: { code: 'SMS-2074-400' },
  });
});

it.each([
  ['a list of datasets', '"Web" is reserved'],
  ['a list of segment jobs', 'Invalid status'],
  ['a list of export jobs', 'NEW is not supported'],
  ['a list of batches', 'dataset-1 is unknown'],
  ['a list of batches', 'status: unknown word'],
])('a rejection of %s with %j reports the filter', async (name, detail) => {
  const read = reads[name] ?? (() => Promise.reject(name));
  expect(await rejection(read, 400, { detail })).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'filter' }] });
});

it('a rejected list without a filter does not report the filter', async () => {
  for (const list of [
    ({ exportJobs }: PlatformApi) => exportJobs.list({ limit: 1 }),
    ({ segmentJobs }: PlatformApi) => segmentJobs.list({ limit: 1 }),
    ({ batches }: PlatformApi) => batches.list({ limit: 1 }),
    ({ datasets }: PlatformApi) => datasets.list({ limit: 1 }),
  ])
    expect(await rejection(list, 400, { detail: 'Invalid status, property, name' })).toMatchObject({
      code: 'PLATFORM_ERROR',
    });
});

describe('the path of an invalid argument that the platform mentions', () => {
  it.each([
    ['an export job', 'Segment segment-1 is inactive', 'input.filter.segments.0.segmentId'],
    ['an export job', 'segmentId must be a UUID', 'input.filter.segments'],
    ['an export job', 'policy-1 is no union', 'input.mergePolicy.id'],
    ['an export job', 'Dataset 5b020a27e7040801dedba61b is not enabled', 'input.destination.target.datasetId'],
    ['an export job', 'DatasetId is malformed, person.name is unknown', 'input.fields'],
    ['an export job', 'No such field: email', null],
    ['an export job', 'No such field: "email"', 'input.fields'],
    ['an export job', "Property 'fields' is too long", 'input.fields'],
    ['an export job', 'segmentQualificationTime ends before it starts', 'input.filter'],
    ['an export job', 'Invalid destination', 'input.destination'],
    ['an export job', 'checkBatchStatusForSuccess is no property', 'input.waitForBatch'],
    ['an export job', 'The destination service is down', null],
    ['a segment job', 'segment-1 is a streaming segment', 'input.segmentIds.0'],
    ['a segment job', 'segment-10 and xsegment-1', null],
    ['a dataset', 'name must be unique', 'input.name'],
    ['a dataset', 'Unknown contentType', 'input.schemaRef.contentType'],
    ['a dataset', 'tags: team-a is reserved', 'input.tags.0'],
    ['a dataset', '/tags is no object', 'input.tags'],
    ['a dataset', 'Profiles cannot be stored now', null],
    ['a schedule', 'schedule: would run 24 times', 'input.schedule'],
    ['a schedule', 'nightly run', 'input.name'],
    ['a schedule', 'The schedule could not be stored', null],
    ['a change of a schedule', '0 0 2 * * ? is in the past', 'input.schedule'],
  ])('is found for %s with the message %j: %s', async (name, detail, path) => {
    const error = await rejection(writes[name] ?? (() => Promise.reject(name)), 400, { title: 'Bad', detail });
    if (path === null) expect(error).toMatchObject({ code: 'PLATFORM_ERROR', status: 400 });
    else expect(error).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path, message: `Bad: ${detail}` }] });
  });
});
