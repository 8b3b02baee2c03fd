import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient, prodDataset } from './platform-client.ts';

const ups = '/data/core/ups';
const catalog = '/data/foundation/catalog';
const dataAccess = '/data/foundation/export';

/** Headers that the Python client sends with `requests`, on reads as well. */
const python = {
  accept: 'application/json',
  'accept-encoding': 'gzip, deflate',
  'content-type': 'application/json',
  'user-agent': 'python-requests/2.34.2',
};
/** Headers of its class for profiles. */
const pythonProfiles = { ...python, accept: 'application/vnd.adobe.xdm+json' };
const postman = {
  accept: 'application/json',
  'cache-control': 'no-cache',
  'postman-token': '2f1c4a8d-0000-4000-8000-000000000000',
  'user-agent': 'PostmanRuntime/7.43.0',
};
const nodeSdk = {
  accept: 'application/json',
  'accept-encoding': 'br, gzip, deflate',
  'accept-language': '*',
  'sec-fetch-mode': 'cors',
  'user-agent': 'node',
};

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Replayed requests of published clients. Each test is named after a habit of a client. */
describe('a published client', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ clock });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const send = async ({ method = 'GET', path, headers, body }: Sent) => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await client.fetch(path, { method, headers, ...content });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };

  const identity = 'schema.name=_xdm.context.profile&entityId=CRM-000000001&entityIdNS=CRMID';
  const search = { schema: { name: '_xdm.context.profile' }, destination: { datasetId: prodDataset } };
  const unionSchema = {
    id: 'https://ns.adobe.com/xdm/context/profile__union',
    contentType: 'application/vnd.adobe.xed+json;version=1',
  };

  it.each<[habit: string, sent: Sent, status: number]>([
    ['reads datasets by 100', { path: `${catalog}/dataSets?limit=100`, headers: python }, 200],
    ['filters datasets by state', { path: `${catalog}/dataSets?limit=100&state=ACTIVE`, headers: python }, 200],
    [
      'reads one field',
      { path: `${catalog}/dataSets/${prodDataset}?properties=observableSchema`, headers: python },
      200,
    ],
    ['reads a batch aggregated', { path: `${catalog}/batches?aggregate=true`, headers: python }, 200],
    [
      'creates a dataset below a path that ends with a slash',
      { method: 'POST', path: `${catalog}/dataSets/`, headers: python, body: { name: 'a', schemaRef: unionSchema } },
      201,
    ],
    [
      'creates a dataset with requestDataSource and empty tags',
      {
        method: 'POST',
        path: `${catalog}/dataSets?requestDataSource=False`,
        headers: python,
        body: { name: 'b', schemaRef: unionSchema, tags: {}, unifiedTags: ['c'], systemLabels: ['d'] },
      },
      201,
    ],
    [
      'sets how long rows are kept',
      {
        method: 'PATCH',
        path: `${catalog}/v2/dataSets/${prodDataset}`,
        headers: python,
        body: { extensions: { adobe_lakeHouse: { rowExpiration: { ttlValue: 'P3M' } } } },
      },
      200,
    ],
    [
      'sends a JSON Patch without its content type',
      {
        method: 'PATCH',
        path: `${catalog}/dataSets/${prodDataset}`,
        headers: python,
        body: [{ op: 'add', path: '/tags/a', value: ['b'] }],
      },
      400,
    ],
    ['lists export jobs by 1000', { path: `${ups}/export/jobs?limit=1000`, headers: python }, 200],
    ['lists export jobs below a slash', { path: `${ups}/export/jobs/?limit=100`, headers: pythonProfiles }, 200],
    ['exports profiles', { method: 'POST', path: `${ups}/export/jobs`, headers: pythonProfiles, body: search }, 200],
    ['reads definitions page by page', { path: `${ups}/segment/definitions?page=1&limit=100`, headers: python }, 200],
    [
      'reads definitions by their ids',
      {
        method: 'POST',
        path: `${ups}/segment/definitions/bulk-get`,
        headers: python,
        body: { ids: [{ id: goldTier }] },
      },
      207,
    ],
    [
      'lists segment jobs with a blank name',
      { path: `${ups}/segment/jobs?snapshot.name=&limit=100&start=0`, headers: python },
      200,
    ],
    ['lists schedules from 0', { path: `${ups}/config/schedules?start=0`, headers: python }, 200],
    ['reads a profile as XDM', { path: `${ups}/access/entities?${identity}`, headers: pythonProfiles }, 200],
    [
      'reads events by the identity of both kinds',
      {
        path: `${ups}/access/entities?${identity.replace('profile', 'experienceevent')}&relatedSchema.name=_xdm.context.profile&relatedEntityId=CRM-000000001&relatedEntityIdNS=CRMID&limit=1000`,
        headers: pythonProfiles,
      },
      200,
    ],
    [
      'sends parameters of events along with profiles',
      {
        method: 'POST',
        path: `${ups}/access/entities`,
        headers: pythonProfiles,
        body: {
          schema: { name: '_xdm.context.profile' },
          relatedSchema: { name: '_xdm.context.profile' },
          fields: ['person.name.firstName'],
          identities: [{ entityId: 'CRM-000000001', entityIdNS: { code: 'CRMID' } }],
          timeFilter: { startTime: 1_539_838_505, endTime: 1_539_838_510 },
          limit: 10,
          orderby: '-timestamp',
          withCA: true,
        },
      },
      200,
    ],
    [
      'leaves every variable of a collection blank',
      {
        path: `${catalog}/batches?status=&recordCount=&failedRecordCount=&size=&started=&completed=&startAfter=&startBefore=&endAfter=&endBefore=&batch=&externalId=&connection=&connector=&dataSet=`,
        headers: postman,
      },
      200,
    ],
    [
      'leaves every variable of an entity blank',
      {
        path: `${ups}/access/entities?${identity}&relatedSchema.name=&relatedEntityId=&relatedEntityIdNS=&fields=&mergePolicyId=&startTime=&endTime=&limit=&orderby=&property=&withCA=`,
        headers: postman,
      },
      200,
    ],
    [
      'sends headers that no operation reads',
      {
        method: 'POST',
        path: `${ups}/segment/jobs`,
        headers: {
          ...postman,
          'content-type': 'application/json',
          'x-profile-instance-id': 'ups',
          'x-ups-search-version': '1.0',
          'x-user-token': 'x',
        },
        body: [{ segmentId: goldTier }],
      },
      200,
    ],
    [
      'spells a namespace in lower case',
      { path: `${ups}/access/entities?${identity.replace('CRMID', 'crmid')}`, headers: nodeSdk },
      200,
    ],
    ['names no sandbox', { path: `${ups}/config/mergePolicies`, headers: { ...nodeSdk, 'x-sandbox-name': '' } }, 200],
    ['has a wrong key', { path: `${ups}/config/mergePolicies`, headers: { ...nodeSdk, 'x-api-key': 'bad' } }, 403],
    [
      'names no schema of events',
      {
        path: `${ups}/access/entities?schema.name=xdm.context.experienceevent&relatedEntityId=CRM-000000001`,
        headers: nodeSdk,
      },
      400,
    ],
  ])('%s', async (_, sent, status) => {
    const answer = await send(sent);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.body).length).toBeGreaterThan(0);
  });

  it('reads fields of every dataset without a default, including one that it has just created', async () => {
    await send({ method: 'POST', path: `${catalog}/dataSets`, headers: python, body: { name: 'fresh' } });
    const { body } = await send({ path: `${catalog}/dataSets?limit=100`, headers: python });
    for (const dataset of Object.values<Record<string, Record<string, unknown>>>(body)) {
      expect(dataset).toMatchObject({ name: expect.any(String), tags: { 'adobe/pqs/table': [expect.any(String)] } });
      expect(dataset['classification']?.['dataBehavior']).toEqual(expect.any(String));
    }
  });

  it('reads each batch of a list with its tags, and then reads it alone', async () => {
    const { body } = await send({ path: `${catalog}/batches?limit=100`, headers: python });
    for (const [id, { tags }] of Object.entries<{ tags: object }>(body)) {
      expect(tags).toEqual(expect.any(Object));
      expect((await send({ path: `${catalog}/batches/${id}`, headers: python })).body).toHaveProperty(id);
    }
  });

  it('gets from a batch to the bytes of its files by the links of the responses', async () => {
    const ofDataset = `${catalog}/batches?limit=1&status=success&dataSet=${prodDataset}&orderBy=desc%3Acreated`;
    const [batch] = Object.keys((await send({ path: ofDataset, headers: python })).body);
    const files = await send({ path: `${dataAccess}/batches/${batch}/files?limit=1&start=0`, headers: python });
    const parts = await client.get<{ data: { _links: { self: { href: string } } }[] }>(
      new URL(files.body.data[0]._links.self.href).pathname,
    );
    const href = new URL(String(parts.body.data[0]?._links.self.href));
    const response = await client.fetch(`${href.pathname}${href.search}`, { headers: python });
    expect((await response.text()).slice(0, 4)).toBe('PAR1');
    const head = await client.fetch(`${href.pathname}${href.search}`, { method: 'HEAD', headers: python });
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
  });

  it('follows the next page of merge policies and repeats the limit of the first request', async () => {
    const seen = new Set<string>();
    let path = `${ups}/config/mergePolicies?limit=1`;
    while (path !== '') {
      const { body } = await send({ path, headers: pythonProfiles });
      for (const { id } of body.children) seen.add(id);
      const next = String(body._links.next.href ?? '');
      path = next === '' ? '' : `${ups}/config/mergePolicies?${next.split('?')[1]}&limit=1`;
    }
    expect(seen.size).toBe(3);
  });
});
