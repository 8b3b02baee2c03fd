import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededMergePolicies, seededSegments } from '../../../src/emulator/catalog/population.ts';
import { compileMatches } from '../../../src/emulator/engine/evaluate-segments-matches.ts';
import { PqlError } from '../../../src/emulator/pql/pql-error.ts';
import { maximumDepth, maximumLength, maximumOperations } from '../../../src/emulator/pql/token-reader.ts';
import { seedPopulation } from '../../../src/emulator/seed/population.ts';
import type { Database } from '../../../src/emulator/store/connection.ts';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import { expressions } from './pql-generator.ts';
import { type Person, readPeople } from './pql-people.ts';

const now = new Date('2030-03-31T12:00:00Z');
const segmentIds = seededSegments.filter(({ namespace }) => namespace === 'ups').map(({ id }) => id);

let directory: string;
let db: Database;
let people: readonly Person[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pql-test-'));
  db = await openDatabase({ directory });
  await seedPopulation(db, { sandbox: 'prod', profiles: 300, seed: 11, now });
  people = await readPeople(db, 'prod');
});

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** The people who fulfil each expression, in order. */
async function evaluate(texts: readonly string[], policyId?: string): Promise<readonly (readonly number[])[]> {
  const policy = seededMergePolicies.find((each) => (policyId === undefined ? each.default : each.id === policyId));
  if (policy === undefined) throw new Error('The merge policy does not exist.');
  const segments = texts.map((expression, number) => ({ number, expression }));
  const { sql, parameters } = compileMatches('prod', policy, segments, now, (_, compile) => compile());
  const rows = await db.all<{ person: number; number: number }>(`SELECT * FROM (${sql}) ORDER BY person`, parameters);
  return texts.map((_, number) => rows.filter((row) => row.number === number).map(({ person }) => person));
}

const everyone = (holds: (person: Person) => boolean) =>
  people
    .filter(holds)
    .map(({ person }) => person)
    .toSorted((a, b) => a - b);

/** Number of people who fulfil each expression. */
const counts = async (...texts: readonly string[]) => (await evaluate(texts)).map((found) => found.length);

describe('PQL over profiles', () => {
  it('agrees with an interpreter of the same expression, for every person', async () => {
    const expressionsPerRun = 8;
    await fc.assert(
      fc.asyncProperty(
        fc.array(expressions(now, segmentIds), { minLength: expressionsPerRun, maxLength: expressionsPerRun }),
        async (expected) => {
          const found = await evaluate(expected.map(({ text }) => text));
          for (const [number, { text, holds }] of expected.entries()) {
            expect({ text, people: found[number] }).toEqual({ text, people: everyone(holds) });
          }
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  it('either raises a PqlError or is evaluated, whatever error an expression has', async () => {
    const mistaken = fc
      .tuple(expressions(now, segmentIds), fc.nat(), fc.nat(), fc.boolean())
      .map(([{ text }, at, length, twice]) => {
        const words = text.split(/(?<=\W)|(?=\W)/);
        const first = at % words.length;
        const piece = words.slice(first, first + 1 + (length % 4));
        return words.toSpliced(first, piece.length, ...(twice ? [...piece, ...piece] : [])).join('');
      });
    let evaluated = 0;
    await fc.assert(
      fc.asyncProperty(mistaken, async (text) => {
        try {
          await evaluate([text]);
          evaluated += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(PqlError);
        }
      }),
      { numRuns: 60 },
    );
    expect(evaluated).toBeGreaterThan(0);
  });

  it('is evaluated at the limits of length, depth and number of operations', async () => {
    const deep = maximumDepth - 2;
    const all = people.length;
    const pad = (unit: string) => unit.repeat(Math.floor((maximumLength - 50) / unit.length));

    expect(
      await counts(
        `${pad('true or ')}true`,
        `${pad('testProfile = true and ')}testProfile`,
        `${'not '.repeat(deep)}(1${' + 1'.repeat(maximumOperations)} > 1)`,
        `${'(1 + '.repeat(deep)}1${')'.repeat(deep)} > 1`,
        `loyalty.points in [${pad('7,')}7]`,
        'person.birthDate occurs < 10000 years before @0001-01-01',
        '@9999-12-31 occurs <= 120000 months after @9999-12-31',
        'homeAddress.city = "\0\ud800"',
      ),
    ).toEqual([
      all,
      everyone(({ attributes }) => attributes['testProfile'] === true).length,
      all,
      all,
      everyone(({ attributes }) => attributes['loyalty.points'] === 7).length,
      0,
      all,
      0,
    ]);
  });

  it('does not fulfil comparisons with an absent value, and negates that with not', async () => {
    const withoutPoints = everyone(({ attributes }) => attributes['loyalty.points'] === null);
    const [less, more, notMore, isNull, other] = await evaluate([
      'loyalty.points < 8000',
      'loyalty.points >= 8000',
      'not loyalty.points >= 8000',
      'loyalty.points.isNull()',
      'loyalty.points != 8000',
    ]);

    expect(isNull).toEqual(withoutPoints);
    expect(withoutPoints.length).toBeGreaterThan(10);
    expect((less?.length ?? 0) + (more?.length ?? 0)).toBe(people.length - withoutPoints.length);
    expect(notMore).toEqual([...(less ?? []), ...withoutPoints].toSorted((a, b) => a - b));
    expect(other).toEqual(everyone(({ attributes }) => attributes['loyalty.points'] !== null));
  });

  it('binds "and" more tightly than "or", and "not" more tightly than "and"', async () => {
    const [found, grouped] = await evaluate([
      'not testProfile and loyalty.tier = "gold" or homeAddress.countryCode = "DE"',
      '((not testProfile) and loyalty.tier = "gold") or homeAddress.countryCode = "DE"',
    ]);

    expect(found).toEqual(
      everyone(
        ({ attributes }) =>
          (attributes['testProfile'] !== true && attributes['loyalty.tier'] === 'gold') ||
          attributes['homeAddress.countryCode'] === 'DE',
      ),
    );
    expect(grouped).toEqual(found);
  });

  it('computes products before sums, from left to right, in double precision', async () => {
    const all = people.length;
    expect(
      await counts(
        '1 + 2 * 3 = 7',
        '10 - 3 - 2 = 5',
        '7 / 2 = 3.5',
        '-7 % 4 = -3',
        '1 / 0 = 1 / 0',
        '9e15 * 9e15 > 8e31',
      ),
    ).toEqual([all, all, all, all, 0, all]);
  });

  it('ends days and months where the next one begins', async () => {
    const all = people.length;
    expect(
      await counts(
        '@2030-03-31T23:59:59Z occurs on today',
        '@2030-04-01 occurs on today',
        '@2030-04-01 occurs tomorrow',
        '@2030-03-30T00:00:00Z occurs yesterday',
        '@2030-03-01 occurs this month',
        '@2030-02-28T23:59:59.999Z occurs last month',
        '@2030-03-01 occurs last month',
        '@2030-03-25 occurs this week',
        '@2030-03-24T23:59:59Z occurs last week',
        '@2031-01-01 occurs next year',
        '@2020-01-01 occurs last decade',
        '@2030-03-31T14:00:00+02:00 occurs now',
        '@2030-03-30T23:00:00-02:00 = @2030-03-31T01:00:00Z',
      ),
    ).toEqual([all, 0, all, all, all, all, 0, all, all, all, all, all, all]);
  });

  it('compares "before" with the start of a period, "after" with its end, and allows a distance from an instant on both sides', async () => {
    const all = people.length;
    expect(
      await counts(
        '@2030-04-01 occurs after today',
        '@2030-03-31T23:59:59.999Z occurs after today',
        '@2030-03-31 occurs from today',
        '@2030-03-30T23:59:59.999Z occurs from today',
        '@2030-03-30T23:59:59.999Z occurs before today',
        '@2030-03-31 occurs before today',
        '@2030-03-31T12:00:00Z occurs after now',
        '@2030-03-31T12:00:00Z occurs from now',
        '@2030-03-31T12:00:00Z occurs before now',
        '@2030-03-31T12:00:00Z occurs between yesterday and now',
        '@2030-03-31T12:00:00.001Z occurs between yesterday and now',
        '@2030-03-31T23:00 occurs between yesterday and today',
        '@2030-04-01 occurs between yesterday and today',
      ),
    ).toEqual([all, 0, all, 0, all, 0, 0, all, 0, all, 0, all, 0]);
  });

  it('measures months by the calendar', async () => {
    const all = people.length;
    expect(
      await counts(
        '@2030-02-28T12:00:00Z occurs <= 1 month before now',
        '@2030-02-28T11:59:59Z occurs <= 1 month before now',
        '@2030-03-28 occurs = 3 days before today',
        '@2030-03-28T23:59:59Z occurs = 3 days before today',
        '@2030-03-29 occurs = 3 days before today',
        '@2030-04-01 occurs <= 3 days before now',
        '@2030-04-03 occurs < 3 days after now',
      ),
    ).toEqual([all, 0, all, all, 0, 0, all]);
  });

  it('compares times with each other', async () => {
    expect(
      await evaluate([
        'loyalty.joinDate occurs after consents.metadata.time',
        'loyalty.joinDate > consents.metadata.time',
      ]),
    ).toEqual(
      Array.from({ length: 2 }, () =>
        everyone(({ attributes }) => {
          const [joined, consented] = [attributes['loyalty.joinDate'], attributes['consents.metadata.time']];
          return joined instanceof Date && consented instanceof Date && joined > consented;
        }),
      ),
    );
  });

  it('counts a plain number in a chain as a minimum', async () => {
    const purchases = ({ events }: Person) =>
      events.filter((event) => event['eventType'] === 'commerce.purchases').length;
    expect(
      await evaluate([
        'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.purchases") COUNT(2)])',
        'CHAIN(xEvent, timestamp, [A: WHAT(A.eventType = "commerce.purchases") COUNTS(>= 2)])',
        'chain(xEvent, timestamp, [A: What(eventType.equals("COMMERCE.PURCHASES", false))])',
      ]),
    ).toEqual([
      everyone((person) => purchases(person) >= 2),
      everyone((person) => purchases(person) >= 2),
      everyone((person) => purchases(person) > 0),
    ]);
  });

  it('returns zero for the sum without events, and no average, minimum and maximum', async () => {
    const all = people.length;
    expect(
      await counts(
        'xEvent[false].sum(commerce.order.priceTotal) = 0',
        'xEvent[false].count() = 0',
        'xEvent[false].average(commerce.order.priceTotal) < 1',
        'xEvent[false].min(commerce.order.priceTotal) < 1',
        'xEvent[false].max(commerce.order.priceTotal) < 1',
        'forall E from xEvent where true',
      ),
    ).toEqual([all, all, 0, 0, 0, all]);
  });

  it.each([
    ['contains', 'bc', 'x'],
    ['startsWith', 'ab', 'bc'],
    ['endsWith', 'cd', 'bc'],
    ['equals', 'abcd', 'abc'],
    ['doesNotContain', 'x', 'bc'],
    ['doesNotStartWith', 'bc', 'ab'],
    ['doesNotEndWith', 'bc', 'cd'],
    ['notEqualTo', 'abc', 'abcd'],
  ])('distinguishes by %s', async (name, yes, no) => {
    const all = people.length;
    expect(
      await counts(`"abcd".${name}("${yes}")`, `"abcd".${name}("${no}")`, `"ABCD".${name}("${no}", false)`),
    ).toEqual([all, 0, 0]);
  });

  it('follows the merge policy, and finds a person by any fragment without stitching', async () => {
    const gold = 'loyalty.points > 8000 and homeAddress.countryCode = "DE"';
    const [stitched] = await evaluate([gold]);
    const [fragments] = await evaluate([gold], seededMergePolicies[2]?.id);
    const rows = await db.all<{ person: number }>(
      `SELECT DISTINCT person FROM profile_fragments WHERE "loyalty.points" > 8000 AND "homeAddress.countryCode" = 'DE' ORDER BY person`,
    );

    expect(fragments).toEqual(rows.map(({ person }) => person));
    expect(fragments).not.toEqual(stitched);
  });

  it('finds exactly the seeded members of every seeded segment', async () => {
    const segments = seededSegments.flatMap(({ id, expression }) => (expression === null ? [] : [{ id, expression }]));
    const found = await evaluate(segments.map(({ expression }) => expression));

    expect(segments).toHaveLength(10);
    for (const [number, { id }] of segments.entries()) {
      expect(found[number]).toEqual(everyone((person) => person.segments.has(id)));
    }
  });
});
