import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededSegments } from '../../../src/emulator/catalog/population.ts';
import {
  countProfiles,
  type ExportSelection,
  ExportSelectionError,
  exportProfiles,
} from '../../../src/emulator/engine/export-profiles.ts';
import { seedPopulation } from '../../../src/emulator/seed/population.ts';
import type { Database } from '../../../src/emulator/store/connection.ts';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import type { ExportResult } from '../../../src/emulator/store/platform-store-batch-files.ts';
import { canonicalRows, expectedExport, type Population, policyIds, readPopulation } from './engine-reference.ts';

const now = new Date('2030-01-01T00:00:00Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
const everything: ExportSelection = {
  sandbox: 'prod',
  fields: null,
  mergePolicyId: null,
  segments: null,
  segmentQualificationTime: null,
  fromIngestTimestamp: null,
  emptyProfiles: false,
  events: null,
};
const allEvents = { fields: null, fromIngestTimestamp: null, toIngestTimestamp: null };

let directory: string;
let db: Database;
let population: Population;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'engine-test-'));
  db = await openDatabase({ directory });
  await seedPopulation(db, { sandbox: 'prod', profiles: 240, seed: 3, now });
  await seedPopulation(db, { sandbox: 'stage', profiles: 50, seed: 3, now });
  population = await readPopulation(db, 'prod');
});

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function readParts({ parts }: ExportResult): Promise<Record<string, unknown>[]> {
  const files = await Promise.all(
    parts.map(async ({ path, rows, sizeBytes }) => {
      const file = await asyncBufferFromFile(path);
      const objects = await parquetReadObjects({ file });
      expect({ rows, sizeBytes }).toEqual({ rows: objects.length, sizeBytes: file.byteLength });
      return objects;
    }),
  );
  return files.flat();
}

let exports = 0;
const nextFolder = () => join(directory, `export-${exports++}`);

/** Runs an export, compares its files and counts with the expected content of the population, and returns the rows. */
async function verifiedExport(selection: ExportSelection): Promise<Record<string, unknown>[]> {
  const result = await exportProfiles(db, selection, nextFolder());
  const rows = await readParts(result);
  const expected = expectedExport(population, selection);
  expect(canonicalRows(rows)).toEqual(canonicalRows(expected.rows));
  expect(result.profiles).toBe(rows.length);
  expect(result.profilesByNamespace).toEqual(expected.profilesByNamespace);
  expect(await countProfiles(db, selection)).toBe(rows.length);
  return rows;
}

describe('an export', () => {
  it('of everything has one row per profile with all its data', async () => {
    const rows = await verifiedExport({ ...everything, events: allEvents });

    expect(rows).toHaveLength(240);
  });

  it('has exactly the requested columns', async () => {
    const rows = await verifiedExport({
      ...everything,
      fields: [
        'person',
        'homeAddress.city',
        'personalEmail.address',
        'identities.id',
        'not.there',
        'homeAddress.nor',
        'person.x.y',
      ],
    });

    expect(Object.keys(rows[0] ?? {})).toEqual(['person', 'personalEmail', 'homeAddress', 'identities']);
    const columns = await columnsOf(
      await exportProfiles(db, { ...everything, fields: ['homeAddress.city'] }, nextFolder()),
    );
    expect(columns).toEqual(['homeAddress', 'homeAddress.city']);
  });

  it('has null for an object with only null values', async () => {
    const rows = await verifiedExport({ ...everything, fields: ['mobilePhone', 'identityMap'] });

    expect(rows.filter(({ mobilePhone }) => mobilePhone == null).length).toBeGreaterThan(50);
    expect(rows.filter(({ mobilePhone }) => mobilePhone != null).length).toBeGreaterThan(50);
  });

  it('selects single namespaces of the maps', async () => {
    const rows = await verifiedExport({
      ...everything,
      fields: ['identityMap.ECID', 'identityMap.Email', 'segmentMembership.AAM'],
    });

    const namespaces = rows.flatMap(({ identityMap }) => Object.keys(identityMap ?? {}));
    expect(new Set(namespaces)).toEqual(new Set(['ECID', 'Email']));
  });

  it('merges with the named policy', async () => {
    const fields = ['identities.id', 'person.name.lastName', 'homeAddress', 'loyalty', 'preferredLanguage'];
    const byTime = await verifiedExport({ ...everything, fields, mergePolicyId: policyIds.timestampOrdered });
    const crmFirst = await verifiedExport({ ...everything, fields, mergePolicyId: policyIds.crmFirst });
    const fragments = await verifiedExport({
      ...everything,
      fields,
      mergePolicyId: policyIds.noStitching,
      events: allEvents,
    });

    expect(canonicalRows(await verifiedExport({ ...everything, fields }))).toEqual(canonicalRows(byTime));
    expect(canonicalRows(byTime)).not.toEqual(canonicalRows(crmFirst));
    expect(fragments.length).toBeGreaterThan(340);
  });

  it('selects members of any of the segments with any of the statuses, whatever the case of the namespace', async () => {
    const gold = { segmentId: '7c9e6679-7425-40de-944b-e07fc1f90a02', segmentNs: 'UPS', statuses: ['realized'] };
    const travel = { segmentId: '10329485', segmentNs: 'aam', statuses: ['existing', 'exited'] };
    const sizes = [];
    for (const segments of [
      [gold],
      [travel],
      [gold, travel],
      [{ ...gold, statuses: ['realized', 'existing', 'exited'] }],
    ]) {
      sizes.push((await verifiedExport({ ...everything, fields: ['_id'], segments })).length);
    }

    const [one = 0, other = 0, both = 0, allStatuses = 0] = sizes;
    expect(Math.min(one, other)).toBeGreaterThan(10);
    expect(both).toBeGreaterThan(Math.max(one, other));
    expect(allStatuses).toBeGreaterThan(one);
  });

  it('is empty for a segment in the wrong namespace, for no statuses, and for no segments', async () => {
    const gold = { segmentId: '7c9e6679-7425-40de-944b-e07fc1f90a02', segmentNs: 'AAM', statuses: ['realized'] };

    expect(await verifiedExport({ ...everything, segments: [gold] })).toEqual([]);
    expect(await verifiedExport({ ...everything, segments: [{ ...gold, segmentNs: 'ups', statuses: [] }] })).toEqual(
      [],
    );
    expect(await verifiedExport({ ...everything, segments: [] })).toEqual([]);
  });

  it('filters by the qualification time of the selecting membership, start inclusive and end exclusive', async () => {
    const optIn = { segmentId: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04', segmentNs: 'ups', statuses: ['realized'] };
    const times = population.memberships
      .filter(({ segment_id, status }) => segment_id === optIn.segmentId && status === 'realized')
      .map((membership) => membership.last_qualification_time)
      .toSorted((a, b) => a.getTime() - b.getTime());
    const [startTime = null, , endTime = null] = times.slice(20);
    const selection = { ...everything, fields: ['identities.id'], segments: [optIn] };
    const sizes = [];
    for (const window of [
      { startTime, endTime },
      { startTime, endTime: null },
      { startTime: null, endTime: startTime },
    ]) {
      sizes.push((await verifiedExport({ ...selection, segmentQualificationTime: window })).length);
    }

    expect(sizes).toEqual([2, times.length - 20, 20]);
  });

  it('without segments filters by the qualification time of any membership', async () => {
    const window = { startTime: daysAgo(2), endTime: null };
    const rows = await verifiedExport({
      ...everything,
      fields: ['segmentMembership'],
      segmentQualificationTime: window,
    });

    expect(rows.length).toBeGreaterThan(5);
    expect(rows.length).toBeLessThan(120);
  });

  it('selects profiles updated strictly after the ingest timestamp', async () => {
    const times = population.fragments
      .map(({ updated_at }) => updated_at)
      .toSorted((a, b) => a.getTime() - b.getTime());
    const exactly = times.at(-30);
    if (exactly === undefined) throw new Error('The population is too small.');
    const later = await verifiedExport({ ...everything, fromIngestTimestamp: exactly });
    const from = await verifiedExport({ ...everything, fromIngestTimestamp: new Date(exactly.getTime() - 1) });

    expect(from).toHaveLength(later.length + 1);
    await verifiedExport({ ...everything, fromIngestTimestamp: daysAgo(60), mergePolicyId: policyIds.noStitching });
    await verifiedExport({ ...everything, fromIngestTimestamp: daysAgo(60), emptyProfiles: true });
  });

  it('includes people without a record if requested', async () => {
    const rows = await verifiedExport({ ...everything, emptyProfiles: true, events: allEvents });

    expect(rows).toHaveLength(245);
    expect(rows.filter(({ _id }) => _id == null)).toHaveLength(5);
    await verifiedExport({
      ...everything,
      emptyProfiles: true,
      events: allEvents,
      mergePolicyId: policyIds.noStitching,
    });
  });

  it('includes events by ingestion time, strictly between the bounds, in chronological order', async () => {
    const times = population.events
      .map(({ receivedTimestamp }) => receivedTimestamp)
      .toSorted((a, b) => a.getTime() - b.getTime());
    const [first, last] = [times.at(-101), times.at(-50)];
    if (first === undefined || last === undefined) throw new Error('The population is too small.');
    const events = {
      fields: ['timestamp', 'commerce.order', 'productListItems.SKU', 'not.there'],
      fromIngestTimestamp: first,
      toIngestTimestamp: last,
    };
    const rows = await verifiedExport({ ...everything, fields: ['identityMap'], emptyProfiles: true, events });

    const lists = rows.map(({ experienceEvents }) => experienceEvents);
    expect(lists.reduce<number>((sum, list) => sum + (Array.isArray(list) ? list.length : Number.NaN), 0)).toBe(50);
  });

  it('reads only the named sandbox', async () => {
    const stage = await exportProfiles(db, { ...everything, sandbox: 'stage', events: allEvents }, nextFolder());

    expect(canonicalRows(await readParts(stage))).toEqual(
      canonicalRows(expectedExport(await readPopulation(db, 'stage'), { ...everything, events: allEvents }).rows),
    );
    expect(await countProfiles(db, { ...everything, sandbox: 'stage' })).toBe(50);
  });

  it('without profiles is one valid file with the requested columns', async () => {
    const result = await exportProfiles(
      db,
      { ...everything, sandbox: 'nowhere', fields: ['_id'], events: allEvents },
      nextFolder(),
    );

    expect(result).toMatchObject({
      parts: [{ name: 'part-00000.parquet', rows: 0 }],
      profiles: 0,
      profilesByNamespace: {},
    });
    expect(await readParts(result)).toEqual([]);
    expect(await columnsOf(result)).toContain('experienceEvents.list.element.web.webPageDetails.URL');
  });

  it('agrees with the population for any selection', async () => {
    await fc.assert(
      fc.asyncProperty(selections, async (selection) => {
        await verifiedExport(selection);
      }),
      { numRuns: 30, seed: 20_300_101 },
    );
  });
});

describe('a selection', () => {
  it('with an unknown merge policy is rejected before anything is written', async () => {
    const folder = nextFolder();
    const refused = exportProfiles(db, { ...everything, mergePolicyId: 'mpid1' }, folder);

    await expect(refused).rejects.toThrow(ExportSelectionError);
    await expect(refused).rejects.toMatchObject({ code: 'UNKNOWN_MERGE_POLICY' });
    await expect(countProfiles(db, { ...everything, mergePolicyId: 'mpid1' })).rejects.toThrow(ExportSelectionError);
    await expect(access(folder)).rejects.toThrow('ENOENT');
  });

  it('without any existing field is rejected, for the profile and for events', async () => {
    const events = { ...allEvents, fields: ['nope', 'web.nope'] };

    await expect(
      exportProfiles(db, { ...everything, fields: ['nope', 'person.nope'] }, nextFolder()),
    ).rejects.toMatchObject({
      code: 'UNKNOWN_FIELDS',
    });
    await expect(exportProfiles(db, { ...everything, events }, nextFolder())).rejects.toMatchObject({
      code: 'UNKNOWN_FIELDS',
    });
  });
});

describe('the files', () => {
  it('replace the content of the folder, even if its name has special characters', async () => {
    const folder = join(directory, 'it\'s a {uuid} "folder"; --');
    const first = await exportProfiles(db, everything, folder);
    await writeFile(join(folder, 'part-00009.parquet'), 'from an earlier run');
    await exportProfiles(db, everything, folder);

    expect(await readdir(folder)).toEqual(['part-00000.parquet']);
    expect(first.parts[0]?.path).toBe(join(folder, 'part-00000.parquet'));
  });

  it('are compressed with snappy and have times in UTC', async () => {
    const { parts } = await exportProfiles(db, { ...everything, fields: ['loyalty'] }, nextFolder());
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(parts[0]?.path ?? ''));

    expect(metadata.row_groups[0]?.columns.map((column) => column.meta_data?.codec)).toEqual([
      'SNAPPY',
      'SNAPPY',
      'SNAPPY',
    ]);
    expect(metadata.schema.find(({ name }) => name === 'joinDate')?.logical_type).toMatchObject({
      isAdjustedToUTC: true,
    });
  });

  it('do not appear when writing fails, and an older export remains', async () => {
    const folder = nextFolder();
    await exportProfiles(db, everything, folder);
    const abort = new AbortController();
    abort.abort(new Error('cancelled'));
    await expect(exportProfiles(db, everything, folder, abort.signal)).rejects.toThrow('cancelled');

    expect(await readdir(folder)).toEqual(['part-00000.parquet']);
    await expect(access(`${folder}.partial`)).rejects.toThrow('ENOENT');
    await expect(exportProfiles(db, everything, join(folder, 'part-00000.parquet', 'below'))).rejects.toThrow(
      'ENOTDIR',
    );
  });
});

describe('an export that is cancelled after its last statement', () => {
  it('leaves no file either', async () => {
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const late: Pick<Database, 'session' | 'fields'> = {
      fields: db.fields,
      session: async (work, signal) => {
        const result = await db.session(work, signal);
        abort.abort(reason);
        return result;
      },
    };
    const folder = nextFolder();
    await expect(exportProfiles(late, everything, folder, abort.signal)).rejects.toBe(reason);

    for (const path of [folder, `${folder}.partial`]) await expect(access(path)).rejects.toThrow('ENOENT');
  });
});

describe('a large export', () => {
  const large: ExportSelection = {
    ...everything,
    sandbox: 'large',
    fields: ['_id'],
    mergePolicyId: policyIds.noStitching,
  };

  beforeAll(async () => {
    // Two fragments per person except for the first person, so that the 50,000th and the next fragment belong to person
    // 25,000.
    await db.run(
      `INSERT INTO profile_fragments (sandbox, person, source, updated_at, "_id")
       SELECT 'large', (n + 1) // 2, CASE n % 2 WHEN 0 THEN 'crm' ELSE 'loyalty' END, $1, 'fragment-' || n FROM range(80_000) rows(n)`,
      [now],
    );
  });

  it('is split into parts that have every profile exactly once, even if a split separates the fragments of a person', async () => {
    const result = await exportProfiles(db, large, nextFolder());
    const rows = await readParts(result);
    expect(result.parts.map(({ name, rows: count }) => [name, count])).toEqual([
      ['part-00000.parquet', 50_000],
      ['part-00001.parquet', 30_000],
    ]);
    expect(new Set(rows.map(({ _id }) => _id)).size).toBe(80_000);
  });

  it('leaves no file when it is cancelled while it writes', async () => {
    const folder = nextFolder();
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const exporting = exportProfiles(db, { ...large, fields: null, events: allEvents }, folder, abort.signal);
    const cancelled = expect(exporting).rejects.toBe(reason);
    const written = () => readdir(`${folder}.partial`).catch(() => []);
    while (!(await written()).some((name) => name.endsWith('.parquet'))) await new Promise(setImmediate);
    abort.abort(reason);
    await cancelled;

    const left = (await readdir(directory)).filter((name) => join(directory, name).startsWith(folder));
    expect(left).toEqual([]);
  });
});

async function columnsOf({ parts }: ExportResult): Promise<string[]> {
  const { schema } = await parquetMetadataAsync(await asyncBufferFromFile(parts[0]?.path ?? ''));
  const paths: string[] = [];
  const visit = (prefix: string, index: number): number => {
    const element = schema[index];
    const path = index === 0 ? '' : `${prefix}${element?.name}`;
    if (index > 0) paths.push(path);
    let next = index + 1;
    for (let child = 0; child < (element?.num_children ?? 0); child += 1)
      next = visit(index === 0 ? '' : `${path}.`, next);
    return next;
  };
  visit('', 0);
  return paths;
}

const time = fc.option(fc.integer({ min: 0, max: 400 * 24 }).map((hours) => daysAgo(hours / 24)));
const recently = fc.option(fc.integer({ min: 0, max: 60 * 24 }).map((hours) => daysAgo(hours / 24)));
const statuses = fc.subarray(['realized', 'existing', 'exited']);
const profilePaths = [
  '_id',
  'person',
  'person.name.lastName',
  'homeAddress',
  'homeAddress.city',
  'loyalty.points',
  'consents.marketing',
];
const derivedPaths = [
  'identities',
  'identities.id',
  'identities.namespace.code',
  'identityMap',
  'identityMap.ECID',
  'segmentMembership',
  'segmentMembership.ups',
];
const eventPaths = [
  '_id',
  'eventType',
  'timestamp',
  'web',
  'environment.browserDetails.name',
  'commerce.order.priceTotal',
  'productListItems',
  'productListItems.name',
];
const someOf = (paths: readonly string[]) => fc.option(fc.subarray([...paths, 'nope'], { minLength: 2 }));

const selections: fc.Arbitrary<ExportSelection> = fc.record({
  sandbox: fc.constant('prod'),
  fields: someOf([...profilePaths, ...derivedPaths]),
  mergePolicyId: fc.option(fc.constantFrom(...Object.values(policyIds))),
  segments: fc.option(
    fc.array(
      fc
        .record({ segment: fc.constantFrom(...seededSegments), upper: fc.boolean(), statuses })
        .map(({ segment: { id, namespace }, upper, statuses: asked }) => ({
          segmentId: id,
          segmentNs: upper ? namespace.toUpperCase() : namespace,
          statuses: asked,
        })),
      { maxLength: 3 },
    ),
  ),
  segmentQualificationTime: fc.option(fc.record({ startTime: recently, endTime: recently })),
  fromIngestTimestamp: time,
  emptyProfiles: fc.boolean(),
  events: fc.option(fc.record({ fields: someOf(eventPaths), fromIngestTimestamp: time, toIngestTimestamp: time })),
});
