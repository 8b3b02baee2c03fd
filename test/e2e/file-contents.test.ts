import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { startPlatform, startProxy } from '../support/platform.ts';
import { startTokenIssuer } from '../support/token-issuer.ts';
import { ReadContentsDocument } from './operations.generated.ts';

/** A seeded job that has ended, with one file. */
const jobId = '24055';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let issuer: Awaited<ReturnType<typeof startTokenIssuer>>;
let gateway: Gateway;
/** A gateway that verifies the tokens of its callers. */
let service: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  issuer = await startTokenIssuer();
  gateway = await startGateway({ platform });
  service = await startGateway({ platform, env: issuer.env(platform) });
});

afterAll(async () => {
  await service.close();
  await gateway.close();
  await issuer[Symbol.asyncDispose]();
  await platform.close();
});

interface Files {
  readonly exportJob: {
    readonly destination: {
      readonly batches: readonly {
        readonly batch: { readonly files: { readonly nodes: readonly Readonly<Record<string, string>>[] } | null };
      }[];
    };
  };
}

async function filesOf(asked: Gateway, selection: string, headers?: Headers) {
  const query = `{ exportJob(id: "${jobId}") { destination { batches { batch { files { nodes { ${selection} } } } } } } }`;
  // The document determines the type of its result.
  return asked.send(query, {}, headers) as ReturnType<Gateway['send']> & Promise<{ readonly data: Files | null }>;
}

async function linksOf(asked: Gateway, headers?: Headers): Promise<Readonly<Record<string, string>>> {
  const selection = 'downloadUrl csv: downloadUrl(format: CSV) ndjson: downloadUrl(format: NDJSON)';
  const { data } = await filesOf(asked, selection, headers);
  const links = data?.exportJob.destination.batches[0]?.batch.files?.nodes[0];
  if (links === undefined) throw new Error('The batch has no file.');
  return links;
}

const textOf = async (url: string | undefined): Promise<string> => (await fetch(url ?? '')).text();

/** Rows of the unchanged file, read by a library that the gateway does not use. */
async function originalRows(url: string | undefined): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const file = await (await fetch(url ?? '')).arrayBuffer();
  const dateFromDays = (days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10);
  const rows = await parquetReadObjects({ file, parsers: { dateFromDays } });
  return JSON.parse(
    JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : (value ?? null))),
  );
}

describe('a converted download', () => {
  it('has the rows of the file as NDJSON', async () => {
    const links = await linksOf(gateway);
    const lines = (await textOf(links['ndjson'])).split('\n').filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.map((line) => JSON.parse(line))).toEqual(await originalRows(links['downloadUrl']));
  });

  it('has a header line and a line for each row as CSV', async () => {
    const links = await linksOf(gateway);
    const rows = (await textOf(links['ndjson'])).trimEnd().split('\n');
    const csv = await textOf(links['csv']);
    expect(csv.trimEnd().split('\r\n')).toHaveLength(rows.length + 1);
    expect(csv.split('\r\n', 1)[0]).toBe(Object.keys(JSON.parse(rows[0] ?? '{}')).join(','));
  });

  it('is named like the file, with the extension of its format', async () => {
    const { csv, ndjson } = await linksOf(gateway);
    expect(csv).toMatch(/\.csv$/);
    expect(ndjson).toMatch(/\.ndjson$/);
  });
});

describe('the preview of a batch', () => {
  const batchOf = async (asked: Gateway): Promise<string> => {
    const { text } = await asked.send(`{ exportJob(id: "${jobId}") { destination { batches { batchId } } } }`);
    return /"batchId":"([^"]+)"/.exec(text)?.[1] ?? '';
  };

  it('has the first rows of the file, its columns and its row count', async () => {
    const links = await linksOf(gateway);
    const { batch } = await gateway.query(ReadContentsDocument, { batch: await batchOf(gateway), rows: 3 });
    const rows = await originalRows(links['downloadUrl']);
    expect(batch?.preview?.rows).toEqual(rows.slice(0, 3));
    expect(batch?.files?.nodes).toEqual([{ rowCount: rows.length, columns: batch?.preview?.columns }]);
    expect(batch?.preview?.rowCount).toBe(batch?.recordCount ?? rows.length);
    const columns = batch?.preview?.columns ?? [];
    expect(columns).toContainEqual({ name: 'person.name.lastName', type: 'string', nullable: true });
    expect(columns.map(({ name }) => name.split('.')[0])).toEqual(expect.arrayContaining(Object.keys(rows[0] ?? {})));
  });

  it('has 20 rows by default, and at most 100', async () => {
    const batch = await batchOf(gateway);
    const read = async (rows?: number) =>
      gateway.execute(ReadContentsDocument, { batch, ...(rows === undefined ? {} : { rows }) });
    expect((await read()).data?.batch?.preview?.rows).toHaveLength(20);
    expect((await read(100)).errors).toEqual([]);
    for (const rows of [0, 101])
      expect((await read(rows)).errors[0]).toMatchObject({ extensions: { code: 'INVALID_INPUT' } });
  });

  it('reads at most 128 KiB of an ordinary file for its columns and row count', async () => {
    const ranges: string[] = [];
    await using proxy = await startProxy(platform, ({ headers }) => {
      if (headers.range !== undefined) ranges.push(headers.range);
      return false;
    });
    await using counted = await startGateway({ platform: proxy });
    const query = '{ batch(id: "%") { files { nodes { rowCount columns { name } } } } }';
    const { errors } = await counted.send(query.replace('%', await batchOf(counted)));
    expect(errors).toEqual([]);
    expect(ranges).toHaveLength(1);
    const [first, last] = ranges[0]?.replace('bytes=', '').split('-').map(Number) ?? [];
    expect((last ?? 0) - (first ?? 0)).toBeLessThan(128 * 1024);
  });

  it('is null until the batch is readable', async () => {
    const query =
      '{ batches(first: 100, filter: { statuses: [LOADING, STAGING, FAILED, PROCESSING] }) { nodes { preview { rows } } } }';
    const { data, errors } = (await gateway.send(query)) as Awaited<ReturnType<Gateway['send']>> & {
      readonly data: { readonly batches: { readonly nodes: readonly unknown[] } };
    };
    expect(errors).toEqual([]);
    expect(data.batches.nodes.length).toBeGreaterThan(0);
    expect(new Set(data.batches.nodes.map((node) => JSON.stringify(node)))).toEqual(new Set(['{"preview":null}']));
  });
});

describe('the failures of a batch', () => {
  it('are the files of its rejected rows and a sample of the errors', async () => {
    const { text } = await gateway.send(
      '{ batches(first: 1, filter: { statuses: [FAILED] }) { nodes { platformId } } }',
    );
    const id = /"platformId":"([^"]+)"/.exec(text)?.[1] ?? '';
    const { batch } = await gateway.query(ReadContentsDocument, { batch: id });
    const { failures, preview } = batch ?? {};
    expect(preview).toBe(null);
    expect(failures?.sample).toEqual([
      { _errors: [expect.objectContaining({ code: expect.any(String) })], _filename: expect.any(String) },
    ]);
    expect(failures?.files.nodes).toEqual([
      {
        platformId: id,
        name: '_rejected/part-00000.json',
        sizeBytes: expect.any(Number),
        downloadUrl: expect.stringMatching(/\/files\/[^/]+\/part-00000\.json$/),
      },
    ]);
    const file = await textOf(failures?.files.nodes[0]?.downloadUrl);
    expect(JSON.parse(file)).toEqual(failures?.sample);
    expect(file).toHaveLength(Number(failures?.files.nodes[0]?.sizeBytes));
  });

  it('are null for a batch without failed rows', async () => {
    const { text } = await gateway.send(
      `{ exportJob(id: "${jobId}") { destination { batches { batch { failures { sample } } } } } }`,
    );
    expect(JSON.parse(text)).toMatchObject({
      data: { exportJob: { destination: { batches: [{ batch: { failures: null } }] } } },
    });
  });
});

describe('a caller with the scope', () => {
  const bearer = async (scope: string): Promise<Headers> => ({
    authorization: `Bearer ${await issuer.sign({ scope, sandboxes: ['prod'] })}`,
  });

  it('exports:data gets links, which work without a token', async () => {
    const links = await linksOf(service, await bearer('exports:read exports:data'));
    expect((await textOf(links['ndjson'])).length).toBeGreaterThan(100);
  });

  it.each(['downloadUrl', 'downloadUrl(format: CSV)'])('exports:read alone does not get %s', async (field) => {
    const { data, errors } = await filesOf(service, `name url: ${field}`, await bearer('exports:read'));
    expect(data?.exportJob.destination.batches[0]?.batch.files).toBe(null);
    expect(errors[0]).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
  });

  it('exports:read alone does not get a preview, but the rest of the batch', async () => {
    const { text } = await service.send(
      `{ exportJob(id: "${jobId}") { destination { batches { batch { status preview { rows } } } } } }`,
      {},
      await bearer('exports:read'),
    );
    expect(JSON.parse(text)).toMatchObject({
      data: { exportJob: { destination: { batches: [{ batch: { status: 'SUCCESS', preview: null } }] } } },
      errors: [{ extensions: { code: 'FORBIDDEN' } }],
    });
  });

  it('exports:read alone gets names and sizes', async () => {
    const { data, errors } = await filesOf(service, 'name sizeBytes', await bearer('exports:read'));
    expect(errors).toEqual([]);
    expect(data?.exportJob.destination.batches[0]?.batch.files?.nodes).toHaveLength(1);
  });
});

it('no value of a file appears in a log line or a metric', async () => {
  const links = await linksOf(gateway);
  const rows = await textOf(links['ndjson']);
  await textOf(links['csv']);
  const { text: preview } = await gateway.send(
    `{ exportJob(id: "${jobId}") { destination { batches { batch { preview(first: 100) { rows } } } } } }`,
  );
  expect(preview).toContain('@');
  const values = [...new Set(rows.match(/"[^"]*@[^"]*"/g))].map((value) => value.slice(1, -1));
  expect(values.length).toBeGreaterThan(10);
  const written = [...gateway.logs, ...service.logs, await textOf(`${gateway.url}/metrics`)].join('\n');
  expect(values.filter((value) => written.includes(value))).toEqual([]);
});
