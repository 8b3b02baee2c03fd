import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient } from './platform-client.ts';
import { type Children, mergePolicies, upsError } from './segmentation-client.ts';

const defaultPolicy = '0bf16e61-90e9-4204-b8fa-ad250360957b';

interface PolicyRecord {
  readonly id: string;
  readonly name: string;
}

describe('merge policies', () => {
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock: new FakeClock('2026-11-02T08:00:00Z') });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const list = async (query = '') => (await client.get<Children<PolicyRecord>>(`${mergePolicies}?${query}`)).body;
  const namesOf = ({ children }: Children<PolicyRecord>) => children.map(({ name }) => name);

  it('are listed by name; one of them is the default', async () => {
    const all = await list();
    expect(all).toMatchObject({ _page: { totalCount: 3, pageSize: 3 }, _links: { next: { href: '' } } });
    expect(namesOf(all)).toEqual(['CRM before Loyalty', 'Default Timebased', 'No Stitching']);
    expect(all.children[1]).toEqual({
      id: defaultPolicy,
      name: 'Default Timebased',
      imsOrgId: '0123456789ABCDEF01234567@AdobeOrg',
      sandbox: { sandboxId: expect.any(String), sandboxName: 'prod', type: 'production', default: true },
      schema: { name: '_xdm.context.profile' },
      version: 1,
      identityGraph: { type: 'pdg' },
      attributeMerge: { type: 'timestampOrdered' },
      default: true,
      isActiveOnEdge: true,
      updateEpoch: expect.any(Number),
    });
  });

  it('are paged by a link that lacks a part of the path and has an opaque start', async () => {
    const first = await list('limit=2&orderBy=-name');
    const href = String(first._links.next.href);
    expect(href).toMatch(/^@\/mergePolicies\?start=[\w-]{8,}&orderBy=-name&limit=2$/);
    const second = await list(href.slice(href.indexOf('?') + 1));
    expect([...namesOf(first), ...namesOf(second)]).toEqual([
      'No Stitching',
      'Default Timebased',
      'CRM before Loyalty',
    ]);
    expect(second._links.next.href).toBe('');
    expect(namesOf(await list('start=0&orderby=%2Bname&limit=1'))).toEqual(['CRM before Loyalty']);
  });

  it.each([
    ['default=true', ['Default Timebased']],
    ['isActiveOnEdge=false', ['CRM before Loyalty', 'No Stitching']],
    ['identityGraph.type=none', ['No Stitching']],
    ['attributeMerge.type=dataSetPrecedence', ['CRM before Loyalty']],
    ['version=2', ['CRM before Loyalty']],
    ['schema.name=_xdm.context.account', []],
  ])('are filtered by %s', async (query, names) => {
    expect(namesOf(await list(query))).toEqual(names);
  });

  it.each(['orderBy=version', 'limit=0', 'start=2', 'start=K1JJRDpFaWc5'])('respond with 400 to %s', async (query) => {
    expect(await client.get(`${mergePolicies}?${query}`)).toMatchObject(upsError(400));
  });

  it('are read one at a time, or many with an error for each missing id', async () => {
    const { status, body } = await client.get(`${mergePolicies}/${defaultPolicy}`);
    expect(status).toBe(200);
    expect(await client.get(`${mergePolicies}/mpid1`)).toMatchObject(upsError(404));
    const answer = await client.send('POST', `${mergePolicies}/bulk-get`, {
      ids: [{ id: defaultPolicy }, { id: 'mpid1' }],
    });
    expect(answer).toMatchObject({
      status: 207,
      body: { results: { [defaultPolicy]: body, mpid1: { errors: { 404: [{ code: 'UPAPI-113433-404' }] } } } },
    });
    expect(await client.send('POST', `${mergePolicies}/bulk-get`, { ids: [{ id: 'mpid1' }] })).toMatchObject(
      upsError(404),
    );
  });
});
