import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient } from './platform-client.ts';
import { entities } from './segmentation-client.ts';

const crm = (number: number) => `CRM-${String(number).padStart(9, '0')}`;
const byCrm = (number: number) => ({ entityId: crm(number), entityIdNS: { code: 'CRMID' } });
const profile = { schema: { name: '_xdm.context.profile' } };
const events = { schema: { name: '_xdm.context.experienceevent' }, relatedSchema: { name: '_xdm.context.profile' } };

/** Fields of an entity that the tests read. */
interface Entity {
  readonly entityId: string;
  readonly identityGraph: readonly string[];
  readonly entity: {
    readonly identityMap: Readonly<Record<string, readonly { readonly id: string }[]>>;
    readonly segmentMembership?: Readonly<Record<string, Readonly<Record<string, object>>>>;
  };
}

interface EventsPage {
  readonly _page: { readonly count: number; readonly next: string };
  readonly children: readonly { readonly entityId: string; readonly timestamp: number }[];
  readonly _links: { readonly next: { readonly href: string; readonly payload?: object } };
}

const get = (client: PlatformClient, parameters: Record<string, string>) =>
  client.get<Record<string, Entity>>(`${entities}?${new URLSearchParams(parameters)}`);

describe('profile access', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;
  /** A person with a CRM id, and the fields of that profile. */
  let somebody: Entity;
  /** A person with at least three events. */
  let eventful: number;

  const one = (parameters: Record<string, string>) =>
    get(client, { 'schema.name': '_xdm.context.profile', ...parameters });
  const pageOf = (parameters: Record<string, string>) =>
    client.get<EventsPage>(
      `${entities}?${new URLSearchParams({
        'schema.name': '_xdm.context.experienceevent',
        relatedEntityId: crm(eventful),
        relatedEntityIdNS: 'crmid',
        ...parameters,
      })}`,
    );

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 100, clock });
    client = await connect(emulator.url);
    const people = Array.from({ length: 60 }, (_, index) => index + 1);
    const all = await client.send<Record<string, Entity>>('POST', entities, {
      ...profile,
      identities: people.map(byCrm),
    });
    const found = Object.values(all.body).find(
      ({ entity }) => entity.segmentMembership?.['ups'] && entity.identityMap?.['Email'],
    );
    if (found === undefined) throw new Error('No person has a membership and an e-mail address.');
    somebody = found;
    const pages = await client.send<Record<string, EventsPage>>('POST', entities, {
      ...events,
      identities: people.map(byCrm),
    });
    const xids = new Map(people.map((number) => [number, Object.keys(all.body)[number - 1]]));
    eventful = people.find((number) => (pages.body[String(xids.get(number))]?.children.length ?? 0) >= 3) ?? 0;
  });

  afterAll(() => emulator.close());

  describe('of one profile', () => {
    it('returns a map with the XID of the identity, whatever the case of its namespace', async () => {
      const id = somebody.entity.identityMap['CRMID']?.[0]?.id ?? '';
      for (const entityIdNS of ['CRMID', 'crmid']) {
        const { status, body } = await one({ entityId: id, entityIdNS });
        expect(status).toBe(200);
        expect(Object.keys(body)).toEqual([somebody.entityId]);
        expect(body[somebody.entityId]).toMatchObject({
          entityId: somebody.entityId,
          mergePolicy: { id: '0bf16e61-90e9-4204-b8fa-ad250360957b' },
          sources: expect.arrayContaining([expect.stringMatching(/^[0-9a-f]{24}$/)]),
          tags: expect.arrayContaining([expect.stringMatching(/^[0-9a-f]{32}$/)]),
          identityGraph: expect.arrayContaining([somebody.entityId]),
          entity: somebody.entity,
          lastModifiedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        });
        expect(body[somebody.entityId]).not.toHaveProperty('requestedIdentity');
      }
    });

    it('finds the same person by an XID and by every identity of the graph', async () => {
      for (const xid of somebody.identityGraph) {
        const { body } = await one({ entityId: xid });
        expect(body[xid]?.entity).toEqual(somebody.entity);
      }
    });

    it('returns the requested fields', async () => {
      const { body } = await one({ entityId: somebody.entityId, fields: 'person.name,segmentMembership' });
      expect(Object.keys(body[somebody.entityId]?.entity ?? {}).sort()).toEqual(['person', 'segmentMembership']);
    });

    it('merges the fragments with the requested merge policy', async () => {
      const noStitching = '2b43d78d-0ad4-4c1e-ac2d-574c09b01119';
      const { body } = await one({ entityId: somebody.entityId, mergePolicyId: noStitching });
      expect(body[somebody.entityId]).toMatchObject({
        mergePolicy: { id: noStitching },
        sources: [expect.any(String)],
      });
    });

    it('is 404 with only the status when no profile of the sandbox has the identity', async () => {
      const notFound = { status: 404, body: { statusCode: '404' } };
      expect(await one({ entityId: 'nobody', entityIdNS: 'CRMID' })).toMatchObject(notFound);
      expect(await one({ 'schema.name': '_xdm.context.account', entityId: '1', entityIdNS: 'b2b' })).toMatchObject(
        notFound,
      );
      const dev = await connect(emulator.url, 'dev');
      const parameters = { 'schema.name': '_xdm.context.profile', entityId: crm(60), entityIdNS: 'CRMID' };
      expect((await get(client, parameters)).status).toBe(200);
      expect(await get(dev, parameters)).toMatchObject(notFound);
    });

    it.each([
      ['no schema', { 'schema.name': '' }],
      ['an unknown schema', { 'schema.name': 'xdm' }],
      ['no entityId', { entityId: '' }],
      ['an unknown merge policy', { mergePolicyId: 'mpid1' }],
      ['a limit that is not a number', { limit: 'x' }],
      ['a limit of 0', { limit: '0' }],
    ])('is 400 with a cause and the status as text for %s', async (_, parameters) => {
      const answer = await one({ entityId: somebody.entityId, ...parameters });
      expect(answer).toMatchObject({
        status: 400,
        body: { message: expect.stringMatching(/^UPS-ACC-1000400: /), cause: expect.any(String), statusCode: '400' },
      });
    });
  });

  describe('of many profiles', () => {
    it('returns them by XID with the requested identity; an unknown identity is an empty entity of 1970', async () => {
      const id = somebody.entity.identityMap['CRMID']?.[0]?.id ?? '';
      const email = somebody.entity.identityMap['Email']?.[0]?.id ?? '';
      const identities = [
        { entityId: id, entityIdNS: { code: 'CRMID' } },
        { entityId: email, entityIdNS: { code: 'email' } },
        { entityId: 'nobody', entityIdNS: { code: 'Email' } },
      ];
      const { status, body } = await client.send<Record<string, Entity>>('POST', entities, {
        ...profile,
        identities,
        fields: ['identityMap'],
      });
      expect(status).toBe(200);
      const [byId, byEmail, nobody] = Object.values(body);
      expect(Object.entries(body).every(([xid, entity]) => entity.entityId === xid)).toBe(true);
      expect(Object.keys(body)).toHaveLength(3);
      const { identityMap } = somebody.entity;
      expect(byId).toMatchObject({ requestedIdentity: identities[0], entity: { identityMap } });
      expect(byEmail).toMatchObject({ requestedIdentity: identities[1], entity: { identityMap } });
      expect(nobody).toEqual({
        requestedIdentity: identities[2],
        entityId: expect.any(String),
        sources: [''],
        entity: {},
        lastModifiedAt: '1970-01-01T00:00:00Z',
      });
    });

    it.each([
      ['nothing', undefined],
      ['no identities', { ...profile, identities: [] }],
      ['101 identities', { ...profile, identities: Array.from({ length: 101 }, (_, index) => byCrm(index)) }],
      ['an identity without id', { ...profile, identities: [{ entityIdNS: { code: 'CRMID' } }] }],
      ['fields as one text', { ...profile, identities: [byCrm(1)], fields: 'person' }],
    ])('is 400 for %s', async (_, body) => {
      expect(await client.send('POST', entities, body)).toMatchObject({ status: 400, body: { statusCode: '400' } });
    });
  });

  describe('of events', () => {
    it('returns them in chronological order, from an inclusive start to an exclusive end', async () => {
      const { body } = await pageOf({});
      const times = body.children.map(({ timestamp }) => timestamp);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(body).toMatchObject({
        _page: { orderby: 'timestamp', count: times.length, next: '' },
        _links: { next: { href: '' } },
      });
      expect(body.children[0]).toMatchObject({
        relatedEntityId: expect.any(String),
        entity: { eventType: expect.any(String), timestamp: new Date(Number(times[0])).toISOString() },
        lastModifiedAt: expect.any(String),
      });

      const [first, second] = times;
      const window = await pageOf({ startTime: String(first), endTime: String(second) });
      expect(window.body.children).toEqual([body.children[0]]);
      const backwards = await pageOf({ orderby: '-timestamp', limit: '1' });
      expect(backwards.body.children).toEqual([body.children.at(-1)]);
    });

    it('pages by a link that contains the whole request and is relative to the service', async () => {
      const all = (await pageOf({ fields: '_id' })).body.children;
      const walked: unknown[] = [];
      let page = (await pageOf({ fields: '_id', limit: '1' })).body;
      for (;;) {
        walked.push(...page.children);
        const { href } = page._links.next;
        if (href === '') break;
        expect(href).toBe(`/entities?start=${page._page.next}&limit=1&offsets=${page._page.next}`);
        page = (await client.get<EventsPage>(`/data/core/ups/access${href}`)).body;
      }
      expect(walked).toEqual(all);
      expect((await pageOf({ start: 'nonsense' })).status).toBe(400);
    });

    it('filters them by up to three properties', async () => {
      const type = async (property: readonly string[]) => {
        const query = new URLSearchParams({
          'schema.name': '_xdm.context.experienceevent',
          relatedEntityId: crm(eventful),
          relatedEntityIdNS: 'CRMID',
        });
        for (const each of property) query.append('property', each);
        return client.get<{ children: readonly { entity: { eventType: string } }[] }>(`${entities}?${query}`);
      };
      const all = (await type([])).body.children.map(({ entity }) => entity.eventType);
      const [wanted] = all;
      const narrowed = await type([`eventType="${wanted}"`, 'timestamp<="2026-11-02"']);
      expect(narrowed.body.children.map(({ entity }) => entity.eventType)).toEqual(
        all.filter((each) => each === wanted),
      );
      expect((await type(['a=1', 'b=2', 'c=3', 'd=4'])).status).toBe(400);
      expect((await type(['nothing=1'])).status).toBe(400);
      expect((await type(['eventType'])).status).toBe(400);
    });

    it('returns pages of many profiles by XID, each with the body for its next page', async () => {
      const identities = [byCrm(eventful), { entityId: 'nobody', entityIdNS: { code: 'CRMID' } }];
      const first = await client.send<Record<string, EventsPage>>('POST', entities, {
        ...events,
        identities,
        limit: 1,
      });
      expect(first.status).toBe(200);
      const [[xid, page] = []] = Object.entries(first.body);
      expect(Object.keys(first.body)).toHaveLength(1);
      const next = await client.send<Record<string, EventsPage>>('POST', entities, page?._links.next.payload);
      const all = (await pageOf({})).body.children;
      expect([page?.children[0]?.entityId, next.body[String(xid)]?.children[0]?.entityId]).toEqual(
        all.slice(0, 2).map(({ entityId }) => entityId),
      );
    });

    it('is 404 for an unknown profile', async () => {
      expect((await pageOf({ relatedEntityId: 'nobody' })).status).toBe(404);
    });
  });
});

describe('profile access, with quirks', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  const nobody = { entityId: 'nobody', entityIdNS: { code: 'CRMID' } };
  const post = (client: PlatformClient) =>
    client.send<unknown>('POST', entities, { ...profile, identities: [byCrm(1), nobody], fields: ['_id'] });

  it('omits unknown identities', async () => {
    await using emulator = await startEmulator({ profiles: 20, clock, quirks: { unknownEntity: 'absent' } });
    const { status, body } = await post(await connect(emulator.url));
    expect({ status, entities: Object.keys(Object(body)).length }).toEqual({ status: 200, entities: 1 });
  });

  it.each([
    ['errors', 1],
    ['errors-and-profiles', 2],
  ] as const)('returns unknown identities in a 207 with %s', async (multiStatusEntities, count) => {
    const quirks = { unknownEntity: 'multi-status', multiStatusEntities } as const;
    await using emulator = await startEmulator({ profiles: 20, clock, quirks });
    const { status, body } = await post(await connect(emulator.url));
    expect(status).toBe(207);
    expect(body).toHaveLength(count);
    expect(Object(body)[0]).toEqual({ xid: expect.any(String), error: { statusCode: '404' } });
    if (count === 2) expect(Object(body)[1]).toMatchObject({ requestedIdentity: byCrm(1) });
  });

  it('responds with 422, or with an error in a 207, for a profile with too many identities', async () => {
    await using emulator = await startEmulator({ profiles: 20, clock, quirks: { maximumGraphIdentities: 0 } });
    const client = await connect(emulator.url);
    const tooMany = {
      message: expect.stringMatching(/^UPS-MRG-1000422: Too many related identities for XID/),
      cause: expect.any(String),
      statusCode: '422',
    };
    const parameters = { 'schema.name': '_xdm.context.profile', entityId: crm(1), entityIdNS: 'CRMID' };
    expect(await get(client, parameters)).toMatchObject({ status: 422, body: tooMany });
    const { status, body } = await post(client);
    expect({ status, body }).toEqual({ status: 207, body: [{ xid: expect.any(String), error: tooMany }] });
  });

  it('rejects requests above the configured rate with a list', async () => {
    await using emulator = await startEmulator({ profiles: 20, clock, quirks: { entitiesPerSecond: 2 } });
    const client = await connect(emulator.url);
    expect((await post(client)).status).toBe(200);
    expect((await post(client)).status).toBe(200);
    expect(await post(client)).toMatchObject({
      status: 429,
      body: [{ message: 'Too many requests', cause: expect.any(String), retryAfterMs: '500', statusCode: '429' }],
    });
    await clock.advanceBy(1_000);
    expect((await post(client)).status).toBe(200);
  });
});
