import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { deviations, openApiAvailable, openApiDirectory } from '../../support/openapi.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, exportBody, type JobRecord, type PlatformClient, prodDataset, runUntil } from './platform-client.ts';
import { segmentJobUntil } from './segmentation-client.ts';

const ups = '/data/core/ups';
const catalog = '/data/foundation/catalog';
const dataAccess = '/data/foundation/export';
const sandboxes = '/data/foundation/sandbox-management';

/** Known errors and gaps of the API descriptions. Each entry must still be observed; remove an entry that is not. */
const knownDeviations = {
  // Spelling in the samples for creating and reading a job, and for batches by segment.
  dataSetId: '/destination/dataSetId is undocumented',
  // The description has one object, but every sample has an array.
  batches: '/destination/batches must be object',
  // The newest documentation has these counters.
  totalCounter: '/metrics/totalExportedProfileCounter is undocumented',
  namespaceCounter: '/metrics/exportedProfileByNamespaceCounter is undocumented',
  // Status of a job that is "marked for cancelling". The documented list of statuses ends with FAILED.
  status: '/records/*/status must be equal to one of the allowed values',
  listTotalCounter: '/records/*/metrics/totalExportedProfileCounter is undocumented',
  listNamespaceCounter: '/records/*/metrics/exportedProfileByNamespaceCounter is undocumented',
  listBatches: '/records/*/destination/batches must be object',
  // The samples for creating a dataset have these fields.
  containerFormat: '/*/fileDescription/containerFormat is undocumented',
  persisted: '/*/fileDescription/persisted is undocumented',
  // Every sample has this field.
  namespace: '/*/namespace is undocumented',
  datasetStatus: '/*/status is undocumented',
  dule: '/*/dule is undocumented',
  statsCache: '/*/statsCache is undocumented',
  // Real datasets have this value when their last batch was consolidated into another one.
  lastBatchStatus: '/*/lastBatchStatus must be equal to one of the allowed values',
  // Adobe's Python client reads this field.
  sandboxId: '/*/sandboxId is undocumented',
  // Both variants of the documentation say 204.
  cancel: 'undocumented status 204',
  // Here, the files of a batch lead to a list of parts. The description has only the query parameter.
  parts: '/data is undocumented',
  partsPage: '/_page is undocumented',
  // The documentation uses this spelling, and dates with a space.
  eTag: '/sandboxes/*/eTag is undocumented',
  createdDate: '/sandboxes/*/createdDate must match format "date-time"',
  lastModifiedDate: '/sandboxes/*/lastModifiedDate must match format "date-time"',
  oneETag: '/eTag is undocumented',
  oneCreatedDate: '/createdDate must match format "date-time"',
  oneLastModifiedDate: '/lastModifiedDate must match format "date-time"',
  // Every sample of a schedule and of a segment definition has these fields.
  imsOrgId: '/imsOrgId is undocumented',
  sandbox: '/sandbox is undocumented',
  listedScheduleOrg: '/children/*/imsOrgId is undocumented',
  listedScheduleSandbox: '/children/*/sandbox is undocumented',
  // Real lists contain schedules of the platform itself.
  listedScheduleType: '/children/*/type must be equal to one of the allowed values',
  listedScheduleProperties: "/children/*/properties must have required property 'segments'",
  // The samples of all lists of children have links, which the description does not list.
  listLinks: '/_links is undocumented',
  // A job of all segments has no definitions.
  listSegment: "/children/*/segments/* must have required property 'segment'",
  // The tutorial has a new job without metrics.
  metrics: " must have required property 'metrics'",
  // The description has one definition, but every sample has a list.
  oneDefinition: " must have required property 'expression'",
  oneName: " must have required property 'name'",
  oneSchema: " must have required property 'schema'",
  segments: '/segments is undocumented',
  page: '/page is undocumented',
  link: '/link is undocumented',
  // The descriptions of bulk reads list the ids of their samples.
  foundDefinition: `/results/${goldTier} is undocumented`,
  foundPolicy: '/results/0bf16e61-90e9-4204-b8fa-ad250360957b is undocumented',
  // The guide to merge policies has a total and a page size instead of a count.
  count: "/_page must have required property 'count'",
  totalCount: '/_page/totalCount is undocumented',
  pageSize: '/_page/pageSize is undocumented',
} as const;

type Known = keyof typeof knownDeviations;

/** Fields of datasets in the guide to Catalog. */
const guideFields = ['containerFormat', 'persisted', 'namespace', 'datasetStatus', 'dule', 'statsCache'] as const;

/** Settings for records as described. The records of real platforms are compared with recorded responses instead. */
const documentedRecords = { recordFields: 'documented', batchCounts: 'top-level' } as const;

const nobody = { ids: [{ id: 'none' }] };

describe.skipIf(!openApiAvailable)(`responses compared with the API descriptions in ${openApiDirectory}`, () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;
  let done: JobRecord;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 200, clock, quirks: documentedRecords });
    client = await connect(emulator.url);
    const filter = { segments: [{ segmentId: goldTier }] };
    const { id } = await client.export({
      filter,
      fields: 'person',
      additionalFields: { eventList: { fields: '_id' } },
    });
    done = await runUntil(client, clock, id);
  });

  afterAll(() => emulator.close());

  const send = async (method: string, request: string, body?: unknown) =>
    (await client.send(method, request, body)).body;

  const expectAgreement = async (
    api: string,
    method: string,
    path: string,
    request: string,
    { body, known = [] }: { body?: unknown; known?: readonly Known[] } = {},
  ) => {
    const { status, body: answer } = await client.send(method, request, body);
    const found = deviations({ api, method, path, status, body: answer });
    expect(found).toEqual(known.map((name) => knownDeviations[name]).sort());
    return answer;
  };

  it('lists export jobs', async () => {
    await expectAgreement('segmentation', 'GET', '/export/jobs', `${ups}/export/jobs?limit=100`, {
      known: ['status', 'listTotalCounter', 'listNamespaceCounter', 'listBatches'],
    });
  });

  it('creates an export job with a single batch', async () => {
    await expectAgreement('segmentation', 'POST', '/export/jobs', `${ups}/export/jobs`, {
      body: {
        fields: 'person',
        filter: { segments: [{ segmentId: 'a', segmentNs: 'ups', status: ['realized'] }], emptyProfiles: true },
        additionalFields: { eventList: { fields: '_id', filter: { fromIngestTimestamp: '2026-01-01T00:00:00Z' } } },
        mergePolicy: { id: 'p', version: 1 },
        destination: { datasetId: prodDataset },
        schema: { name: '_xdm.context.profile' },
      },
      known: ['dataSetId'],
    });
  });

  it('creates an export job with a batch per segment', async () => {
    await expectAgreement('segmentation', 'POST', '/export/jobs', `${ups}/export/jobs`, {
      body: {
        filter: { segments: [{ segmentId: 'a' }, { segmentId: 'b' }] },
        destination: { datasetId: prodDataset, segmentPerBatch: true },
        schema: { name: '_xdm.context.profile' },
      },
      known: ['dataSetId', 'batches'],
    });
  });

  it('shows an export job', async () => {
    await expectAgreement('segmentation', 'GET', '/export/jobs/{EXPORT_JOB_ID}', `${ups}/export/jobs/${done.id}`, {
      known: ['dataSetId', 'totalCounter', 'namespaceCounter'],
    });
  });

  it('cancels an export job', async () => {
    await expectAgreement('segmentation', 'DELETE', '/export/jobs/{EXPORT_JOB_ID}', `${ups}/export/jobs/${done.id}`, {
      known: ['cancel'],
    });
  });

  it('cancels an export job with the documented body if configured', async () => {
    await using other = await startEmulator({ profiles: 20, clock, quirks: { cancelReply: 'json' } });
    const { status, body } = await (await connect(other.url)).send('DELETE', `${ups}/export/jobs/24001`);
    const found = deviations({
      api: 'segmentation',
      method: 'DELETE',
      path: '/export/jobs/{EXPORT_JOB_ID}',
      status,
      body,
    });
    expect({ status, found }).toEqual({ status: 200, found: [] });
  });

  it('answers 404 for an export job that does not exist', async () => {
    await expectAgreement('segmentation', 'GET', '/export/jobs/{EXPORT_JOB_ID}', `${ups}/export/jobs/1`);
  });

  it.each([
    ['/dataSets', 'dataSets', ['lastBatchStatus', ...guideFields]],
    ['/dataSets/{DATASET_ID}', `dataSets/${prodDataset}`, guideFields],
    ['/dataSets/{DATASET_ID}', `dataSets/${prodDataset}?properties=name,tags`, []],
    ['/batches', 'batches?limit=100', []],
    ['/lastBatches', `lastBatches?dataSetId=${prodDataset}`, ['sandboxId']],
  ] as const)('reads Catalog %s as %s', async (path, request, known) => {
    await expectAgreement('catalog', 'GET', path, `${catalog}/${request}`, { known });
  });

  it('reads one batch', async () => {
    await expectAgreement('catalog', 'GET', '/batches/{BATCH_ID}', `${catalog}/batches/${done.destination.batchId}`);
  });

  it('creates, changes and deletes a dataset', async () => {
    const body = { name: 'Made here' };
    const created = await expectAgreement('catalog', 'POST', '/dataSets', `${catalog}/dataSets`, { body });
    const id = String(created).split('/').at(-1);
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      await expectAgreement('catalog', method, '/dataSets/{DATASET_ID}', `${catalog}/dataSets/${id}`, {
        body: { name: 'Changed' },
      });
    }
    await expectAgreement('catalog', 'PATCH', '/v2/dataSets/{DATASET_ID}', `${catalog}/v2/dataSets/${prodDataset}`, {
      body: { tags: { colour: ['blue'] } },
    });
  });

  it('answers Catalog errors with documented statuses', async () => {
    await expectAgreement('catalog', 'GET', '/dataSets', `${catalog}/dataSets?limit=0`);
    await expectAgreement('catalog', 'GET', '/dataSets/{DATASET_ID}', `${catalog}/dataSets/nothing`);
    await expectAgreement('catalog', 'POST', '/dataSets', `${catalog}/dataSets`, { body: {} });
  });

  it('lists the files of a batch, and no failed files', async () => {
    const batch = `${dataAccess}/batches/${done.destination.batchId}`;
    await expectAgreement('data-access', 'GET', '/batches/{batchId}/files', `${batch}/files`);
    await expectAgreement('data-access', 'GET', '/batches/{batchId}/failed', `${batch}/failed`);
    // The description has a path instead of a list.
    await expectAgreement('data-access', 'GET', '/batches/{batchId}/meta', `${batch}/meta`, {
      known: ['parts', 'partsPage'],
    });
  });

  it.each([
    ['segmentation', 'POST', '/export/jobs', `${ups}/export/jobs`, exportBody({ destination: { datasetId: 'none' } })],
    ['segmentation', 'PATCH', '/segment/definitions/{SEGMENT_ID}', `${ups}/segment/definitions/none`, {}],
    ['segmentation', 'DELETE', '/segment/definitions/{SEGMENT_ID}', `${ups}/segment/definitions/none`, undefined],
    ['segmentation', 'POST', '/segment/definitions/bulk-get', `${ups}/segment/definitions/bulk-get`, nobody],
    ['segmentation', 'POST', '/segment/jobs/bulk-get', `${ups}/segment/jobs/bulk-get`, nobody],
    ['profile', 'POST', '/ups/config/mergePolicies/bulk-get', `${ups}/config/mergePolicies/bulk-get`, nobody],
    ['catalog', 'PUT', '/dataSets/{DATASET_ID}', `${catalog}/dataSets/none`, { name: 'x' }],
    ['data-access', 'GET', '/batches/{batchId}/files', `${dataAccess}/batches/none/files`, undefined],
    ['data-access', 'GET', '/batches/{batchId}/failed', `${dataAccess}/batches/none/failed`, undefined],
    ['sandbox', 'GET', '/sandbox-management/sandboxes/{sandboxName}', `${sandboxes}/sandboxes/none`, undefined],
  ] as const)('responds with 404, which %s does not document, to %s %s', async (api, method, path, request, body) => {
    const { status, body: answer } = await client.send(method, request, body);
    expect(deviations({ api, method, path, status, body: answer })).toEqual(['undocumented status 404']);
  });

  it('lists the parts of a file', async () => {
    const file = `${dataAccess}/files/${done.destination.batchId}-1`;
    await expectAgreement('data-access', 'GET', '/files/{dataSetFileId}', file, {
      known: ['parts', 'partsPage'],
    });
  });

  it('lists sandboxes', async () => {
    for (const [path, request] of [
      ['/sandbox-management/', '/'],
      ['/sandbox-management/sandboxes', '/sandboxes'],
    ]) {
      await expectAgreement('sandbox', 'GET', path ?? '', `${sandboxes}${request}`, {
        known: ['eTag', 'createdDate', 'lastModifiedDate'],
      });
    }
  });

  it('shows one sandbox and the types of sandboxes', async () => {
    await expectAgreement(
      'sandbox',
      'GET',
      '/sandbox-management/sandboxes/{sandboxName}',
      `${sandboxes}/sandboxes/dev`,
      {
        known: ['oneETag', 'oneCreatedDate', 'oneLastModifiedDate'],
      },
    );
    await expectAgreement('sandbox', 'GET', '/sandbox-management/sandboxTypes', `${sandboxes}/sandboxTypes`);
  });

  it('lists, creates, shows, changes and deletes schedules', async () => {
    const root = `${ups}/config/schedules`;
    await expectAgreement('segmentation', 'GET', '/config/schedules', root, {
      known: [
        'listedScheduleOrg',
        'listedScheduleSandbox',
        'listedScheduleType',
        'listedScheduleProperties',
        'listLinks',
      ],
    });
    const [{ id }] = Object(await send('GET', root)).children;
    const item = '/config/schedules/{SCHEDULE_ID}';
    await expectAgreement('segmentation', 'GET', item, `${root}/${id}`, { known: ['imsOrgId', 'sandbox'] });
    await expectAgreement('segmentation', 'GET', item, `${root}/nothing`);
    const operations = [{ op: 'add', path: '/schedule', value: '0 0 22 * * ?' }];
    await expectAgreement('segmentation', 'PATCH', item, `${root}/${id}`, { body: operations });
    await expectAgreement('segmentation', 'PATCH', item, `${root}/${id}`, { body: [] });
    await expectAgreement('segmentation', 'DELETE', item, `${root}/${id}`);
    const body = { name: 'x', type: 'batch_segmentation', properties: { segments: ['*'] }, schedule: '0 0 1 * * ?' };
    await expectAgreement('segmentation', 'POST', '/config/schedules', root, { body, known: ['imsOrgId', 'sandbox'] });
    await expectAgreement('segmentation', 'POST', '/config/schedules', root, { body });
  });

  it('lists, creates, shows and cancels segment jobs', async () => {
    const root = `${ups}/segment/jobs`;
    await expectAgreement('segmentation', 'GET', '/segment/jobs', `${root}?status=SUCCEEDED&limit=100`, {
      known: ['listLinks', 'listSegment'],
    });
    const body = [{ segmentId: goldTier }];
    const created = await expectAgreement('segmentation', 'POST', '/segment/jobs', root, { body, known: ['metrics'] });
    const { id } = Object(created);
    const item = '/segment/jobs/{SEGMENT_JOB_ID}';
    await segmentJobUntil(client, clock, id);
    await expectAgreement('segmentation', 'GET', item, `${root}/${id}`);
    await expectAgreement('segmentation', 'GET', item, `${root}/nothing`);
    await expectAgreement('segmentation', 'DELETE', item, `${root}/${id}`);
    await expectAgreement('segmentation', 'POST', '/segment/jobs', root, { body: [] });
    const ids = [{ id }, { id: 'nothing' }];
    await expectAgreement('segmentation', 'POST', '/segment/jobs/bulk-get', `${root}/bulk-get`, { body: { ids } });
  });

  it('reads and writes segment definitions', async () => {
    const root = `${ups}/segment/definitions`;
    await expectAgreement('segmentation', 'GET', '/segment/definitions', root, {
      known: ['oneDefinition', 'oneName', 'oneSchema', 'segments', 'page', 'link'],
    });
    const item = '/segment/definitions/{SEGMENT_ID}';
    await expectAgreement('segmentation', 'GET', item, `${root}/${goldTier}`, { known: ['sandbox'] });
    await expectAgreement('segmentation', 'GET', item, `${root}/nothing`);
    const ids = [{ id: goldTier }];
    await expectAgreement('segmentation', 'POST', '/segment/definitions/bulk-get', `${root}/bulk-get`, {
      body: { ids },
      known: ['foundDefinition'],
    });
    const body = {
      name: 'Made here',
      schema: { name: '_xdm.context.profile' },
      expression: { type: 'PQL', format: 'pql/text', value: 'loyalty.points > 1' },
    };
    const created = await expectAgreement('segmentation', 'POST', '/segment/definitions', root, {
      body,
      known: ['sandbox'],
    });
    const own = `${root}/${Object(created).id}`;
    await expectAgreement('segmentation', 'PATCH', item, own, { body: { name: 'Changed' }, known: ['sandbox'] });
    await expectAgreement('segmentation', 'DELETE', item, own);
    await expectAgreement('segmentation', 'POST', '/segment/definitions', root, { body: {} });
  });

  it('reads merge policies', async () => {
    const root = `${ups}/config/mergePolicies`;
    await expectAgreement('profile', 'GET', '/ups/config/mergePolicies', root, {
      known: ['count', 'totalCount', 'pageSize', 'listLinks'],
    });
    const id = '0bf16e61-90e9-4204-b8fa-ad250360957b';
    await expectAgreement('profile', 'GET', '/ups/config/mergePolicies/{mergePolicyId}', `${root}/${id}`);
    await expectAgreement('profile', 'GET', '/ups/config/mergePolicies/{mergePolicyId}', `${root}/nothing`);
    await expectAgreement('profile', 'POST', '/ups/config/mergePolicies/bulk-get', `${root}/bulk-get`, {
      body: { ids: [{ id }] },
      known: ['foundPolicy'],
    });
  });

  it('reads profiles, and reports errors as described', async () => {
    const entities = '/ups/access/entities';
    const one = (id: string) =>
      `${ups}/access/entities?schema.name=_xdm.context.profile&entityIdNS=CRMID&entityId=${id}`;
    await expectAgreement('profile', 'GET', entities, one('CRM-000000001'));
    await expectAgreement('profile', 'GET', entities, one('nobody'));
    await expectAgreement('profile', 'GET', entities, `${ups}/access/entities`);
    const body = {
      schema: { name: '_xdm.context.profile' },
      identities: ['CRM-000000001', 'nobody'].map((entityId) => ({ entityId, entityIdNS: { code: 'CRMID' } })),
    };
    await expectAgreement('profile', 'POST', entities, `${ups}/access/entities`, { body });
    await expectAgreement('profile', 'POST', entities, `${ups}/access/entities`, { body: {} });
  });

  it('responds with 207, 422 and 429 for profile access as described', async () => {
    const quirks = { maximumGraphIdentities: 0, entitiesPerSecond: 2 };
    await using other = await startEmulator({ profiles: 20, clock, quirks });
    const own = await connect(other.url);
    const query = 'schema.name=_xdm.context.profile&entityIdNS=CRMID&entityId=CRM-000000001';
    const identities = [{ entityId: 'CRM-000000001', entityIdNS: { code: 'CRMID' } }];
    const answers = [
      ['GET', await own.get(`${ups}/access/entities?${query}`)],
      [
        'POST',
        await own.send('POST', `${ups}/access/entities`, { schema: { name: '_xdm.context.profile' }, identities }),
      ],
      ['GET', await own.get(`${ups}/access/entities?${query}`)],
    ] as const;
    expect(answers.map(([, { status }]) => status)).toEqual([422, 207, 429]);
    for (const [method, { status, body }] of answers) {
      expect(deviations({ api: 'profile', method, path: '/ups/access/entities', status, body })).toEqual([]);
    }
  });
});
