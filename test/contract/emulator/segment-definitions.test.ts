import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient } from './platform-client.ts';
import { define, segmentDefinitions, upsError } from './segmentation-client.ts';

interface DefinitionRecord {
  readonly id: string;
  readonly name: string;
  readonly creationTime: number;
  readonly updateTime: number;
  readonly evaluationInfo: { readonly continuous: { readonly enabled: boolean } };
}

interface DefinitionPage {
  readonly segments: readonly DefinitionRecord[];
  readonly page: object;
  readonly link: { readonly next?: string };
}

describe('segment definitions', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const list = async (query = '') => (await client.get<DefinitionPage>(`${segmentDefinitions}?${query}`)).body;
  const idsOf = ({ segments }: DefinitionPage) => segments.map(({ id }) => id);

  it('are ten, newest first, with PQL and a merge policy', async () => {
    const all = await list();
    expect(all.page).toEqual({
      totalCount: 10,
      totalPages: 1,
      sortField: 'creationTime',
      sort: 'desc',
      pageSize: 10,
      limit: 100,
    });
    expect(all.link).toEqual({});
    const times = all.segments.map(({ creationTime }) => creationTime);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(all.segments.find(({ id }) => id === goldTier)).toMatchObject({
      name: 'Gold tier',
      schema: { name: '_xdm.context.profile' },
      expression: { type: 'PQL', format: 'pql/text', value: 'loyalty.tier = "gold"' },
      evaluationInfo: { batch: { enabled: true }, synchronous: { enabled: false } },
      mergePolicyId: '0bf16e61-90e9-4204-b8fa-ad250360957b',
    });
  });

  it('are paged by page numbers from 0, or by row', async () => {
    const all = idsOf(await list());
    const first = await list('limit=4');
    expect(first).toMatchObject({ page: { totalPages: 3, pageSize: 4 }, link: {} });
    expect([...idsOf(first), ...idsOf(await list('limit=4&page=1')), ...idsOf(await list('limit=4&page=2'))]).toEqual(
      all,
    );
    expect((await list('limit=4&page=2')).link).toEqual({});
    expect(idsOf(await list('start=3&limit=2'))).toEqual(all.slice(3, 5));
  });

  it('are sorted by several fields, and filtered by continuous evaluation', async () => {
    const names = (await list('sort=name:asc,updateTime:desc')).segments.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect((await list('sort=updateTime:desc')).page).toMatchObject({ sortField: 'updateTime', sort: 'desc' });
    const continuous = await list('evaluationInfo.continuous.enabled=true');
    expect(continuous.segments.length).toBeGreaterThan(0);
    expect(continuous.segments.every(({ evaluationInfo }) => evaluationInfo.continuous.enabled)).toBe(true);
  });

  it.each(['sort=size:asc', 'limit=0', 'page=x', 'evaluationInfo.continuous.enabled=maybe'])(
    'respond with 400 to %s',
    async (query) => {
      expect(await client.get(`${segmentDefinitions}?${query}`)).toMatchObject(upsError(400));
    },
  );

  it('are read one at a time, or many with an error for each missing id', async () => {
    const { status, body } = await client.get(`${segmentDefinitions}/${goldTier}`);
    expect(status).toBe(200);
    expect(await client.get(`${segmentDefinitions}/nothing`)).toMatchObject(upsError(404));
    const ids = [{ id: goldTier }, { id: 'nothing' }];
    expect(await client.send('POST', `${segmentDefinitions}/bulk-get`, { ids })).toMatchObject({
      status: 207,
      body: { results: { [goldTier]: body, nothing: { errors: { 404: [{ code: 'UPAPI-113431-404' }] } } } },
    });
    const missing = { ids: [{ id: 'nothing' }] };
    expect(await client.send('POST', `${segmentDefinitions}/bulk-get`, missing)).toMatchObject(upsError(404));
  });

  it('are created, changed and deleted in one sandbox, with unique names', async () => {
    const id = await define(client, 'Made here', 'loyalty.points > 1');
    const path = `${segmentDefinitions}/${id}`;
    await clock.advanceBy(1_000);
    const change = { name: 'Changed', evaluationInfo: { batch: { enabled: false }, continuous: { enabled: true } } };
    expect(await client.send('PATCH', path, change)).toMatchObject({
      status: 200,
      body: {
        id,
        name: 'Changed',
        expression: { value: 'loyalty.points > 1' },
        evaluationInfo: { batch: { enabled: false }, continuous: { enabled: true } },
        creationTime: clock.now().getTime() - 1_000,
        updateTime: clock.now().getTime(),
      },
    });
    expect(await client.send('PATCH', path, { name: 'Gold tier' })).toMatchObject(upsError(400, /already/));
    expect((await (await connect(emulator.url, 'dev')).get(path)).status).toBe(404);
    expect(await client.send('DELETE', path)).toMatchObject({ status: 200, body: { status: true } });
    expect((await client.get(path)).status).toBe(404);
  });

  it.each([
    ['no name', { name: undefined }],
    ['a name that is taken', { name: 'Gold tier' }],
    ['another schema', { schema: { name: 'other' } }],
    ['no expression', { expression: undefined }],
    ['an unknown language', { expression: { type: 'SQL', format: 'text', value: '1' } }],
    ['an unknown merge policy', { mergePolicyId: 'mpid1' }],
  ])('are rejected with %s', async (_, members) => {
    const body = {
      name: 'Refused',
      schema: { name: '_xdm.context.profile' },
      expression: { type: 'PQL', format: 'pql/text', value: 'loyalty.points > 1' },
      ...members,
    };
    expect(await client.send('POST', segmentDefinitions, body)).toMatchObject(upsError(400));
  });

  it('number pages from 1 if configured', async () => {
    await using other = await startEmulator({
      profiles: 20,
      clock,
      quirks: { segmentDefinitionsFirstPage: 1, recordFields: 'documented' },
    });
    const from = await connect(other.url);
    const page = async (query: string) => (await from.get<DefinitionPage>(`${segmentDefinitions}?${query}`)).body;
    expect(await page('limit=4&page=1')).toEqual(await page('limit=4'));
    expect((await page('limit=4')).link.next).toBe('/segment/definitions?limit=4&page=2');
    expect((await page('limit=4&page=3')).link).toEqual({});
    expect((await from.get(`${segmentDefinitions}?page=0`)).status).toBe(400);
  });
});
