import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { UnknownMergePolicyError } from '../../../src/emulator/catalog/find-merge-policy.ts';
import { seededMergePolicies, seededSegments } from '../../../src/emulator/catalog/population.ts';
import {
  evaluateSegments,
  type SegmentEvaluation,
  SegmentExpressionError,
} from '../../../src/emulator/engine/evaluate-segments.ts';
import { exitedLifetimeMs } from '../../../src/emulator/engine/evaluate-segments-memberships.ts';
import { type ExportSelection, exportProfiles } from '../../../src/emulator/engine/export-profiles.ts';
import { seedPopulation } from '../../../src/emulator/seed/population.ts';
import type { Database, Session } from '../../../src/emulator/store/connection.ts';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import { putSeeded } from '../../support/seeded-folder.ts';
import { readPeople } from './pql-people.ts';

const seeded = new Date('2030-01-01T00:00:00Z');
const dayMs = 86_400_000;
const day = (number: number) => new Date(seeded.getTime() + number * dayMs);

interface Membership {
  readonly person: number;
  readonly status: string;
  readonly since: Date;
}

/** A small population, and its directory. */
async function openPopulation(profiles = 120) {
  const directory = await mkdtemp(join(tmpdir(), 'evaluate-segments-test-'));
  const options = { sandbox: 'prod', profiles, seed: 5, now: seeded };
  await putSeeded(directory, JSON.stringify(options), (database) => seedPopulation(database, options));
  const db = await openDatabase({ directory, threads: 1 });
  return {
    directory,
    db,
    evaluate: (evaluation: Omit<SegmentEvaluation, 'sandbox'>) =>
      evaluateSegments(db, { sandbox: 'prod', ...evaluation }),
    /** Memberships in one of the platform's segments, ordered by person. */
    members: (segmentId: string) =>
      db.all<Membership>(
        `SELECT person, status, last_qualification_time AS since FROM segment_memberships
         WHERE sandbox = 'prod' AND segment_ns = 'ups' AND segment_id = $1 ORDER BY person`,
        [segmentId],
      ),
    [Symbol.asyncDispose]: async () => {
      await db[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** All memberships except those of some segments, in a fixed order. */
const allMemberships = (db: Database, except: readonly string[] = []) =>
  db.all('SELECT * FROM segment_memberships WHERE NOT list_contains($1::VARCHAR[], segment_id) ORDER BY ALL', [except]);

const gold = { id: 'new-gold', expression: 'loyalty.tier = "gold"' };
const nobody = { ...gold, expression: 'false' };

const everything: ExportSelection = {
  sandbox: 'prod',
  fields: ['_id'],
  mergePolicyId: null,
  segments: null,
  segmentQualificationTime: null,
  fromIngestTimestamp: null,
  emptyProfiles: true,
  events: null,
};

describe('an evaluation of segments', () => {
  it('makes profiles that fulfil the expression members as of now, and changes nothing else', async () => {
    await using population = await openPopulation();
    const { db } = population;
    await seedPopulation(db, { sandbox: 'stage', profiles: 120, seed: 5, now: seeded });
    const before = await allMemberships(db);
    const people = await readPeople(db, 'prod');
    await population.evaluate({ segments: [gold], now: day(1) });

    const expected = people
      .filter(({ attributes }) => attributes['loyalty.tier'] === 'gold')
      .map(({ person }) => person);
    expect(expected.length).toBeGreaterThan(5);
    expect(await population.members(gold.id)).toEqual(
      expected.toSorted((a, b) => a - b).map((person) => ({ person, status: 'realized', since: day(1) })),
    );
    expect(await allMemberships(db, [gold.id])).toEqual(before);
    expect(await db.all(`SELECT DISTINCT sandbox FROM segment_memberships WHERE segment_id = $1`, [gold.id])).toEqual([
      { sandbox: 'prod' },
    ]);
  });

  it('distinguishes remaining members from new ones, and keeps the time at which they entered', async () => {
    await using population = await openPopulation();
    await population.evaluate({ segments: [gold], now: day(1) });
    await population.evaluate({ segments: [gold], now: day(2) });
    const existing = await population.members(gold.id);
    await population.evaluate({ segments: [gold], now: day(3), membershipModel: 'two-state' });

    expect(new Set(existing.map(({ status }) => status))).toEqual(new Set(['existing']));
    expect(new Set(existing.map(({ since }) => since.getTime()))).toEqual(new Set([day(1).getTime()]));
    expect(await population.members(gold.id)).toEqual(existing.map((each) => ({ ...each, status: 'realized' })));
  });

  it('lists former members for 30 days, readmits them as new members, and removes the others', async () => {
    await using population = await openPopulation();
    const half = { ...gold, expression: 'loyalty.tier = "gold" and loyalty.points < 11500' };
    await population.evaluate({ segments: [gold], now: day(1) });
    await population.evaluate({ segments: [nobody], now: day(2) });
    const left = await population.members(gold.id);
    await population.evaluate({ segments: [nobody], now: new Date(day(2).getTime() + exitedLifetimeMs) });
    const after30Days = await population.members(gold.id);
    await population.evaluate({ segments: [half], now: new Date(day(2).getTime() + exitedLifetimeMs + 1) });
    const returned = await population.members(gold.id);

    expect(new Set(left.map(({ status }) => status))).toEqual(new Set(['exited']));
    expect(new Set(left.map(({ since }) => since.getTime()))).toEqual(new Set([day(2).getTime()]));
    expect(after30Days).toEqual(left);
    expect(returned.length).toBeGreaterThan(0);
    expect(returned.length).toBeLessThan(left.length);
    expect(new Set(returned.map(({ status }) => status))).toEqual(new Set(['realized']));
    expect(new Set(returned.map(({ since }) => since.getTime()))).toEqual(new Set([day(32).getTime() + 1]));
  });

  it('agrees after any sequence of runs with a model that treats one person at a time', async () => {
    await using population = await openPopulation();
    const people = await readPeople(population.db, 'prod');
    const points = (threshold: number) => ({
      expression: `loyalty.points >= ${threshold}`,
      holds: (value: unknown) => typeof value === 'number' && value >= threshold,
    });
    const runs = fc.array(
      fc.record({
        daysLater: fc.integer({ min: 1, max: 25 }),
        rule: fc.constantFrom(5000, 10_000, 15_000).map(points),
        membershipModel: fc.constantFrom('three-state' as const, 'two-state' as const),
      }),
      { minLength: 1, maxLength: 6 },
    );
    let segment = 0;
    await fc.assert(
      fc.asyncProperty(runs, async (sequence) => {
        const id = `segment-${segment++}`;
        const model = new Map<number, Membership>();
        let now = day(1);
        for (const { daysLater, rule, membershipModel } of sequence) {
          now = new Date(now.getTime() + daysLater * dayMs);
          const staying = membershipModel === 'two-state' ? 'realized' : 'existing';
          for (const { person, attributes } of people) {
            const old = model.get(person);
            const wasIn = old !== undefined && old.status !== 'exited';
            if (rule.holds(attributes['loyalty.points'])) {
              model.set(person, wasIn ? { ...old, status: staying } : { person, status: 'realized', since: now });
            } else if (wasIn) {
              model.set(person, { person, status: 'exited', since: now });
            } else if (old !== undefined && now.getTime() - old.since.getTime() > exitedLifetimeMs) {
              model.delete(person);
            }
          }
          await population.evaluate({ segments: [{ id, expression: rule.expression }], now, membershipModel });
          expect(await population.members(id)).toEqual([...model.values()].toSorted((a, b) => a.person - b.person));
        }
      }),
      { numRuns: 12 },
    );
  });

  it('keeps the seeded members, and adds none', async () => {
    await using population = await openPopulation(600);
    const segments = seededSegments.flatMap(({ id, expression }) => (expression === null ? [] : [{ id, expression }]));
    const before = await Promise.all(segments.map(({ id }) => population.members(id)));
    const { bySegment } = await population.evaluate({ segments, now: seeded });
    const after = await Promise.all(segments.map(({ id }) => population.members(id)));

    const oldest = seeded.getTime() - exitedLifetimeMs;
    const expected = before.map((members) =>
      members
        .filter(({ status, since }) => status !== 'exited' || since.getTime() >= oldest)
        .map((each) => (each.status === 'exited' ? each : { ...each, status: 'existing' })),
    );
    expect(after).toEqual(expected);
    for (const [number, { id }] of segments.entries()) {
      const statuses = expected[number]?.map(({ status }) => status) ?? [];
      const existing = statuses.filter((status) => status === 'existing').length;
      expect(bySegment[id]).toMatchObject({
        total: existing,
        byStatus: { realized: 0, existing, exited: statuses.length - existing },
      });
      expect(existing).toBeGreaterThan(0);
    }
  });

  it('counts members by namespace and status, and profiles', async () => {
    await using population = await openPopulation();
    const segments = [gold, { id: 'empty', expression: 'false' }];
    await population.evaluate({ segments: [{ ...gold, expression: 'loyalty.points < 10000' }], now: day(1) });
    const result = await population.evaluate({ segments, now: day(2) });

    const people = await readPeople(population.db, 'prod');
    const holds = (points: unknown, from: number, to: number) =>
      typeof points === 'number' && points >= from && points < to;
    const count = (from: number, to: number) =>
      people.filter(({ attributes }) => holds(attributes['loyalty.points'], from, to)).length;
    const members = people.filter(({ attributes }) => attributes['loyalty.tier'] === 'gold');
    const known = (namespace: string) =>
      members.filter(({ attributes }) => attributes[`identity.${namespace}`] !== null).length;
    expect(result).toEqual({
      totalProfiles: people.length,
      totalProfilesByMergePolicy: { [seededMergePolicies[0]?.id ?? '']: people.length },
      bySegment: {
        [gold.id]: {
          total: members.length,
          byNamespace: Object.fromEntries(
            ['CRMID', 'Loyalty', 'Email', 'Phone', 'ECID'].map((each) => [each, known(each)]),
          ),
          // Silver starts at 2,000 points, gold is from 8,000 to 15,000.
          byStatus: { existing: count(8000, 10_000), realized: count(10_000, 15_000), exited: count(0, 8000) },
        },
        empty: { total: 0, byNamespace: {}, byStatus: { realized: 0, existing: 0, exited: 0 } },
      },
    });
  });

  it('makes an export by status and qualification window select the right people, run after run', async () => {
    await using population = await openPopulation();
    const { db, directory } = population;
    const exported = async (statuses: readonly string[], from: Date | null = null) => {
      const { parts } = await exportProfiles(
        db,
        {
          ...everything,
          segments: [{ segmentNs: 'UPS', segmentId: gold.id, statuses }],
          segmentQualificationTime: { startTime: from, endTime: null },
        },
        join(directory, 'export'),
      );
      const rows = await Promise.all(
        parts.map(async ({ path }) => parquetReadObjects({ file: await asyncBufferFromFile(path) })),
      );
      return rows
        .flat()
        .map((row) => Number(String(row['_id']).replace(/\D/g, '')))
        .toSorted((a, b) => a - b);
    };
    await population.evaluate({ segments: [gold], now: day(1) });
    const first = (await population.members(gold.id)).map(({ person }) => person);
    const [leaver = 0] = first;
    const [joiner] = await db.all<{ person: number }>(
      `SELECT person FROM profile_fragments WHERE sandbox = 'prod' AND "loyalty.tier" = 'silver' ORDER BY person LIMIT 1`,
    );
    const setTier = (person: number, tier: string) =>
      db.run(
        `UPDATE profile_fragments SET "loyalty.tier" = $1 WHERE person = $2 AND sandbox = 'prod' AND "loyalty.tier" IS NOT NULL`,
        [tier, person],
      );
    await setTier(leaver, 'silver');
    await setTier(joiner?.person ?? 0, 'gold');

    expect(await exported(['realized'])).toEqual(first);
    await population.evaluate({ segments: [gold], now: day(2) });
    expect(await exported(['realized'])).toEqual([joiner?.person]);
    expect(await exported(['exited'])).toEqual([leaver]);
    expect(await exported(['existing'])).toEqual(first.filter((person) => person !== leaver));
    expect(await exported(['realized', 'existing', 'exited'], day(2))).toEqual(
      [joiner?.person ?? 0, leaver].toSorted((a, b) => a - b),
    );
    await population.evaluate({ segments: [gold], now: day(3) });
    expect(await exported(['realized'])).toEqual([]);
  });

  it('evaluates each segment with its own merge policy', async () => {
    await using population = await openPopulation();
    const [, crmFirst, unstitched] = seededMergePolicies;
    const expression = 'homeAddress.countryCode = "DE"';
    const result = await population.evaluate({
      segments: [
        { id: 'a', expression },
        { id: 'b', expression, mergePolicyId: crmFirst?.id ?? null },
        { id: 'c', expression, mergePolicyId: unstitched?.id ?? null },
      ],
      now: day(1),
    });
    const [row] = await population.db.all<{ crm: number; any: number; fragments: number }>(
      `SELECT count(DISTINCT person) FILTER (coalesce(c, l) = 'DE') AS crm, count(DISTINCT person) FILTER (c = 'DE' OR l = 'DE') AS any,
         sum(fragments) AS fragments
       FROM (SELECT person, any_value("homeAddress.countryCode") FILTER (source <> 'loyalty') AS c,
           any_value("homeAddress.countryCode") FILTER (source = 'loyalty') AS l, count(*) AS fragments
         FROM profile_fragments WHERE sandbox = 'prod' GROUP BY person)`,
    );

    expect(result.bySegment['b']?.total).toBe(row?.crm);
    expect(result.bySegment['c']?.total).toBe(row?.any);
    expect(result.bySegment['a']?.total).not.toBe(row?.crm);
    expect(Object.keys(result.totalProfilesByMergePolicy)).toEqual(seededMergePolicies.map(({ id }) => id));
    expect(result.totalProfilesByMergePolicy[unstitched?.id ?? '']).toBe(row?.fragments);
  });

  it('reads memberships in other segments as they were before the evaluation', async () => {
    await using population = await openPopulation();
    const follower = { id: 'follower', expression: `inSegment("${gold.id}")` };
    const first = await population.evaluate({ segments: [gold, follower], now: day(1) });
    const second = await population.evaluate({ segments: [nobody, follower], now: day(2) });
    const third = await population.evaluate({ segments: [follower], now: day(3) });

    expect(first.bySegment['follower']?.total).toBe(0);
    expect(second.bySegment['follower']?.total).toBe(first.bySegment[gold.id]?.total);
    expect(third.bySegment['follower']?.byStatus).toEqual({
      realized: 0,
      existing: 0,
      exited: first.bySegment[gold.id]?.total,
    });
  });

  it('changes nothing when an expression cannot be evaluated, and names the segment and the position', async () => {
    await using population = await openPopulation();
    const before = await allMemberships(population.db);
    const wrong = { id: 'wrong', expression: 'loyalty.tier = gold' };
    const error = await population
      .evaluate({ segments: [gold, wrong], now: day(1) })
      .catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(SegmentExpressionError);
    expect(error).toMatchObject({ segmentId: 'wrong', cause: { position: 15, line: 1, column: 16 } });
    await expect(population.evaluate({ segments: [gold], mergePolicyId: 'other', now: day(1) })).rejects.toThrow(
      UnknownMergePolicyError,
    );
    expect(await allMemberships(population.db)).toEqual(before);
  });

  it('changes nothing when it is aborted, at any statement', async () => {
    await using population = await openPopulation();
    const { db } = population;
    await population.evaluate({ segments: [gold], now: day(1) });
    const before = await allMemberships(db);
    const segments = [nobody, { id: 'other', expression: 'testProfile' }];

    for (let statements = 0; ; statements += 1) {
      const abort = new AbortController();
      if (statements === 0) abort.abort(new Error('stopped'));
      const outcome = await evaluateSegments(
        abortingAfter(db, statements, abort),
        { sandbox: 'prod', segments, now: day(2) },
        abort.signal,
      ).catch((reason: unknown) => reason);
      if (!abort.signal.aborted) {
        expect(statements).toBeGreaterThan(5);
        break;
      }
      expect(outcome).toEqual(new Error('stopped'));
      expect(await allMemberships(db)).toEqual(before);
    }
    expect((await population.members(gold.id)).every(({ status }) => status === 'exited')).toBe(true);
  });

  it('has the same result when it runs concurrently with another one as when one waits for the other', async () => {
    await using population = await openPopulation();
    const [first, second] = await Promise.all([
      population.evaluate({ segments: [gold], now: day(1) }),
      population.evaluate({ segments: [gold], now: day(2) }),
    ]);

    expect(first.bySegment[gold.id]?.byStatus.realized).toBeGreaterThan(0);
    expect(second.bySegment[gold.id]?.byStatus).toEqual({
      realized: 0,
      existing: first.bySegment[gold.id]?.total,
      exited: 0,
    });
  });
});

/** A database whose session aborts after a number of statements. */
function abortingAfter(db: Database, statements: number, abort: AbortController): Database {
  return Object.assign(Object.create(db, { fields: { value: db.fields } }), {
    session: <T>(work: (session: Session) => Promise<T>, signal?: AbortSignal) => {
      let left = statements;
      const counted = async <Result>(run: () => Promise<Result>): Promise<Result> => {
        const result = await run();
        left -= 1;
        if (left === 0) abort.abort(new Error('stopped'));
        return result;
      };
      return db.session(
        (session) =>
          work({
            all: (sql, parameters) => counted(() => session.all(sql, parameters)),
            run: (sql, parameters) => counted(() => session.run(sql, parameters)),
            transaction: (inner) => session.transaction(inner),
          }),
        signal,
      );
    },
  });
}
