import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededMergePolicies, seededSegments } from '../../../src/emulator/catalog/population.ts';
import { type PopulationOptions, seedPopulation } from '../../../src/emulator/seed/population.ts';
import type { Database } from '../../../src/emulator/store/connection.ts';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import { storedPaths } from '../../../src/emulator/xdm/field.ts';
import { eventSchema, identityNamespaces, profileAttributes } from '../../../src/emulator/xdm/schema.ts';

const now = new Date('2030-01-01T12:00:00Z');
const base = { sandbox: 'prod', profiles: 2000, seed: 7, now };
const tables = ['profile_fragments', 'experience_events', 'segment_memberships'];

let directory: string;
let db: Database;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'population-test-'));
  db = await openDatabase({ directory });
  await seedPopulation(db, base);
});

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A digest of a sandbox's data that does not depend on the order of rows. */
async function digest(from: Database, sandbox: string): Promise<unknown[]> {
  const rows = tables.map((table) =>
    from.all(
      `SELECT count(*) AS n, sum(hash(t)) AS h FROM (SELECT * EXCLUDE (sandbox) FROM ${table} WHERE sandbox = $1) t`,
      [sandbox],
    ),
  );
  return (await Promise.all(rows)).flat();
}

async function digestOf(options: PopulationOptions): Promise<unknown[]> {
  const other = await mkdtemp(join(tmpdir(), 'population-test-'));
  try {
    await using database = await openDatabase({ directory: other, threads: 1 });
    await seedPopulation(database, options);
    return await digest(database, options.sandbox);
  } finally {
    await rm(other, { recursive: true });
  }
}

describe('a seeded population', () => {
  it('is the same for the same options and differs for others', async () => {
    const original = await digest(db, 'prod');

    expect(await digestOf(base)).toEqual(original);
    expect(await digestOf({ ...base, seed: 8 })).not.toEqual(original);
    expect(await digestOf({ ...base, sandbox: 'development' })).not.toEqual(original);
    expect(await digestOf({ ...base, now: new Date('2030-01-02T12:00:00Z') })).not.toEqual(original);
  });

  it('is the same for any portion size', async () => {
    // 2,040 people, so the last portion has one person.
    expect(await digestOf({ ...base, portion: 2_039 })).toEqual(await digest(db, 'prod'));
    expect(await digestOf({ ...base, portion: 400 })).toEqual(await digest(db, 'prod'));
  });

  it('does not change when it exists, and does not affect another sandbox', async () => {
    const original = await digest(db, 'prod');
    await seedPopulation(db, { ...base, profiles: 10, seed: 1 });
    await seedPopulation(db, { ...base, sandbox: 'stage', profiles: 10 });

    expect(await digest(db, 'prod')).toEqual(original);
    expect(
      await db.all(`SELECT count(DISTINCT person) AS people FROM profile_fragments WHERE sandbox = 'stage'`),
    ).toEqual([{ people: 11 }]);
  });

  it('is created atomically', async () => {
    const abort = new AbortController();
    abort.abort(new Error('stopped'));
    await expect(seedPopulation(db, { ...base, sandbox: 'half' }, abort.signal)).rejects.toThrow('stopped');
    const failing = { ...base, sandbox: 'half', profiles: 1_000_000_000_000 };
    const late = new AbortController();
    const seeding = seedPopulation(db, failing, late.signal);
    late.abort(new Error('stopped'));
    await expect(seeding).rejects.toThrow('stopped');

    expect(await digest(db, 'half')).toEqual(tables.map(() => ({ n: 0, h: null })));
    expect(await db.all(`SELECT sandbox FROM populations WHERE sandbox = 'half'`)).toEqual([]);
  });

  it('has the given number of people with a record, and some who are known only from events', async () => {
    const people = new Map(
      (
        await db.all<{ sources: string; people: number }>(`SELECT sources, count(*) AS people FROM (
          SELECT person, string_agg(source::VARCHAR, '+' ORDER BY source) AS sources FROM profile_fragments
          WHERE sandbox = 'prod' GROUP BY person) GROUP BY sources ORDER BY sources`)
      ).map((row) => [row.sources, row.people]),
    );

    expect([...people.keys()]).toEqual(['crm', 'crm+loyalty', 'events', 'loyalty']);
    expect(people.get('events')).toBe(40);
    expect([...people.values()].reduce((sum, each) => sum + each)).toBe(2040);
    expect(people.get('crm+loyalty')).toBeGreaterThan(1000);
  });

  it('has, in every namespace, people with and without an identity, and at least one identity per fragment', async () => {
    for (const namespace of identityNamespaces) {
      const [row] = await db.all<{ known: number; fragments: number }>(
        `SELECT count("identity.${namespace}") AS known, count(*) AS fragments FROM profile_fragments WHERE sandbox = 'prod'`,
      );
      expect(row?.known).toBeGreaterThan(200);
      expect(row?.known).toBeLessThan(row?.fragments ?? 0);
    }
    const any = identityNamespaces.map((namespace) => `"identity.${namespace}"`).join(', ');
    expect(await db.all(`SELECT person FROM profile_fragments WHERE coalesce(${any}) IS NULL`)).toEqual([]);
  });

  it('gives no identity to two people', async () => {
    for (const namespace of identityNamespaces) {
      expect(
        await db.all(
          `SELECT "identity.${namespace}" AS id FROM profile_fragments WHERE sandbox = 'prod' AND id IS NOT NULL
           GROUP BY id HAVING count(DISTINCT person) > 1`,
        ),
      ).toEqual([]);
    }
  });

  it('has fragments that contradict each other, updated in either order', async () => {
    const [row] = await db.all<{ orders: number; cities: number; names: number; emails: number; points: number }>(
      `SELECT count(DISTINCT c.updated_at > l.updated_at) AS orders,
        count_if(c."homeAddress.city" <> l."homeAddress.city") AS cities,
        count_if(c."person.name.lastName" <> l."person.name.lastName") AS names,
        count_if(c."identity.Email" <> l."identity.Email") AS emails,
        count_if(c."loyalty.points" <> l."loyalty.points") AS points
       FROM profile_fragments c JOIN profile_fragments l USING (sandbox, person)
       WHERE sandbox = 'prod' AND c.source = 'crm' AND l.source = 'loyalty'`,
    );

    expect(row?.orders).toBe(2);
    for (const conflicts of [row?.cities, row?.names, row?.emails, row?.points]) expect(conflicts).toBeGreaterThan(50);
  });

  it('has about three events per person, each with an existing fragment', async () => {
    const [row] = await db.all<{ events: number; orphans: number; ids: number }>(
      `SELECT count(*) AS events, count_if(f.person IS NULL) AS orphans, count(DISTINCT e."_id") AS ids
       FROM experience_events e LEFT JOIN profile_fragments f USING (sandbox, person, source) WHERE e.sandbox = 'prod'`,
    );

    expect(row?.events).toBeGreaterThan(2.7 * 2040);
    expect(row?.events).toBeLessThan(3.3 * 2040);
    expect(row?.orphans).toBe(0);
    expect(row?.ids).toBe(row?.events);
  });

  it('has events whose fields match their type', async () => {
    const rows = await db.all(
      `SELECT "eventType" AS type, count(*) > 100 AS many, bool_and("web.webPageDetails.URL" LIKE 'https://%') AS page,
        bool_and("environment.browserDetails.userAgent" LIKE '%' || "environment.browserDetails.version") AS agent,
        bool_and(len("productListItems") BETWEEN 1 AND 3) AS items,
        bool_and("commerce.order.priceTotal" > 0 AND "commerce.purchases.value" = 1) AS purchase,
        bool_and("commerce.productViews.value" = 1) AS view
       FROM experience_events WHERE sandbox = 'prod' GROUP BY type ORDER BY type`,
    );
    const common = { many: true, page: true, agent: true };

    expect(rows).toEqual([
      { type: 'commerce.productViews', ...common, items: true, purchase: null, view: true },
      { type: 'commerce.purchases', ...common, items: true, purchase: true, view: null },
      { type: 'web.webpagedetails.pageViews', ...common, items: null, purchase: null, view: null },
    ]);
  });

  it('lies in the 400 days before now, with events ingested after they happened', async () => {
    const [row] = await db.all<{ first: Date; last: Date; ordered: boolean; updated: Date; qualified: Date }>(
      `SELECT min("timestamp") AS first, max("receivedTimestamp") AS last, bool_and("receivedTimestamp" > "timestamp") AS ordered,
        (SELECT max(updated_at) FROM profile_fragments WHERE sandbox = 'prod') AS updated,
        (SELECT max(last_qualification_time) FROM segment_memberships WHERE sandbox = 'prod') AS qualified
       FROM experience_events WHERE sandbox = 'prod'`,
    );
    const day = 86_400_000;

    expect(row?.ordered).toBe(true);
    expect(row?.first.getTime()).toBeGreaterThan(now.getTime() - 401 * day);
    expect(row?.first.getTime()).toBeLessThan(now.getTime() - 390 * day);
    for (const latest of [row?.last, row?.updated, row?.qualified]) {
      expect(latest?.getTime()).toBeLessThanOrEqual(now.getTime());
      expect(latest?.getTime()).toBeGreaterThan(now.getTime() - 10 * day);
    }
  });
});

describe('seeded memberships', () => {
  it('exist in every segment, three namespaces and every status', async () => {
    const rows = await db.all<{ ns: string; id: string; statuses: string[] }>(
      `SELECT segment_ns AS ns, segment_id AS id, list_sort(list(DISTINCT status)) AS statuses
       FROM segment_memberships WHERE sandbox = 'prod' GROUP BY ALL`,
    );

    expect(rows.toSorted(byId)).toEqual(
      seededSegments
        .map(({ namespace, id }) => ({ ns: namespace, id, statuses: ['existing', 'exited', 'realized'] }))
        .toSorted(byId),
    );
    expect(new Set(rows.map(({ ns }) => ns))).toEqual(new Set(['ups', 'AAM', 'AdCloud']));
    expect(
      await db.all(
        'SELECT 1 FROM segment_memberships GROUP BY sandbox, person, segment_ns, segment_id HAVING count(*) > 1',
      ),
    ).toEqual([]);
  });

  it('belong to the people who fulfil the expression', async () => {
    const fragments = await db.all<{ person: number; source: string; updated_at: Date } & Record<string, unknown>>(
      `SELECT * FROM profile_fragments WHERE sandbox = 'prod'`,
    );
    const memberships = await db.all<{ person: number; id: string }>(
      `SELECT person, segment_id AS id FROM segment_memberships WHERE sandbox = 'prod' AND status <> 'exited'`,
    );
    const byPerson = new Map<number, typeof fragments>();
    for (const fragment of fragments) {
      byPerson.set(fragment.person, [...(byPerson.get(fragment.person) ?? []), fragment]);
    }

    for (const { id, expression } of seededSegments) {
      if (expression === null) continue;
      const matching = [...byPerson].filter(([, own]) => {
        const latestFirst = own.toSorted((a, b) => b.updated_at.getTime() - a.updated_at.getTime());
        return holds(expression, (path) => latestFirst.map((each) => each[path]).find((value) => value !== null));
      });
      const members = memberships.filter((each) => each.id === id).map(({ person }) => person);
      expect(members.toSorted((a, b) => a - b)).toEqual(matching.map(([person]) => person).toSorted((a, b) => a - b));
    }
  });
});

describe('the catalogue', () => {
  it('has exactly one default merge policy and at most the five that the platform allows', () => {
    expect(seededMergePolicies.filter((policy) => policy.default)).toHaveLength(1);
    expect(seededMergePolicies.length).toBeLessThanOrEqual(5);
  });

  it('has unique segments, with PQL for those that the platform evaluates', () => {
    expect(new Set(seededSegments.map(({ id }) => id)).size).toBe(seededSegments.length);
    expect(new Set(seededSegments.map(({ name }) => name)).size).toBe(seededSegments.length);
    expect(seededSegments[0]?.expression).toBe('homeAddress.countryCode = "DE" and loyalty.points > 5000');
    expect(seededSegments.filter(({ namespace }) => namespace === 'ups')).toHaveLength(10);
  });

  it('has a column for every attribute and every event field', async () => {
    const columns = async (table: string) =>
      (
        await db.all<{ column_name: string }>(
          'SELECT column_name FROM information_schema.columns WHERE table_name = $1',
          [table],
        )
      )
        .map(({ column_name }) => column_name)
        .toSorted();

    const fragmentKey = [
      'sandbox',
      'person',
      'source',
      'updated_at',
      ...identityNamespaces.map((each) => `identity.${each}`),
    ];
    expect(await columns('profile_fragments')).toEqual([...fragmentKey, ...storedPaths(profileAttributes)].toSorted());
    expect(await columns('experience_events')).toEqual(
      ['sandbox', 'person', 'source', ...storedPaths(eventSchema)].toSorted(),
    );
  });
});

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/** Evaluates a conjunction of comparisons from its text. */
function holds(expression: string, attribute: (path: string) => unknown): boolean {
  return expression.split(' and ').every((comparison) => {
    const [path = '', operator, literal = ''] = comparison.split(/ (=|>=|>|<) /);
    const actual = attribute(path);
    const expected: unknown = JSON.parse(literal);
    if (operator === '=') return actual === expected;
    if (typeof actual !== 'number' || typeof expected !== 'number') return false;
    if (operator === '>') return actual > expected;
    if (operator === '>=') return actual >= expected;
    if (operator === '<') return actual < expected;
    throw new Error(`Not a comparison: ${comparison}`);
  });
}
