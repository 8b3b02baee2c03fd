import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnknownMergePolicyError } from '../../../src/emulator/catalog/find-merge-policy.ts';
import { profileDatasets, seededMergePolicies } from '../../../src/emulator/catalog/population.ts';
import { type EventQuery, EventQueryError, readEvents } from '../../../src/emulator/engine/read-events.ts';
import {
  type IdentityReference,
  readProfiles,
  type XdmObject,
  xidOf,
} from '../../../src/emulator/engine/read-profiles.ts';
import { seedPopulation } from '../../../src/emulator/seed/population.ts';
import type { Database } from '../../../src/emulator/store/connection.ts';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import { type Person, readPeople } from './pql-people.ts';

const now = new Date('2030-01-01T00:00:00Z');
const namespaces = ['CRMID', 'Loyalty', 'Email', 'Phone', 'ECID'];

let directory: string;
let db: Database;
let people: readonly Person[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'read-profiles-test-'));
  db = await openDatabase({ directory });
  await seedPopulation(db, { sandbox: 'prod', profiles: 200, seed: 9, now });
  await seedPopulation(db, { sandbox: 'stage', profiles: 20, seed: 10, now });
  people = await readPeople(db, 'prod');
});

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const read = (
  identities: readonly IdentityReference[],
  fields: readonly string[] | null = null,
  mergePolicyId: string | null = null,
) => readProfiles(db, { sandbox: 'prod', identities, fields, mergePolicyId });

const identityOf = ({ attributes }: Person, namespace: string): IdentityReference => ({
  namespace,
  value: String(attributes[`identity.${namespace}`]),
});

/** A person who fulfils a condition. */
function somebody(holds: (person: Person) => boolean): Person {
  const person = people.find(holds);
  if (person === undefined) throw new Error('No person of the population fulfils the condition.');
  return person;
}

const hasIdentity = (namespace: string) => (person: Person) =>
  typeof person.attributes[`identity.${namespace}`] === 'string';

/** Value at a dotted path of an entity. */
function at(entity: XdmObject | undefined, path: string): unknown {
  // Descends into objects. Any other value has no value at the path.
  return path
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], entity);
}

describe('reading profiles', () => {
  it('finds every person by each identity, and merges with the merge policy', async () => {
    for (const namespace of namespaces) {
      const found = people.filter(hasIdentity(namespace));
      const lookups = await read(found.map((person) => identityOf(person, namespace)));

      expect(lookups).toHaveLength(found.length);
      expect(found.length).toBeGreaterThan(20);
      for (const [index, { attributes }] of found.entries()) {
        const entity = lookups[index]?.profile?.entity;
        for (const path of [
          'person.name.lastName',
          'homeAddress.city',
          'loyalty.points',
          'loyalty.tier',
          'preferredLanguage',
        ]) {
          expect(at(entity, path) ?? null).toEqual(attributes[path]);
        }
      }
    }
  });

  it('compares the namespace without case and the value with case', async () => {
    const person = somebody(hasIdentity('Email'));
    const { value } = identityOf(person, 'Email');
    const [lower, upper, wrong] = await read([
      { namespace: 'email', value },
      { namespace: 'EMAIL', value },
      { namespace: 'Email', value: value.toUpperCase() },
    ]);

    expect(lower?.profile).not.toBeNull();
    expect(upper?.profile).toBe(lower?.profile);
    expect(upper?.xid).toBe(lower?.xid);
    expect(wrong?.profile).toBeNull();
  });

  it('finds the same profile by XID and by identity, with URL-safe XIDs', async () => {
    for (const namespace of namespaces) {
      const identity = identityOf(somebody(hasIdentity(namespace)), namespace);
      const [byIdentity, byXid] = await read([identity, { namespace: null, value: xidOf(identity) }]);

      expect(byXid?.profile).not.toBeNull();
      expect(byXid?.profile).toBe(byIdentity?.profile);
      expect(byXid?.xid).toBe(byIdentity?.xid);
      expect(byXid?.xid).toMatch(/^[\w-]+$/);
    }
  });

  it('returns null at the position of an unknown identity, with the XID that the identity would have', async () => {
    const known = identityOf(somebody(hasIdentity('CRMID')), 'CRMID');
    const [stranger] = await db.all<{ id: string }>(
      `SELECT "identity.Loyalty" AS id FROM profile_fragments WHERE sandbox = 'stage' AND "identity.Loyalty" IS NOT NULL LIMIT 1`,
    );
    const unknown = [
      { namespace: 'Email', value: 'nobody@example.com' },
      { namespace: 'Passport', value: '1' },
      { namespace: null, value: 'AAAA' },
      { namespace: 'Loyalty', value: stranger?.id ?? '' },
      { namespace: 'Email', value: known.value },
      { namespace: 'Email', value: `' OR 1=1 --` },
    ];
    const lookups = await read([unknown[0] ?? known, known, ...unknown.slice(1)]);

    expect(lookups.map(({ profile }) => profile !== null)).toEqual([false, true, false, false, false, false, false]);
    expect(lookups.map(({ xid }) => xid.length > 0)).not.toContain(false);
    expect(lookups[3]?.xid).toBe('AAAA');
    expect(await read([])).toEqual([]);
    expect((await read(unknown)).every(({ profile }) => profile === null)).toBe(true);
  });

  it('returns the datasets and batches of a profile, its update time and its linked identities', async () => {
    const both = somebody(
      ({ attributes }) => attributes['identity.CRMID'] !== null && attributes['identity.Loyalty'] !== null,
    );
    const loyalOnly = somebody(
      ({ attributes }) => attributes['identity.CRMID'] === null && attributes['identity.Loyalty'] !== null,
    );
    const [one, other] = await read([identityOf(both, 'Loyalty'), identityOf(loyalOnly, 'Loyalty')]);
    const fragments = await db.all<{ updated: Date }>(
      `SELECT updated_at AS updated FROM profile_fragments WHERE sandbox = 'prod' AND person = $1`,
      [both.person],
    );

    expect(one?.profile?.sources).toEqual(profileDatasets.map(({ id }) => id));
    expect(other?.profile?.sources).toEqual([profileDatasets[1].id]);
    expect(one?.profile?.tags).toHaveLength(2);
    expect(new Set(one?.profile?.tags).size).toBe(2);
    expect(one?.profile?.lastModifiedAt.getTime()).toBe(Math.max(...fragments.map(({ updated }) => updated.getTime())));
    const graph = one?.profile?.identityGraph ?? [];
    expect(graph[0]).toBe(xidOf(identityOf(both, 'CRMID')));
    expect(graph).toContain(one?.xid);
    const listed = at(one?.profile?.entity, 'identities') as readonly {
      id: string;
      xid: string;
      namespace: { code: string };
    }[];
    expect(graph.toSorted()).toEqual(listed.map(({ xid }) => xid).toSorted());
    expect(listed.map(({ id, namespace }) => xidOf({ namespace: namespace.code, value: id }))).toEqual(
      listed.map(({ xid }) => xid),
    );
  });

  it('returns JSON without nulls, with times as text, and only the requested fields', async () => {
    const member = somebody(({ attributes, segments }) => attributes['loyalty.joinDate'] !== null && segments.size > 0);
    const identity = identityOf(member, 'Loyalty');
    const [whole] = await read([identity]);
    const [part] = await read([identity], ['loyalty.tier', 'segmentMembership', 'person.name', 'not.there']);
    const [nothing] = await read([identity], ['not.there']);

    expect(JSON.stringify(whole?.profile?.entity)).not.toContain('null');
    expect(at(whole?.profile?.entity, 'loyalty.joinDate')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(at(whole?.profile?.entity, 'person.birthDate') ?? '2000-01-01').toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(Object.keys(at(whole?.profile?.entity, 'identityMap') as object)).toContain('Loyalty');
    expect(Object.keys(part?.profile?.entity ?? {}).toSorted()).toEqual(['loyalty', 'person', 'segmentMembership']);
    expect(at(part?.profile?.entity, 'loyalty')).toEqual({ tier: member.attributes['loyalty.tier'] });
    const memberships = at(part?.profile?.entity, 'segmentMembership.ups') as Record<string, { status: string }>;
    expect(
      Object.keys(memberships)
        .filter((id) => memberships[id]?.status !== 'exited')
        .toSorted(),
    ).toEqual([...member.segments].toSorted());
    expect(nothing?.profile?.entity).toEqual({});
    expect(nothing?.profile?.identityGraph).toEqual(whole?.profile?.identityGraph);
  });

  it('finds people known only from events, with the identity and nothing else', async () => {
    const visitor = somebody(({ attributes }) => attributes['_id'] === null);
    const [lookup] = await read([identityOf(visitor, 'ECID')]);

    expect(lookup?.profile?.sources).toEqual([]);
    expect(Object.keys(lookup?.profile?.entity ?? {}).filter((field) => field !== 'segmentMembership')).toEqual([
      'identities',
      'identityMap',
    ]);
  });

  it('follows the merge policy, and returns a single fragment without stitching', async () => {
    const [, crmFirst, unstitched] = seededMergePolicies.map(({ id }) => id);
    const moved = somebody(
      ({ attributes }) => attributes['identity.CRMID'] !== null && attributes['identity.Loyalty'] !== null,
    );
    const fragments = await db.all<{ source: string; city: string | null; name: string }>(
      `SELECT source, "homeAddress.city" AS city, "person.name.lastName" AS name FROM profile_fragments
       WHERE sandbox = 'prod' AND person = $1 ORDER BY source`,
      [moved.person],
    );
    const identities = [identityOf(moved, 'CRMID'), identityOf(moved, 'Loyalty')];
    const precedence = await read(identities, ['homeAddress.city'], crmFirst ?? null);
    const alone = await read(identities, null, unstitched ?? null);

    expect(precedence.map(({ profile }) => at(profile?.entity, 'homeAddress.city'))).toEqual([
      fragments[0]?.city,
      fragments[0]?.city,
    ]);
    expect(precedence[0]?.profile?.mergePolicyId).toBe(crmFirst);
    expect(alone.map(({ profile }) => at(profile?.entity, 'person.name.lastName'))).toEqual(
      fragments.map(({ name }) => name),
    );
    expect(alone.map(({ profile }) => profile?.sources)).toEqual(profileDatasets.map(({ id }) => [id]));
    expect(alone[0]?.profile?.identityGraph).not.toContain(alone[1]?.xid);
    await expect(read(identities, null, 'other')).rejects.toThrow(UnknownMergePolicyError);
  });
});

describe('reading one fragment', () => {
  it('selects the most recently updated fragment with the identity', async () => {
    const shared = await db.all<{ email: string; latest: string }>(
      `SELECT "identity.Email" AS email, arg_max(source, updated_at)::VARCHAR AS latest FROM profile_fragments
       WHERE sandbox = 'prod' AND email IS NOT NULL GROUP BY email HAVING count(*) = 2`,
    );
    const lookups = await read(
      shared.map(({ email }) => ({ namespace: 'Email', value: email })),
      [],
      seededMergePolicies[2]?.id ?? null,
    );
    const datasetOf = (source: string) => profileDatasets.find((each) => each.source === source)?.id;

    expect(new Set(shared.map(({ latest }) => latest))).toEqual(new Set(['crm', 'loyalty']));
    expect(lookups.map(({ profile }) => profile?.sources)).toEqual(shared.map(({ latest }) => [datasetOf(latest)]));
  });
});

describe('reading events', () => {
  const busy = () => somebody((person) => person.events.length >= 5 && hasIdentity('CRMID')(person));
  const page = (query: Partial<EventQuery> = {}) =>
    readEvents(db, { sandbox: 'prod', identity: identityOf(busy(), 'CRMID'), fields: null, ...query });
  const timeOf = (event: Readonly<Record<string, unknown>>) =>
    event['timestamp'] instanceof Date ? event['timestamp'].getTime() : 0;
  const inOrder = () => busy().events.toSorted((a, b) => timeOf(a) - timeOf(b));

  it('returns the events of the profile in chronological order, with the requested fields', async () => {
    const all = await page();
    const backwards = await page({ orderby: '-timestamp', fields: ['eventType'] });

    expect(all?.next).toBeNull();
    expect(all?.events.map(({ entityId }) => entityId)).toEqual(inOrder().map((event) => event['_id']));
    expect(all?.events.map(({ timestamp, entity }) => [timestamp.getTime(), at(entity, 'eventType')])).toEqual(
      inOrder().map((event) => [timeOf(event), event['eventType']]),
    );
    expect(new Set(all?.events.map(({ relatedEntityId }) => relatedEntityId))).toEqual(
      new Set([xidOf(identityOf(busy(), 'CRMID'))]),
    );
    expect(backwards?.events.map(({ entity }) => entity)).toEqual(
      inOrder()
        .toReversed()
        .map((event) => ({ eventType: event['eventType'] })),
    );
    expect((await page({ fields: ['none'] }))?.events[0]?.entity).toEqual({});
  });

  it.each(['+timestamp', '-timestamp'] as const)(
    'pages through all of them, without loss or repetition, by %s',
    async (orderby) => {
      const whole = await page({ orderby });
      const found: string[] = [];
      let start: string | null = null;
      do {
        const next: Awaited<ReturnType<typeof page>> = await page({ orderby, limit: 2, start });
        expect(next?.events.length).toBeLessThanOrEqual(2);
        found.push(...(next?.events.map(({ entityId }) => entityId) ?? []));
        start = next?.next ?? null;
      } while (start !== null);

      expect(found).toEqual(whole?.events.map(({ entityId }) => entityId));
      expect(await page({ orderby, limit: found.length })).toEqual(whole);
    },
  );

  it('pages through events with equal timestamps', async () => {
    const quiet = somebody((each) => hasIdentity('Phone')(each) && each.events.length === 0);
    const identity = identityOf(quiet, 'Phone');
    const ids = Array.from({ length: 5 }, (_, index) => `same-${index}`);
    for (const id of ids) {
      await db.run(
        `INSERT INTO experience_events (sandbox, person, source, "_id", "eventType", "timestamp", "receivedTimestamp")
         VALUES ('prod', $1, 'crm', $2, 'same', TIMESTAMPTZ '2029-06-01 00:00:00.123456Z', TIMESTAMPTZ '2029-06-02 00:00:00Z')`,
        [quiet.person, id],
      );
    }
    const window = {
      identity,
      startTime: new Date('2029-06-01T00:00:00.123Z'),
      endTime: new Date('2029-06-01T00:00:00.124Z'),
    };
    const first = await page({ ...window, limit: 3 });
    const second = await page({ ...window, limit: 3, start: first?.next ?? null });

    expect([first, second].map((each) => each?.events.map(({ entityId }) => entityId))).toEqual([
      ids.slice(0, 3),
      ids.slice(3),
    ]);
  });

  it('respects the window: start inclusive, end exclusive', async () => {
    const [, second, third, fourth] = inOrder();
    const window = await page({
      startTime: new Date(timeOf(second ?? {})),
      endTime: new Date(timeOf(fourth ?? {})),
    });

    expect(window?.events.map(({ entityId }) => entityId)).toEqual([second?.['_id'], third?.['_id']]);
  });

  it('filters by properties of any type', async () => {
    const ids = async (...properties: NonNullable<EventQuery['properties']>) =>
      (await page({ properties }))?.events.map(({ entityId }) => entityId);
    const expected = (holds: (event: Readonly<Record<string, unknown>>) => boolean) =>
      inOrder()
        .filter(holds)
        .map((event) => event['_id']);
    const [middle] = inOrder().slice(2);
    const dayOfMiddle = new Date(timeOf(middle ?? {})).toISOString().slice(0, 10);
    const purchases = { path: 'eventType', comparison: '=', value: 'commerce.purchases' } as const;

    expect(await ids(purchases)).toEqual(expected((event) => event['eventType'] === 'commerce.purchases'));
    expect(await ids({ ...purchases, comparison: '!=' })).toEqual(
      expected((event) => event['eventType'] !== 'commerce.purchases'),
    );
    expect(await ids({ path: 'commerce.order.priceTotal', comparison: '>', value: '10' }, purchases)).toEqual(
      expected((event) => Number(event['commerce.order.priceTotal']) > 10),
    );
    for (const value of [dayOfMiddle, dayOfMiddle.replaceAll('-', '')]) {
      expect(await ids({ path: 'timestamp', comparison: '<', value })).toEqual(
        expected((event) => timeOf(event) < Date.parse(dayOfMiddle)),
      );
    }
  });

  it.each<Partial<EventQuery>>([
    { start: 'x' },
    { start: Buffer.from('12_').toString('base64url') },
    { start: `${Buffer.from('12_a').toString('base64url')}=` },
    { properties: [{ path: 'nothing', comparison: '=', value: '1' }] },
    { properties: [{ path: 'commerce.order.priceTotal', comparison: '=', value: 'much' }] },
    { properties: [{ path: 'timestamp', comparison: '=', value: '2029-02-30' }] },
    { properties: Array.from({ length: 4 }, () => ({ path: 'eventType', comparison: '=' as const, value: 'x' })) },
  ])('rejects %j', async (query) => {
    await expect(page(query)).rejects.toThrow(EventQueryError);
  });

  it('returns null for an unknown identity, and only the events of a fragment without stitching', async () => {
    const unstitched = seededMergePolicies[2]?.id ?? '';
    const own = await page({ mergePolicyId: unstitched });

    expect(await page({ identity: { namespace: 'CRMID', value: 'nobody' } })).toBeNull();
    expect(own?.events.map(({ entityId }) => entityId)).toEqual(
      inOrder()
        .filter((event) => event['source'] === 'crm')
        .map((event) => event['_id']),
    );
  });
});
