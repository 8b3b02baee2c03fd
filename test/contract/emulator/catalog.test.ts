import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient, prodDataset } from './platform-client.ts';

const catalog = '/data/foundation/catalog';

type CatalogMap = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

describe('Catalog', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const read = async (path: string): Promise<CatalogMap> => {
    const { status, body } = await client.get<CatalogMap>(`${catalog}/${path}`);
    expect(status).toBe(200);
    return body;
  };
  const names = async (query: string) =>
    Object.values(await read(`dataSets?${query}`)).map((dataset) => dataset['name']);
  const created = async (body: unknown): Promise<string> => {
    const answer = await client.send<readonly string[]>('POST', `${catalog}/dataSets`, body);
    return answer.body[0]?.split('/').at(-1) ?? '';
  };

  describe('lists of datasets', () => {
    it('have twenty objects per page by default, and are paged by rows', async () => {
      const all = await names('limit=100&orderBy=name');
      expect(all).toEqual(all.toSorted());
      expect(all).toHaveLength(7);
      expect(await names('limit=2&start=3&orderBy=name')).toEqual(all.slice(3, 5));
      expect(await names('limit=2&start=6&orderBy=name')).toEqual(all.slice(6));
      expect(await names('limit=100&orderBy=desc:name')).toEqual(all.toReversed());
      expect(Object.keys(await read('batches'))).toHaveLength(20);
    });

    it('accept limit and start in headers, too; the query has precedence', async () => {
      const { body } = await client.get<CatalogMap>(`${catalog}/dataSets?orderBy=name&start=1`, {
        limit: '2',
        start: '0',
      });
      expect(Object.values(body).map((dataset) => dataset['name'])).toEqual(
        await names('limit=2&start=1&orderBy=name'),
      );
    });

    it('contain only the requested properties that an object has', async () => {
      const shown = await read('dataSets?properties=name,lastFailedBatch,shoeSize&orderBy=name');
      for (const dataset of Object.values(shown)) {
        expect(dataset).toHaveProperty('name');
        expect(Object.keys(dataset).every((key) => ['name', 'lastFailedBatch'].includes(key))).toBe(true);
      }
      expect(
        Object.values(await read('dataSets?properties=shoeSize')).every((each) => Object.keys(each).length === 0),
      ).toBe(true);
    });

    it.each([
      ['name=Segment Export', ['Segment Export']],
      ['name=Segment Export,Web Events', ['Segment Export', 'Web Events']],
      ['name=!Segment Export,Web Events&property=name~Export', ['Event History Export', 'Profile Data Export']],
      ['name=*Profiles', ['CRM Profiles', 'Loyalty Profiles']],
      ['property=name==Web*', ['Web Events']],
      ['property=name~^Event.*Export$', ['Event History Export']],
      ['property=!lastBatchId', ['Loyalty Profiles']],
      ['property=lastFailedBatch&property=name!=Web Events&name=Web Events', []],
      ['tags=purpose:ingestion', ['CRM Profiles', 'Loyalty Profiles', 'Web Events']],
      ['tags=purpose:*,unifiedProfile:enabled:true', ['CRM Profiles', 'Loyalty Profiles', 'Web Events']],
    ])('are filtered by %s', async (query, expected) => {
      expect(await names(`${query}&limit=100&orderBy=name`)).toEqual(expected);
    });

    it('compare numbers as numbers', async () => {
      const { [prodDataset]: dataset } = await read(`dataSets/${prodDataset}`);
      const at = Number(dataset?.['created']);
      expect(await names(`created=${at}`)).toEqual(['Profile Data Export']);
      expect(await names(`property=created>=${at}&property=created<=${at}`)).toEqual(['Profile Data Export']);
      expect(await names(`property=created>${at}`)).not.toContain('Profile Data Export');
    });

    it.each([
      'limit=0',
      'limit=101',
      'limit=x',
      'start=-1',
      'orderBy=up:name',
      'tags=purpose',
      'property==',
      'property=name~(a%2B)%2B',
      'limit=21&properties=observableSchema',
    ])('respond with 400 to %s', async (query) => {
      expect(await client.get(`${catalog}/dataSets?${query}`)).toMatchObject({
        status: 400,
        body: { title: 'BadRequestError', status: 400 },
      });
    });

    it('are compressed when the client allows it', async () => {
      const { headers } = await client.get(`${catalog}/dataSets`, { 'accept-encoding': 'gzip' });
      expect(headers.get('content-encoding')).toBe('gzip');
      const plain = await client.get(`${catalog}/dataSets`, { 'accept-encoding': 'identity' });
      expect(plain.headers.get('content-encoding')).toBeNull();
    });
  });

  describe('many datasets at once', () => {
    it('omit unknown ids, or are 404 when all ids are unknown or, if configured, any id is unknown', async () => {
      const ids = Object.keys(await read('dataSets?limit=3'));
      expect(Object.keys(await read(`dataSets/${[...ids, 'nothing'].join(',')}`)).sort()).toEqual(ids.toSorted());
      expect(await client.get(`${catalog}/dataSets/nothing,neither`)).toMatchObject({
        status: 404,
        body: { title: 'NotFoundError' },
      });
      await using strict = await startEmulator({ profiles: 20, clock, quirks: { unknownIdsInList: 'not-found' } });
      expect((await (await connect(strict.url)).get(`${catalog}/dataSets/${ids[0]},nothing`)).status).toBe(404);
    });

    it('are limited to a hundred ids', async () => {
      const ids = Array.from({ length: 101 }, (_, index) => index).join(',');
      expect((await client.get(`${catalog}/dataSets/${ids}`)).status).toBe(400);
    });
  });

  describe('writing datasets', () => {
    it('creates one from the sent fields, and returns 201 with its reference', async () => {
      const body = { name: 'Mine', custom: { kept: [1] }, imsOrg: 'not mine', tags: { a: ['b'] } };
      const answer = await client.send<readonly string[]>('POST', `${catalog}/dataSets?requestDataSource=true`, body);
      const id = answer.body[0]?.split('/').at(-1) ?? '';
      expect(answer).toMatchObject({ status: 201, body: [`@/dataSets/${id}`] });
      expect(answer.headers.get('location')).toBe(`/data/foundation/catalog/dataSets/${id}`);
      expect(id).toMatch(/^[0-9a-f]{24}$/);
      expect(await read(`dataSets/${id}`)).toMatchObject({
        [id]: { name: 'Mine', custom: { kept: [1] }, imsOrg: '0123456789ABCDEF01234567@AdobeOrg', version: '1.0.0' },
      });
    });

    it('spells references as in the tutorials if configured', async () => {
      await using other = await startEmulator({ profiles: 20, clock, quirks: { datasetReference: 'datasets' } });
      const answer = await (await connect(other.url)).send('POST', `${catalog}/dataSets`, { name: 'x' });
      expect(answer.body).toEqual([expect.stringMatching(/^@\/datasets\//)]);
    });

    it.each([{}, { name: '' }, { name: 'x', schemaRef: { id: 'https://a.b/c' } }, [], 'text'])(
      'rejects %j',
      async (body) => {
        expect(await client.send('POST', `${catalog}/dataSets`, body)).toMatchObject({
          status: 400,
          body: { title: 'BadRequestError' },
        });
      },
    );

    it('rejects a body with another content type with its own error message', async () => {
      const answer = await client.send('POST', `${catalog}/dataSets`, { name: 'x' }, { 'content-type': 'text/plain' });
      expect(answer).toMatchObject({ status: 400, body: { detail: 'A valid content-type must be specified' } });
    });

    it('merges the top level by PATCH, every level by PATCH v2, and replaces by PUT', async () => {
      const id = await created({ name: 'a', description: 'd', tags: { one: ['1'] } });
      await client.send('PATCH', `${catalog}/dataSets/${id}`, { name: 'b', tags: { two: ['2'] } });
      expect(await read(`dataSets/${id}`)).toMatchObject({
        [id]: { name: 'b', description: 'd', tags: { two: ['2'] } },
      });
      expect((await read(`dataSets/${id}`))[id]?.['tags']).not.toHaveProperty('one');
      await client.send('PATCH', `${catalog}/v2/dataSets/${id}`, { tags: { three: ['3'] } });
      expect((await read(`dataSets/${id}`))[id]).toMatchObject({
        version: '1.0.2',
        tags: { two: ['2'], three: ['3'] },
      });
      const before = (await read(`dataSets/${id}`))[id];
      const replaced = await client.send('PUT', `${catalog}/dataSets/${id}`, { name: 'c', created: 1, viewId: 'x' });
      expect(replaced).toMatchObject({ status: 200, body: [`@/dataSets/${id}`] });
      const after = (await read(`dataSets/${id}`))[id];
      // The platform's own tags remain.
      expect(Object.keys(Object(after?.['tags'])).sort()).toEqual(['adobe/pqs/table', 'adobe/siphon/table/format']);
      expect(after).toMatchObject({ created: before?.['created'], viewId: before?.['viewId'] });
    });

    it('applies a JSON Patch by its content type', async () => {
      const id = await created({ name: 'a', tags: { one: ['1'] } });
      const patch = (body: unknown) =>
        client.send('PATCH', `${catalog}/dataSets/${id}`, body, { 'content-type': 'application/json-patch+json' });
      expect(
        (
          await patch([
            { op: 'replace', path: '/name', value: 'b' },
            { op: 'add', path: '/tags/one/-', value: '2' },
          ])
        ).status,
      ).toBe(200);
      expect((await read(`dataSets/${id}`))[id]).toMatchObject({ name: 'b', tags: { one: ['1', '2'] } });
      expect((await patch([{ op: 'replace', path: '/nothing', value: 1 }])).status).toBe(400);
      expect((await patch({ name: 'x' })).status).toBe(400);
    });

    it('answers 412 when If-Match names another version of the dataset', async () => {
      const id = await created({ name: 'a' });
      const tag = (await client.get(`${catalog}/dataSets/${id}`)).headers.get('e-tag') ?? '';
      const patch = (body: unknown) => client.send('PATCH', `${catalog}/dataSets/${id}`, body, { 'if-match': tag });
      expect((await patch({ name: 'b' })).status).toBe(200);
      expect(await patch({ name: 'c' })).toMatchObject({ status: 412 });
      expect((await read(`dataSets/${id}`))[id]).toMatchObject({ name: 'b' });
    });

    it('deletes one; deleting it again is 200 with an empty list, or 404 if configured', async () => {
      const id = await created({ name: 'a' });
      expect((await client.send('DELETE', `${catalog}/dataSets/${id}`)).body).toEqual([`@/dataSets/${id}`]);
      expect(await client.send('DELETE', `${catalog}/dataSets/${id}`)).toMatchObject({ status: 200, body: [] });
      expect((await client.get(`${catalog}/dataSets/${id}`)).status).toBe(404);
      await using strict = await startEmulator({ profiles: 20, clock, quirks: { unknownDatasetDelete: 'not-found' } });
      expect((await (await connect(strict.url)).send('DELETE', `${catalog}/dataSets/nothing`)).status).toBe(404);
    });
  });

  describe('batches', () => {
    const all = async () => Object.entries(await read('batches?limit=100'));

    it('are listed newest first', async () => {
      const times = (await all()).map(([, batch]) => Number(batch['created']));
      expect(times).toEqual(times.toSorted((a, b) => b - a));
    });

    it('are filtered by dataset, status and times, with exclusive bounds', async () => {
      const some = (await all())[5]?.[1];
      const at = Number(some?.['created']);
      const expected = async (keep: (batch: Readonly<Record<string, unknown>>) => boolean) =>
        (await all()).filter(([, batch]) => keep(batch)).map(([id]) => id);
      const found = async (query: string) => Object.keys(await read(`batches?limit=100&${query}`));

      expect(await found(`createdAfter=${at}`)).toEqual(await expected((batch) => Number(batch['created']) > at));
      expect(await found(`createdBefore=${at}`)).toEqual(await expected((batch) => Number(batch['created']) < at));
      expect(await found('status=failed')).toEqual(await expected(({ status }) => status === 'failed'));
      const related = JSON.stringify([{ type: 'dataSet', id: prodDataset }]);
      const ofDataset = await expected(({ relatedObjects }) => JSON.stringify(relatedObjects) === related);
      expect(ofDataset.length).toBeGreaterThan(0);
      expect(await found(`dataSet=${prodDataset}`)).toEqual(ofDataset);
      const completed = Number((await all()).find(([, batch]) => batch['completed'])?.[1]['completed']);
      expect(await found(`endAfter=${completed - 1}&endBefore=${completed + 1}`)).toHaveLength(1);
      const [first] = await all();
      expect(await found(`batch=${first?.[0]}`)).toEqual([first?.[0]]);
    });

    it('are read one or many at a time', async () => {
      const ids = (await all()).slice(0, 3).map(([id]) => id);
      expect(Object.keys(await read(`batches/${ids.join(',')}?properties=status`)).sort()).toEqual(ids.toSorted());
      expect((await client.get(`${catalog}/batches/nothing`)).status).toBe(404);
    });

    it('cannot be written', async () => {
      expect((await client.send('POST', `${catalog}/batches`, {})).status).toBe(405);
    });

    it('appear per dataset in lastBatches, consistent with the dataset', async () => {
      const { [prodDataset]: dataset } = await read(`dataSets/${prodDataset}`);
      expect(await read(`lastBatches?dataSetId=${prodDataset},nothing`)).toMatchObject({
        [prodDataset]: {
          lastBatchId: dataset?.['lastBatchId'],
          lastBatchStatus: dataset?.['lastBatchStatus'],
          lastSuccessfulBatchId: dataset?.['lastSuccessfulBatch'],
        },
      });
    });
  });
});
