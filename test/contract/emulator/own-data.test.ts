import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/emulator/store/database.ts';
import { eventually } from '../../support/eventually.ts';
import { type Emulator, startSeedingEmulator } from '../../support/platform.ts';
import { callAdmin } from './admin-client.ts';
import { connect, exportBody, type PlatformClient, prodDataset } from './platform-client.ts';
import { define, evaluate } from './segmentation-client.ts';

const entities = '/data/core/ups/access/entities';
const now = new Date('2026-02-01T00:00:00Z');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aep-own-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const lines = (...records: readonly unknown[]) => records.map((record) => JSON.stringify(record)).join('\n');

const ada = {
  identityMap: { Email: [{ id: 'ada@example.org', primary: true }], crmid: [{ id: 'C1' }] },
  person: { name: { firstName: 'Ada', lastName: null }, birthDate: '1990-12-31' },
  loyalty: { points: 12 },
  _acme: { loyalty: { tier: 'gold', score: 1.5, since: '2025-01-01T00:00:00Z', active: true, visits: 3 } },
};
const fields = {
  profile: {
    '_acme.loyalty.tier': 'string',
    '_acme.loyalty.score': 'number',
    '_acme.loyalty.since': 'date-time',
    '_acme.loyalty.active': 'boolean',
    '_acme.loyalty.visits': 'integer',
  },
  event: { '_acme.channel': 'string' },
};
const bob =
  'identityMap.Email,person.name.firstName,loyalty.points,testProfile\r\nbob@example.org,"Bob ""B""",7,true\r\n';

interface Files {
  readonly [name: string]: string;
}

/** Writes the files, and a manifest that lists them by the prefix of their names. */
async function put(files: Files, more: object = {}, sandbox: object = {}): Promise<void> {
  const kinds = ['profiles', 'events', 'segments', 'datasets'];
  const listed = kinds.map((kind) => [kind, Object.keys(files).filter((name) => name.startsWith(kind))]);
  const manifest = { fields, sandboxes: { prod: { ...Object.fromEntries(listed), ...sandbox } }, ...more };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

const start = (options = {}): Promise<Emulator> =>
  startSeedingEmulator({ seedFolder: folder, pace: 'fast', time: { startsAt: now, rate: 1 }, ...options });

async function entity(client: PlatformClient, id: string, schema = '_xdm.context.profile'): Promise<unknown> {
  const related = schema === '_xdm.context.profile' ? 'entityId' : 'relatedEntityId';
  const query = `schema.name=${schema}&${related}=${id}&${related}NS=Email${related === 'entityId' ? '' : '&relatedSchema.name=_xdm.context.profile'}`;
  return (await client.get(`${entities}?${query}`)).body;
}

describe('user data', () => {
  it('is read from JSON Lines and CSV: profiles, events, segments with their members, and datasets', async () => {
    await put({
      'profiles-1.jsonl': `\uFEFF${lines(ada)}\n\n`,
      'profiles-2.csv': bob,
      'events.csv': [
        'identityMap.Email,_id,eventType,timestamp,commerce.order.priceTotal,productListItems,_acme.channel',
        'ada@example.org,e1,commerce.purchases,2026-01-31T10:00:00Z,99.5,"[{""SKU"":""S1"",""quantity"":2}]",web',
        'stranger@example.org,e2,web.webpagedetails.pageViews,2026-01-30T10:00:00+01:00,,,',
      ].join('\n'),
      'segments.jsonl': lines(
        { id: 'gold', name: 'Gold', expression: '_acme.loyalty.tier = "gold" and _acme.loyalty.score > 1' },
        { name: 'Buyers', expression: 'select e from xEvent where e._acme.channel = "web"' },
      ),
      'datasets.csv': 'id,name,profileExport\nmine,My exports,true\nother,Events,false\n',
    });
    await using emulator = await start({ time: { startsAt: now, rate: 0 } });
    const client = await connect(emulator.url);
    const [entry] = Object.values((await entity(client, 'ada@example.org')) as Record<string, { entity: object }>);
    expect(entry?.entity).toMatchObject({
      person: { name: { firstName: 'Ada' }, birthDate: '1990-12-31' },
      _acme: { loyalty: { tier: 'gold', score: 1.5, since: '2025-01-01T00:00:00.000Z', active: true, visits: 3 } },
      identityMap: { Email: [{ id: 'ada@example.org' }], CRMID: [{ id: 'C1' }] },
      segmentMembership: { ups: { gold: { status: 'realized', lastQualificationTime: now.toISOString() } } },
    });
    expect(JSON.stringify(await entity(client, 'bob@example.org'))).toMatch(/Bob \\"B\\"/);
    expect(JSON.stringify(await entity(client, 'bob@example.org'))).not.toContain('gold');
    expect(await entity(client, 'ada@example.org', '_xdm.context.experienceevent')).toMatchObject({
      children: [
        {
          entity: {
            _acme: { channel: 'web' },
            commerce: { order: { priceTotal: 99.5 } },
            productListItems: [{ SKU: 'S1', quantity: 2 }],
          },
        },
      ],
    });
    expect(await entity(client, 'stranger@example.org', '_xdm.context.experienceevent')).toMatchObject({
      children: [{ timestamp: Date.parse('2026-01-30T09:00:00Z') }],
    });
    const catalog = (await client.get<Record<string, { name: string }>>('/data/foundation/catalog/dataSets')).body;
    expect(Object.keys(catalog).toSorted()).toEqual(['mine', 'other']);
    expect((await client.get('/data/core/ups/segment/definitions')).body).toMatchObject({
      segments: expect.arrayContaining([
        expect.objectContaining({ id: 'gold' }),
        expect.objectContaining({ name: 'Buyers' }),
      ]),
    });
    expect((await client.get('/data/core/ups/export/jobs')).body).toMatchObject({ records: [] });
  });

  it('is exported, evaluated by PQL and filtered like generated data, also after a restart and a reset', async () => {
    await put({ 'profiles.jsonl': lines(ada), 'profiles.csv': bob });
    const directory = join(folder, 'state');
    const check = async (emulator: Emulator) => {
      const client = await connect(emulator.url);
      const body = exportBody({ fields: '_acme.loyalty.tier,person.name.firstName' });
      const job = (await client.send<{ id: number }>('POST', '/data/core/ups/export/jobs', body)).body;
      let state = await client.job(job.id);
      while (state.status !== 'SUCCEEDED') state = await client.job(job.id);
      const path = `/data/foundation/export/files/${state.destination.batchId}-1?path=part-00000.parquet`;
      // The files become readable when the batch is promoted, which is after the end of the job.
      const download = await eventually(async () => {
        const response = await client.fetch(path);
        expect(response.status).toBe(200);
        return response;
      });
      const rows = await parquetReadObjects({ file: await download.arrayBuffer() });
      expect(rows).toEqual(
        expect.arrayContaining([{ person: { name: { firstName: 'Ada' } }, _acme: { loyalty: { tier: 'gold' } } }]),
      );
      expect(rows).toHaveLength(2);
      const id = await define(client, `Since ${state.id}`, '_acme.loyalty.since < now');
      const { id: evaluation } = await evaluate(client, id);
      let done: { status?: string; metrics?: { segmentedProfileCounter?: Record<string, number> } } = {};
      while (done.status !== 'SUCCEEDED')
        done = (await client.get<typeof done>(`/data/core/ups/segment/jobs/${evaluation}`)).body;
      expect(done.metrics?.segmentedProfileCounter).toEqual({ [id]: 1 });
    };
    {
      await using emulator = await start({ directory });
      await check(emulator);
    }
    await rm(join(folder, 'manifest.json'));
    await put({ 'profiles.jsonl': lines(ada), 'profiles.csv': bob });
    await using emulator = await start({ directory });
    await check(emulator);
    expect((await callAdmin(emulator, 'POST', '/reset')).status).toBe(204);
    await check(emulator);
  });

  it('is read from Parquet files as written by an export', async () => {
    await put({});
    const path = join(folder, 'profiles.parquet');
    {
      await using database = await openDatabase({ directory: join(folder, 'writer') });
      await database.run(
        `COPY (SELECT MAP {'Email': [{'id': 'p' || i || '@example.org'}]} AS "identityMap",
           {'name': {'firstName': 'P' || i}, 'birthDate': DATE '2000-02-29'} AS person, i AS "loyalty.points",
           TIMESTAMPTZ '2025-06-01 00:00:00+00' AS "_acme.loyalty.since" FROM range(12000) r(i)) TO '${path}' (FORMAT parquet)`,
      );
    }
    await put(
      { 'segments.jsonl': lines({ id: 'rich', name: 'Rich', expression: 'loyalty.points >= 11999' }) },
      {},
      {
        profiles: ['profiles.parquet'],
      },
    );
    await using emulator = await start();
    const client = await connect(emulator.url);
    const last = JSON.stringify(await entity(client, 'p11999@example.org'));
    for (const part of [
      '"birthDate":"2000-02-29"',
      '"points":11999',
      '"since":"2025-06-01T00:00:00.000Z"',
      '"rich":',
    ]) {
      expect(last).toContain(part);
    }
    expect(JSON.stringify(await entity(client, 'p11998@example.org'))).not.toContain('"rich":');
  });

  it('can fill several sandboxes, and its folder is not changed', async () => {
    await put(
      { 'profiles.jsonl': lines(ada) },
      {
        sandboxes: {
          prod: { profiles: ['profiles.jsonl'] },
          stage: { title: 'Stage', type: 'development', profiles: ['profiles.jsonl'] },
        },
      },
    );
    await mkdir(join(folder, 'sub'));
    await chmod(folder, 0o500);
    try {
      await using emulator = await start();
      const stage = await connect(emulator.url, 'stage');
      expect(JSON.stringify(await entity(stage, 'ada@example.org'))).toContain('Ada');
      const list = (await stage.get('/data/foundation/sandbox-management/sandboxes')).body;
      expect(list).toMatchObject({
        sandboxes: [
          { name: 'prod', isDefault: true, type: 'production' },
          { name: 'stage', title: 'Stage', isDefault: false, type: 'development' },
        ],
      });
      expect((await stage.get(`/data/foundation/catalog/dataSets/${prodDataset}`)).status).toBe(200);
      expect((await (await connect(emulator.url, 'dev')).get('/data/foundation/catalog/dataSets')).status).toBe(403);
      expect((await readdir(folder)).toSorted()).toEqual(['manifest.json', 'profiles.jsonl', 'sub']);
    } finally {
      await chmod(folder, 0o700);
    }
  });
});

const email = (id: string) => ({ identityMap: { Email: [{ id }] } });

describe('formats of user data', () => {
  it('include a byte order mark, times without seconds, and names with dots and glob characters', async () => {
    const folderOfPattern = join(folder, 'a=[1]*?');
    await mkdir(folderOfPattern);
    await using database = await openDatabase({ directory: join(folder, 'writer') });
    await database.run(
      `COPY (SELECT 'b@example.org' AS "identityMap.Email", TIMESTAMP '2026-01-02 03:04:05' AS "_acme.since")
       TO '${join(folder, 'b.parquet')}' (FORMAT parquet)`,
    );
    await rename(join(folder, 'b.parquet'), join(folderOfPattern, 'b[2].parquet'));
    await writeFile(
      join(folderOfPattern, '..a.csv'),
      '\ufeffidentityMap.Email,_acme.since\r\na@example.org,2026-01-02T05:04+02:00\r',
    );
    const manifest = {
      fields: { profile: { '_acme.since': 'date-time' } },
      sandboxes: { prod: { profiles: ['..a.csv', 'b[2].parquet'] } },
    };
    await writeFile(join(folderOfPattern, 'manifest.json'), `\ufeff${JSON.stringify(manifest)}`);

    await using emulator = await start({ seedFolder: folderOfPattern });
    const client = await connect(emulator.url);
    const a = Object.values((await entity(client, 'a@example.org')) ?? {});
    expect(a).toEqual([
      expect.objectContaining({ entity: expect.objectContaining({ _acme: { since: '2026-01-02T03:04:00.000Z' } }) }),
    ]);
    const b = Object.values((await entity(client, 'b@example.org')) ?? {});
    expect(b).toEqual([
      expect.objectContaining({ entity: expect.objectContaining({ _acme: { since: '2026-01-02T03:04:05.000Z' } }) }),
    ]);
  });
});

describe('invalid user data', () => {
  it.each<[problem: string, files: Files, message: string | RegExp]>([
    [
      'a line without JSON',
      { 'profiles.jsonl': `${lines(ada)}\n{"person":` },
      'profiles.jsonl line 2: is not a JSON object',
    ],
    ['a list', { 'profiles.jsonl': '[1]' }, 'profiles.jsonl line 1: is not a JSON object'],
    ['no identity', { 'profiles.jsonl': '{"person": {}}' }, 'profiles.jsonl line 1: has no identity in identityMap'],
    [
      'an identity of another profile',
      { 'profiles-1.jsonl': `\n${lines(email('a'))}`, 'profiles-2.csv': 'identityMap.Email\nb\na\n' },
      'profiles-2.csv line 3: has the identity Email a, which profiles-1.jsonl line 2 has',
    ],
    [
      'an unknown namespace',
      { 'profiles.csv': 'identityMap.Fax\n1\n' },
      /profiles\.csv line 2: identityMap\.Fax is not a known namespace; the namespaces are CRMID,/,
    ],
    [
      'two identities',
      { 'profiles.jsonl': lines({ identityMap: { Email: [{ id: 'a' }, { id: 'b' }] } }) },
      /identityMap\.Email has 2 identities/,
    ],
    [
      'an id that is not a string',
      { 'profiles.jsonl': lines({ identityMap: { Email: [{ id: 1 }] } }) },
      /must contain the id as a string/,
    ],
    ['an identity map of text', { 'profiles.csv': 'identityMap\na\n' }, /identityMap must be an object/],
    [
      'an unknown field',
      { 'profiles.jsonl': lines({ ...email('a'), person: { shoe: 43 } }) },
      /line 1: has the unknown field person\.shoe; fields of your own are declared in manifest\.json/,
    ],
    [
      'a date that does not exist, after a value with line breaks',
      {
        'profiles.csv':
          'identityMap.Email,person.name.lastName,person.birthDate\n"a","x\ny",2000-02-29\nb,z,2001-02-29\n',
      },
      'profiles.csv line 4: person.birthDate must be a date such as 1990-12-31, not "2001-02-29"',
    ],
    [
      'text for a number',
      { 'profiles.jsonl': lines({ ...email('a'), loyalty: { points: '7' } }) },
      'loyalty.points must be an integer of at most 32 bits, not "7"',
    ],
    [
      'a fraction for an integer',
      { 'profiles.csv': 'identityMap.Email,loyalty.points\na,7.5\n' },
      'loyalty.points must be an integer of at most 32 bits, not "7.5"',
    ],
    [
      'a boolean in another language',
      { 'profiles.csv': 'identityMap.Email,testProfile\na,ja\n' },
      'testProfile must be true or false, not "ja"',
    ],
    [
      'a time without a zone',
      { 'profiles.jsonl': lines({ ...email('a'), _acme: { loyalty: { since: '2025-01-01T00:00:00' } } }) },
      /since must be a time such as/,
    ],
    [
      'a row that is too short',
      { 'profiles.csv': 'identityMap.Email,testProfile\na\n' },
      'profiles.csv line 2: has 1 values, but the header has 2 names',
    ],
    [
      'a duplicate name',
      { 'profiles.csv': 'identityMap.Email,identityMap.Email\na,b\n' },
      /line 1: is the header, in which "identityMap\.Email" must be a unique name/,
    ],
    [
      'a quote that is not closed',
      { 'profiles.csv': 'identityMap.Email\n"a\n' },
      'profiles.csv line 2: has an unclosed quote',
    ],
    ['a stray quote', { 'profiles.csv': 'identityMap.Email\na"b\n' }, /line 2: has a quote inside an unquoted value/],
    ['text after a quote', { 'profiles.csv': 'identityMap.Email\n"a"b\n' }, /line 2: has text after the quote/],
    ['text that is not Parquet', { 'profiles.parquet': 'no' }, /profiles\.parquet: cannot be read: /],
    [
      'an event without an identity',
      { 'events.jsonl': '{"eventType": "a"}' },
      'events.jsonl line 1: has no timestamp, no identityMap',
    ],
    [
      'a duplicate event',
      {
        'events.csv':
          'identityMap.Email,_id,eventType,timestamp\na,1,x,2025-01-01T00:00:00Z\na,1,x,2025-01-01T00:00:00Z\n',
      },
      'events.csv line 3: has the _id "1", which events.csv line 2 has',
    ],
    [
      'an event of two profiles',
      {
        'profiles.csv': 'identityMap.Email,identityMap.Phone\na,1\nb,2\n',
        'events.jsonl': lines({
          identityMap: { Email: 'a', Phone: '2' },
          eventType: 'x',
          timestamp: '2025-01-01T00:00:00Z',
        }),
      },
      'events.jsonl line 1: has identities of 2 profiles: profiles.csv line 2, profiles.csv line 3',
    ],
    [
      'items that are not a list of objects',
      { 'events.csv': 'identityMap.Email,eventType,timestamp,productListItems\na,x,2025-01-01T00:00:00Z,3\n' },
      /productListItems must be a list of objects/,
    ],
    ['a segment without name', { 'segments.jsonl': lines({ expression: 'true' }) }, /segments\.jsonl line 1: name: /],
    [
      'invalid PQL',
      {
        'segments.jsonl': `${lines({ name: 'A', expression: 'testProfile = true' })}\n${lines({ name: 'B', expression: 'shoe > 1' })}`,
      },
      /segments\.jsonl line 2: expression: .*"shoe".*line 1, column 1/,
    ],
    [
      'an unknown merge policy',
      { 'segments.jsonl': lines({ name: 'A', expression: 'testProfile = true', mergePolicyId: 'x' }) },
      /segments\.jsonl line 1: There is no merge policy/,
    ],
    [
      'a lone surrogate',
      { 'profiles.jsonl': '{"identityMap": {"Email": [{"id": "a\\ud800"}]}}' },
      'profiles.jsonl line 1: is not a JSON object',
    ],
    [
      'a lone surrogate in a column of JSON',
      {
        'events.csv': `identityMap.Email,eventType,timestamp,productListItems\na,x,2026-01-01T00:00:00Z,"[{""SKU"":""\\ud800""}]"\n`,
      },
      'events.csv line 2: productListItems must be a list of objects',
    ],
    [
      'a field with the name of a member of all objects',
      { 'profiles.jsonl': '{"identityMap": {"Email": [{"id": "a"}]}, "__proto__": {"x": 1}}' },
      'profiles.jsonl line 1: has the unknown field __proto__.x',
    ],
    [
      'a value in place of an object',
      { 'profiles.jsonl': lines({ ...email('a'), person: 'Ada' }) },
      'profiles.jsonl line 1: person must be an object with its fields',
    ],
    [
      'one namespace in two spellings',
      { 'profiles.jsonl': lines({ identityMap: { Email: [{ id: 'a' }], email: [{ id: 'b' }] } }) },
      'profiles.jsonl line 1: identityMap has Email twice',
    ],
    [
      'a number that its column cannot hold',
      { 'profiles.jsonl': lines({ ...email('a'), loyalty: { points: 3_000_000_000 } }) },
      'profiles.jsonl line 1: loyalty.points must be an integer of at most 32 bits, not 3000000000',
    ],
    [
      'a quantity that its column cannot hold',
      {
        'events.jsonl': lines({
          ...{ ...email('a'), eventType: 'x', timestamp: '2026-01-01T00:00:00Z' },
          productListItems: [{ quantity: 3_000_000_000 }],
        }),
      },
      'events.jsonl line 1: productListItems must be a list of objects',
    ],
    [
      'a numeral that is too large',
      { 'profiles.csv': 'identityMap.Email,_acme.loyalty.score\na,1e999\n' },
      'profiles.csv line 2: _acme.loyalty.score must be a number, not "1e999"',
    ],
    ['a CSV file without header', { 'profiles.csv': '' }, 'profiles.csv line 1: must be a header'],
    [
      'lines that end in CR alone',
      { 'profiles.csv': 'identityMap.Email\ra\r' },
      'profiles.csv line 1: has a carriage return without a line feed after it',
    ],
    ['an id that is a path step', { 'datasets.csv': 'id,name\n..,A\n' }, 'datasets.csv line 2: id: must be 1 to 200'],
    [
      'a line of more than 16 MiB',
      { 'profiles.jsonl': `${lines(email('a'))}\n${' '.repeat(17_000_000)}` },
      'profiles.jsonl line 2: has more than 16 MiB of text',
    ],
    [
      'a quote that is not closed within 16 MiB',
      { 'profiles.csv': `identityMap.Email\na\n"${' '.repeat(17_000_000)}` },
      'profiles.csv line 3: has more than 16 MiB of text in one row',
    ],
    [
      'a duplicate id',
      { 'datasets.csv': 'id,name\na,A\na,B\n' },
      'datasets.csv line 3: has the id a, which datasets.csv line 2 has',
    ],
  ])('is rejected because of %s', async (_, files, message) => {
    await put(files);
    const starting = start();
    await expect(starting).rejects.toThrow(message);
    await expect(starting).rejects.toThrow(/^EMULATOR_SEED cannot be used: /);
  });

  it.each([
    ['profiles.jsonl', '{}'],
    ['profiles.csv', 'a'],
  ])('is rejected with the line because %s is not UTF-8', async (file, text) => {
    await put({ [file]: '' });
    const long = `\n${'é'.repeat(50_000)}`;
    const latin1 = Buffer.from([0xe9, 0x0a, 0x0a]);
    for (const [line, before] of [text, `${text}\n\n${text}`, `${text}${long}`, `${text}${long}\n\n`].map(
      (part) => [part.split('\n').length, Buffer.from(part)] as const,
    )) {
      await writeFile(join(folder, file), Buffer.concat([before, latin1]));
      await expect(start()).rejects.toThrow(`${file} line ${line}: is not UTF-8 text`);
    }
  });

  it.each([
    [
      '[9007199254740993::BIGINT] AS "_acme.loyalty.tier"',
      '_acme.loyalty.tier must be a string, not ["9007199254740993"]',
    ],
    [`'infinity'::TIMESTAMP AS "_acme.loyalty.since"`, '_acme.loyalty.since must be a time such as'],
    [`'ab'::BLOB AS "_acme.loyalty.tier"`, '_acme.loyalty.tier must be a string, not {'],
  ])('is rejected because of a column with a wrong type in a Parquet file: %s', async (column, message) => {
    {
      await using database = await openDatabase({ directory: join(folder, 'writer') });
      await database.run(
        `COPY (SELECT 'a' AS "identityMap.Email", ${column}) TO '${join(folder, 'profiles.parquet')}' (FORMAT parquet)`,
      );
    }
    await put({}, {}, { profiles: ['profiles.parquet'] });
    await expect(start()).rejects.toThrow(`profiles.parquet row 1: ${message}`);
  });

  it('is rejected because of a row of a Parquet file', async () => {
    {
      await using database = await openDatabase({ directory: join(folder, 'writer') });
      await database.run(
        `COPY (SELECT 'p' || i AS "identityMap.Email", 'x' AS "loyalty.points" FROM range(2) r(i))
         TO '${join(folder, 'profiles.parquet')}' (FORMAT parquet)`,
      );
    }
    await put({}, {}, { profiles: ['profiles.parquet'] });
    await expect(start()).rejects.toThrow(
      'profiles.parquet row 1: loyalty.points must be an integer of at most 32 bits, not "x"; profiles.parquet row 2: ',
    );
  });

  it('reports at most ten locations', async () => {
    await put({ 'profiles.csv': `identityMap.Email,loyalty.points\n${'a,x\n'.repeat(50)}` });
    const error = await start().catch((reason: unknown) => reason);
    expect(String(error).match(/line \d+/g)).toHaveLength(10);
  });

  it.each<[problem: string, manifest: string | null, message: string | RegExp]>([
    ['is missing', null, /manifest\.json cannot be read: ENOENT/],
    ['is no JSON', '{\n "sandboxes": {\n oops', /manifest\.json line 3: is not JSON/],
    [
      'has an unexpected token',
      '{\n "sandboxes": {\n "prod": oops\n }\n}\n',
      /json line 3: is not JSON \(Unexpected token 'o'\)$/,
    ],
    ['has a trailing comma', '{\n "sandboxes": {},\n}\n', /manifest\.json line 3: is not JSON/],
    ['ends too early', '{\n "sandboxes": {\n', /manifest\.json line 2: is not JSON/],
    [
      'has a file with NUL',
      '{"sandboxes": {"prod": {"profiles": ["a\\u0000.csv"]}}}',
      /profiles\.0: must not contain the character NUL/,
    ],
    [
      'has a glob pattern',
      '{"sandboxes": {"prod": {"profiles": ["*.parquet"]}}}',
      /\*\.parquet: cannot be read: IO Error: No files found/,
    ],
    ...['sandbox', 'Source', 'updated_at', 'identity.email'].map((name): [string, string, string] => [
      `declares the field ${name}, whose column is taken`,
      `{"fields": {"profile": {"${name}": "string"}}, "sandboxes": {"prod": {}}}`,
      `manifest.json: fields.profile.${name} is a reserved name`,
    ]),
    [
      'declares a field in another spelling',
      '{"fields": {"event": {"_a.x": "string", "_A.y": "string"}}, "sandboxes": {"prod": {}}}',
      'manifest.json: fields.event._A.y differs from _a only in upper and lower case',
    ],
    [
      'declares a field with the name of a member of all objects',
      '{"fields": {"event": {"_a.__proto__.x": "string"}}, "sandboxes": {"prod": {}}}',
      /must not have a part __proto__/,
    ],
    ['names no sandbox', '{"sandboxes": {}}', 'manifest.json: sandboxes: must name at least one sandbox'],
    ['has an unknown key', '{"sandboxes": {"prod": {"people": []}}}', /sandboxes\.prod: Unrecognized key: "people"/],
    ['has a file outside', '{"sandboxes": {"prod": {"profiles": ["../a.csv"]}}}', /profiles\.0: must be in the folder/],
    ['has a file of another kind', '{"sandboxes": {"prod": {"profiles": ["a.xlsx"]}}}', /profiles\.0: must end in/],
    [
      'has a file that is missing',
      '{"sandboxes": {"prod": {"profiles": ["a.csv"]}}}',
      /a\.csv: cannot be read: ENOENT/,
    ],
    [
      'declares a field that exists',
      '{"fields": {"profile": {"loyalty.points": "integer"}}, "sandboxes": {"prod": {}}}',
      'manifest.json: fields.profile.loyalty.points is a field already',
    ],
    [
      'declares a field below a value',
      '{"fields": {"profile": {"loyalty.points.all": "integer"}}, "sandboxes": {"prod": {}}}',
      'fields.profile.loyalty.points.all is below a field that is not an object',
    ],
    [
      'declares a field with an unknown type',
      '{"fields": {"event": {"_a": "text"}}, "sandboxes": {"prod": {}}}',
      /fields\.event\._a: Invalid option/,
    ],
    [
      'declares a field with a strange name',
      '{"fields": {"event": {"_a b": "string"}}, "sandboxes": {"prod": {}}}',
      /names with dots between them/,
    ],
  ])('is rejected because its manifest %s', async (_, manifest, message) => {
    await writeFile(join(folder, 'other.parquet'), '');
    if (manifest !== null) await writeFile(join(folder, 'manifest.json'), manifest);
    await expect(start()).rejects.toThrow(message);
  });
});
