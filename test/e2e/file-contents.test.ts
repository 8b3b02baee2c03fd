import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';
import { startTokenIssuer } from '../support/token-issuer.ts';

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
async function originalRows(url: string | undefined): Promise<unknown> {
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
  const values = [...new Set(rows.match(/"[^"]*@[^"]*"/g))].map((value) => value.slice(1, -1));
  expect(values.length).toBeGreaterThan(10);
  const written = [...gateway.logs, ...service.logs, await textOf(`${gateway.url}/metrics`)].join('\n');
  expect(values.filter((value) => written.includes(value))).toEqual([]);
});
