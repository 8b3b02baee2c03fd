import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient, prodDataset } from './platform-client.ts';

const ups = '/data/core/ups';
const catalog = '/data/foundation/catalog';
const dataAccess = '/data/foundation/export';
const sandboxes = '/data/foundation/sandbox-management';

type CatalogMap = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Requests as published clients, scripts and tutorials send them. */
describe('clients of the platform', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ clock });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const read = async <T = CatalogMap>(path: string): Promise<T> => {
    const { status, body } = await client.get<T>(path);
    expect(status).toBe(200);
    return body;
  };
  const countOf = async (path: string) => Object.keys(await read(path)).length;
  const post = (path: string, body: BodyInit) => fetch(new URL(path, emulator.url), { method: 'POST', body });

  describe('that request a token', () => {
    const form = {
      grant_type: 'client_credentials',
      client_id: 'emulator',
      client_secret: 'emulator',
      scope: 'openid',
    };

    it.each(['/ims/token', '/ims/token/v2', '/ims/token/v3'])('receive one from %s', async (path) => {
      const response = await post(path, new URLSearchParams(form));
      expect(await response.json()).toMatchObject({ access_token: expect.any(String), token_type: 'bearer' });
    });

    it.each([
      ['/ims/exchange/jwt', 400],
      ['/ims/token/v9', 404],
      ['/ims/profile/v1', 404],
    ])('are rejected in the error format of the token service by %s', async (path, status) => {
      const response = await post(path, new URLSearchParams({ jwt_token: 'a.b.c' }));
      expect([response.status, await response.json()]).toEqual([
        status,
        { error: 'invalid_request', error_description: expect.any(String) },
      ]);
    });

    it('receive an error about a missing scope when the scope is blank', async () => {
      const response = await post('/ims/token/v3', new URLSearchParams({ ...form, scope: ' ' }));
      expect(await response.json()).toMatchObject({ error: 'invalid_scope' });
    });
  });

  describe('of Catalog', () => {
    it.each(['dataSets', 'datasets', 'dataSet'])('may spell the collection %s for everything', async (name) => {
      const root = `${catalog}/${name}`;
      const { status, body } = await client.send<readonly string[]>('POST', root, { name: 'Made here' });
      const id = String(body[0]).split('/').at(-1);
      expect(status).toBe(201);
      const add = [{ op: 'add', path: '/tags/unifiedProfile', value: ['enabled:true'] }];
      const patched = await client.send('PATCH', `${root}/${id}`, add, {
        'content-type': 'application/json-patch+json',
      });
      expect(patched.status).toBe(200);
      expect((await client.send('PATCH', `${catalog}/v2/${name}/${id}`, { tags: { b: ['c'] } })).status).toBe(200);
      expect((await read(`${root}/${id}`))[String(id)]).toMatchObject({
        tags: { unifiedProfile: ['enabled:true'], b: ['c'], 'adobe/pqs/table': ['made_here'] },
      });
      expect((await read(`${root}?limit=100`))[String(id)]).toBeDefined();
      expect((await client.send('PUT', `${root}/${id}`, { name: 'Other' })).status).toBe(200);
      expect((await client.send('DELETE', `${root}/${id}`)).body).toEqual([`@/dataSets/${id}`]);
    });

    it('find the datasets of profiles by their tag', async () => {
      const found = await read(`${catalog}/dataSets?tags=unifiedProfile:enabled:true`);
      const names = Object.values(found).map(({ name }) => name);
      expect(names.toSorted()).toEqual(['CRM Profiles', 'Loyalty Profiles', 'Web Events']);
    });

    it.each(['dataSets', 'batches', 'lastBatches'])('may send unknown parameters to %s', async (list) => {
      const all = await countOf(`${catalog}/${list}?limit=100`);
      expect(all).toBeGreaterThan(1);
      for (const unknown of ['expansion=files', 'unifiedProfile=enabled:true', 'offset=0', 'foo=bar', '_dc=1']) {
        expect([unknown, await countOf(`${catalog}/${list}?limit=100&${unknown}`)]).toEqual([unknown, all]);
      }
      const [first] = Object.keys(await read(`${catalog}/${list}?limit=100`));
      expect(await read(`${catalog}/${list}?limit=100&offset=1`)).not.toHaveProperty(String(first));
      expect(await countOf(`${catalog}/${list}?limit=100&offset=1`)).toBe(all - 1);
    });

    it('filter by fields that no object has, and by user-defined fields', async () => {
      expect(await read(`${catalog}/batches?externalId=nothing`)).toEqual({});
      const { body } = await client.send<readonly string[]>('POST', `${catalog}/dataSets`, { name: 'x', own: 'field' });
      const id = String(String(body[0]).split('/').at(-1));
      expect(Object.keys(await read(`${catalog}/dataSets?own=field`))).toEqual([id]);
      expect(Object.keys(await read(`${catalog}/dataSets?own=other`))).toEqual([]);
      await client.send('DELETE', `${catalog}/dataSets/${id}`);
      expect(await countOf(`${catalog}/dataSets?own=other`)).toBe(await countOf(`${catalog}/dataSets`));
    });

    it('count the content of a dataset, and find that it is in use', async () => {
      for (const { extensions, state, classification, sandboxId } of Object.values(await read(`${catalog}/dataSets`))) {
        expect(extensions).toMatchObject({
          adobe_lakeHouse: {
            metrics: { storageSize: expect.any(Number), rowCount: expect.any(Number), asOf: expect.any(Number) },
          },
        });
        expect({ state, classification, sandboxId }).toEqual({
          state: 'ACTIVE',
          classification: { dataBehavior: expect.stringMatching(/^(?:record|time-series)$/), managedBy: 'CUSTOMER' },
          sandboxId: expect.any(String),
        });
      }
    });

    it('find consistent counts in jobs, batches and datasets', async () => {
      interface Jobs {
        readonly records: readonly {
          readonly status: string;
          readonly metrics: { readonly totalExportedProfileCounter?: number };
          readonly destination: {
            readonly batchId?: string;
            readonly batches?: readonly { readonly batchId: string }[];
          };
        }[];
      }
      const batches = await read(`${catalog}/batches?limit=100`);
      const rowsOf = (id: string) => {
        const { outputRecordCount, recordsWritten } = Object(batches[id]?.['metrics']);
        return Number(outputRecordCount ?? recordsWritten);
      };
      const { records } = await read<Jobs>(`${ups}/export/jobs?limit=1000`);
      const succeeded = records.filter(({ status }) => status === 'SUCCEEDED');
      expect(succeeded.length).toBeGreaterThan(30);
      for (const { metrics, destination } of succeeded) {
        const ids = destination.batches?.map(({ batchId }) => batchId) ?? [String(destination.batchId)];
        expect(metrics.totalExportedProfileCounter).toBe(ids.reduce((sum, id) => sum + rowsOf(id), 0));
      }
      const held = Object.entries(batches).filter(
        ([, { status, relatedObjects }]) => status === 'success' && Object(relatedObjects)[0].id === prodDataset,
      );
      const { [prodDataset]: dataset } = await read(`${catalog}/dataSets/${prodDataset}`);
      const { rowCount } = Object(dataset?.['extensions']).adobe_lakeHouse.metrics;
      expect(rowCount).toBe(held.reduce((sum, [id]) => sum + rowsOf(id), 0));
      expect(rowCount).toBeGreaterThan(0);
    });

    it('follow the link of a dataset to its files', async () => {
      const { [prodDataset]: dataset } = await read(`${catalog}/dataSets/${prodDataset}`);
      expect(dataset?.['files']).toBe(`@/dataSetFiles?dataSetId=${prodDataset}`);
      const files = await read(`${catalog}${String(dataset?.['files']).slice(1)}&limit=100`);
      const [[id, file] = []] = Object.entries(files);
      expect(file).toMatchObject({ id, dataSetViewId: dataset?.['viewId'], created: expect.any(Number) });
      expect((await client.get(`${dataAccess}/files/${id}`)).status).toBe(200);
      expect(await read(`${catalog}/dataSetFiles?batchId=${file?.['batchId']}`)).toEqual({ [String(id)]: file });
      const view = `${catalog}/dataSets/${prodDataset}/views/${dataset?.['viewId']}`;
      expect(await read(`${view}/files?limit=100`)).toEqual(files);
      expect(await read(view)).toEqual(await read(`${catalog}/dataSets/${prodDataset}/views`));
      for (const none of [`${catalog}/dataSets/none/views`, `${catalog}/dataSets/${prodDataset}/views/none/files`]) {
        expect(await client.get(none)).toMatchObject({ status: 404, body: { title: 'NotFoundError' } });
      }
    });

    it('find that a batch replaced the one that a dataset names', async () => {
      const replaying = Object.entries(await read(`${catalog}/batches?property=replay`));
      const [[successor, { replay, relatedObjects }] = ['', {}]] = replaying;
      const { predecessors } = Object(replay);
      const [{ id }] = Object(relatedObjects);
      expect(Object.values(await read(`${catalog}/dataSets/${id}`))).toMatchObject([
        { lastBatchId: predecessors[0], lastBatchStatus: 'replay', lastSuccessfulBatch: predecessors[0] },
      ]);
      expect((await client.get(`${catalog}/batches/${predecessors[0]}`)).status).toBe(404);
      expect((await client.get(`${dataAccess}/batches/${successor}/files`)).status).toBe(200);
    });

    it('find both names of a failed batch, each with a reason', async () => {
      for (const status of ['failed', 'failure']) {
        const batches = Object.entries(
          await read<Record<string, { errors: unknown[] }>>(`${catalog}/batches?status=${status}&limit=100`),
        );
        expect(batches.length).toBeGreaterThan(0);
        for (const [id, batch] of batches) {
          expect(batch).toMatchObject({ failedBatchLocation: `/failed/${id}`, errors: expect.any(Array) });
          expect((await read<{ data: unknown[] }>(`${dataAccess}/batches/${id}/meta`)).data).toHaveLength(3);
          expect(await read(`${dataAccess}/batches/${id}/meta?path=row_errors`)).toMatchObject({ data: [] });
          expect(await read(`${dataAccess}/batches/${id}/meta?path=row_errors_sample.json`)).toEqual(
            batch.errors.map((error) => ({ _errors: [error], _filename: 'part-00000.parquet' })),
          );
          expect(await read(`${dataAccess}/batches/${id}/failed?path=_rejected`)).toMatchObject({
            data: [{ name: '_rejected/part-00000.json' }],
          });
          expect((await client.get(`${dataAccess}/batches/${id}/failed?path=none`)).status).toBe(404);
        }
      }
    });
  });

  describe('that use only _page.next for paging', () => {
    it.each(['segment/jobs', 'config/mergePolicies', 'config/schedules'])(
      'receive each entry of %s once',
      async (list) => {
        interface Page {
          readonly _page: { readonly totalCount: number; readonly next?: string };
          readonly children: readonly { readonly id: string }[];
        }
        const seen: string[] = [];
        let next: string | undefined = '';
        while (next !== undefined) {
          const page: Page = await read<Page>(`${ups}/${list}?limit=2${next === '' ? '' : `&start=${next}`}`);
          seen.push(...page.children.map(({ id }) => id));
          next = page._page.next;
          if (next === undefined) expect(seen).toHaveLength(page._page.totalCount);
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length).toBeGreaterThan(2);
      },
    );
  });

  it('see the number of seeded segment jobs that the README states', async () => {
    interface Jobs {
      readonly children: readonly { readonly source: string }[];
    }
    const sourcesIn = async (sandbox: string) => {
      const { body } = await client.get<Jobs>(`${ups}/segment/jobs?limit=100`, { 'x-sandbox-name': sandbox });
      const count = (source: string) => body.children.filter((job) => job.source === source).length;
      return { scheduler: count('scheduler'), api: count('api') };
    };
    expect(await sourcesIn('prod')).toMatchObject({ scheduler: 21 });
    expect(await sourcesIn('dev')).toEqual({ scheduler: 0, api: 12 });
  });

  it('see no definition of an unknown segment', async () => {
    const { body } = await client.send<{ segments: unknown }>('POST', `${ups}/segment/jobs`, [{ segmentId: 'none' }]);
    expect(body.segments).toEqual([{ segmentId: 'none' }]);
  });

  it('written in Python send True and False', async () => {
    interface Definitions {
      readonly segments: readonly { readonly evaluationInfo: { readonly continuous: { readonly enabled: boolean } } }[];
    }
    const { segments } = await read<Definitions>(`${ups}/segment/definitions?evaluationInfo.continuous.enabled=True`);
    expect(new Set(segments.map(({ evaluationInfo }) => evaluationInfo.continuous.enabled))).toEqual(new Set([true]));
    const policies = await read<{ children: unknown[] }>(`${ups}/config/mergePolicies?default=True`);
    expect(policies.children).toHaveLength(1);
    expect(await countOf(`${catalog}/dataSets?enableErrorDiagnostics=False`)).toBe(7);
    expect(await countOf(`${catalog}/dataSets?enableErrorDiagnostics=True`)).toBe(0);
    expect(await countOf(`${catalog}/dataSets?property=enableErrorDiagnostics==False`)).toBe(7);
  });

  it('may omit the content type of writes to the profile service', async () => {
    const send = async (method: string, path: string, body: unknown, type?: string) => {
      const headers = type === undefined ? {} : { 'content-type': type };
      // A body of bytes gets no default content type.
      const response = await client.fetch(`${ups}${path}`, {
        method,
        headers,
        body: Buffer.from(JSON.stringify(body)),
      });
      return response.status;
    };
    expect(await send('POST', '/segment/definitions/bulk-get', { ids: [{ id: goldTier }] })).toBe(207);
    expect(await send('POST', '/segment/definitions/bulk-get', { ids: [{ id: goldTier }] }, 'text/plain')).toBe(207);
    const [{ id }] = Object(await read(`${ups}/config/schedules`)).children;
    expect(await send('PATCH', `/config/schedules/${id}`, [{ op: 'add', path: '/state', value: 'active' }])).toBe(204);
    const identities = [{ entityId: 'CRM-000000001', entityIdNS: { code: 'CRMID' } }];
    expect(await send('POST', '/access/entities', { schema: { name: '_xdm.context.profile' }, identities })).toBe(200);
  });

  it('may send blank parameters everywhere, because they count as absent', async () => {
    for (const [path, blank] of [
      [`${catalog}/dataSets`, 'name= &limit=&start=&orderBy=&property=&tags=&properties='],
      [`${catalog}/batches`, 'dataSet=&status=&createdAfter=%20'],
      [`${catalog}/lastBatches`, 'dataSetId='],
      [`${ups}/export/jobs`, 'status=&limit=&offset=%20&sort=&page='],
      [`${ups}/segment/jobs`, 'snapshot.name=&property=&status=%20&start='],
      [`${ups}/segment/definitions`, 'evaluationInfo.continuous.enabled=&page=&sort='],
      [`${ups}/config/mergePolicies`, 'start=&orderBy=%20&default=&limit='],
      [`${ups}/config/schedules`, 'start=&limit='],
      [`${sandboxes}/sandboxes`, 'limit=&offset=&property='],
    ]) {
      expect([path, await read(`${path}?${blank}`)]).toEqual([path, await read(String(path))]);
    }
  });

  describe('of profile access', () => {
    const events = (person: number, query: string) =>
      `${ups}/access/entities?schema.name=_xdm.context.experienceevent&relatedEntityIdNS=CRMID&relatedEntityId=CRM-${String(person).padStart(9, '0')}&${query}`;
    interface Events {
      readonly _page: { readonly orderby: string };
      readonly children: readonly { readonly timestamp: number }[];
      readonly _links: { readonly next: { readonly href: string } };
    }
    let eventful = 0;

    beforeAll(async () => {
      for (let person = 1; eventful === 0; person += 1) {
        const { status, body } = await client.get<Events>(events(person, ''));
        if (status === 200 && body.children.length > 2) eventful = person;
      }
    });

    it.each(['timestamp', '%2Btimestamp', '+timestamp'])('may order events by %s', async (orderby) => {
      const { children, _page } = await read<Events>(events(eventful, `orderby=${orderby}`));
      const times = children.map(({ timestamp }) => timestamp);
      expect([times, _page.orderby]).toEqual([times.toSorted((a, b) => a - b), 'timestamp']);
    });

    it('send back the order that a page returned', async () => {
      const { children, _page } = await read<Events>(events(eventful, 'orderby=-timestamp'));
      expect((await read<Events>(events(eventful, `orderby=${_page.orderby}`))).children).toEqual(children);
      expect((await client.get(events(eventful, 'orderby=time'))).status).toBe(400);
    });

    it('read the offset of the next page and send it with the same parameters', async () => {
      const all = (await read<Events>(events(eventful, ''))).children;
      const walked: unknown[] = [];
      let offsets: string | null = null;
      do {
        const page: Events = await read<Events>(events(eventful, `limit=1&offsets=${offsets ?? ''}`));
        walked.push(...page.children);
        offsets = new URLSearchParams(page._links.next.href.split('?')[1]).get('offsets');
      } while (offsets !== null);
      expect(walked).toEqual(all);
    });
  });
});
