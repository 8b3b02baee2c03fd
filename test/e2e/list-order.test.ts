import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Stub, startStub } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';

/** Number of rows of each list at the beginning. */
const size = 37;

/** A platform that ignores every order and every filter by property, and whose lists get new and repeated rows. */
class UnrulyPlatform {
  /** Numbers of the rows, in the order of every list. */
  #rows: number[] = [];
  #next = 0;

  reset(): void {
    this.#rows = Array.from({ length: size }, (_, index) => (index * 11) % size);
    this.#next = size;
  }

  /** Adds two rows, and repeats one in the lists. */
  change(): void {
    for (const place of [0, 3]) this.#rows.splice(place, 0, this.#next++);
    const again = this.#rows[5];
    if (again !== undefined) this.#rows.push(again);
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://stub');
    const body = this.#bodyOf(pathname, query);
    response.writeHead(body === null ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  #bodyOf(path: string, query: URLSearchParams): object | null {
    const limit = Number(query.get('limit') ?? 100);
    const start = Number(query.get('start') ?? 0);
    const end = path.split('/').at(-1);
    if (path.startsWith('/ims/'))
      return { access_token: plantedSecret('platform'), token_type: 'bearer', expires_in: 86_399 };
    if (path.includes('/catalog/dataSets/')) return { 'row-1': dataset(1) };
    if (path.includes('/catalog/batches/')) return { 'row-1': batch(1) };
    if (path.endsWith('/definitions/bulk-get')) return { results: { 'row-1': job(1) } };
    if (path.endsWith('/schedules/row-1')) return schedule(1);
    if (path.endsWith('/sandbox-management/')) {
      const offset = Number(query.get('offset'));
      return { sandboxes: this.#rows.slice(offset, offset + limit).map((row) => ({ name: `row-${row}` })) };
    }
    // A map contains each row once.
    const unique = [...new Set(this.#rows)];
    const page = {
      rows: this.#rows.slice(start * limit, (start + 1) * limit),
      more: (start + 1) * limit < this.#rows.length,
    };
    switch (end) {
      case 'dataSets':
        return Object.fromEntries(unique.slice(start, start + limit).map((row) => [`row-${row}`, dataset(row)]));
      case 'batches':
        return Object.fromEntries(unique.slice(start, start + limit).map((row) => [`row-${row}`, batch(row)]));
      case 'jobs':
        return path.includes('/export/')
          ? this.#exportJobs(unique, limit, query.get('offset'))
          : children(page, job, start);
      case 'definitions': {
        const number = Number(query.get('page') ?? 0);
        const segments = this.#rows.slice(number * limit, (number + 1) * limit).map(job);
        return { segments, page: { totalPages: Math.ceil(this.#rows.length / limit) } };
      }
      case 'mergePolicies':
        return children(page, (row) => ({ id: `row-${row}`, name: `name-${row}` }), start);
      case 'schedules':
        return children(page, schedule, start);
      case 'files': {
        const data = this.#rows.slice(start, start + limit).map((row) => ({ dataSetFileId: `row-${row}` }));
        const more = start + limit < this.#rows.length;
        return { data, _links: more ? { next: { href: `/files?start=${start + limit}&limit=${limit}` } } : {} };
      }
      default:
        return path.includes('/export/files/') ? { data: [{ name: 'part', length: '1' }], _links: {} } : null;
    }
  }

  #exportJobs(rows: readonly number[], limit: number, offset: string | null): object {
    const start = offset === null ? 0 : rows.indexOf(Number(offset.split('_')[1])) + 1;
    const page = rows.slice(start, start + limit);
    const last = page.at(-1);
    const more = start + limit < rows.length && last !== undefined;
    return { records: page.map(exportJob), link: { next: more ? `/jobs/?offset=${timeOf(last)}_${last}` : '' } };
  }
}

const timeOf = (row: number): number => Date.parse('2026-01-01T00:00:00Z') + row * 60_000;
const times = (row: number) => ({ creationTime: timeOf(row), updateTime: timeOf(row) });
const exportJob = (row: number) => ({
  id: row,
  status: 'SUCCEEDED',
  destination: { datasetId: 'row-1' },
  ...times(row),
});
const job = (row: number) => ({
  id: `row-${row}`,
  status: 'SUCCEEDED',
  segments: [{ segmentId: 'row-1' }],
  properties: { scheduleId: 'row-1' },
  ...times(row),
});
const dataset = (row: number) => ({ name: `name-${row}`, created: timeOf(row), updated: timeOf(row) });
const batch = (row: number) => ({
  status: 'success',
  created: timeOf(row),
  relatedObjects: [{ type: 'dataSet', id: 'row-1' }],
});
const schedule = (row: number) => ({
  id: `row-${row}`,
  type: 'batch_segmentation',
  state: 'active',
  schedule: '0 0 1 * * ?',
  createEpoch: timeOf(row) / 1_000,
});

const children = (
  page: { rows: readonly number[]; more: boolean },
  record: (row: number) => object,
  start: number,
) => ({
  children: page.rows.map(record),
  _links: { next: page.more ? { href: `?start=${start + 1}` } : {} },
});

/** Each list as a field with `first` and `after`, and the field of its parent object. */
const lists: readonly { readonly list: string; readonly of?: string; readonly key?: string }[] = [
  { list: 'exportJobs(PAGE)' },
  { list: 'exportJobs(PAGE, filter: { segmentId: "none" })' },
  { list: 'exportJobs(PAGE, filter: { statuses: [SUCCEEDED] })' },
  { list: 'exportJobs(PAGE)', of: 'dataset(id: "row-1")' },
  { list: 'datasets(PAGE)' },
  { list: 'datasets(PAGE, orderBy: { field: UPDATED_AT, direction: ASC })' },
  { list: 'datasets(PAGE, orderBy: { field: NAME, direction: DESC })' },
  { list: 'datasets(PAGE, filter: { nameContains: "NAME" })' },
  { list: 'batches(PAGE)' },
  { list: 'batches(PAGE)', of: 'dataset(id: "row-1")' },
  { list: 'files(PAGE)', of: 'batch(id: "row-1")', key: 'platformId' },
  { list: 'schedules(PAGE)' },
  { list: 'segmentJobs(PAGE)' },
  { list: 'segmentJobs(PAGE, orderBy: { field: UPDATED_AT, direction: DESC })' },
  { list: 'segmentJobs(PAGE, orderBy: { field: CREATED_AT, direction: ASC })' },
  { list: 'segmentJobs(PAGE, filter: { statuses: [SUCCEEDED, FAILED] })' },
  { list: 'segmentDefinitions(PAGE)' },
  { list: 'segmentDefinitions(PAGE, orderBy: { field: NAME, direction: ASC })' },
  { list: 'jobs(PAGE)', of: 'segmentDefinition(id: "row-1")' },
  { list: 'mergePolicies(PAGE)' },
];

describe('a platform that returns rows in its own order, some of them twice', () => {
  const platform = new UnrulyPlatform();
  let stub: Stub;
  let gateway: Gateway;

  beforeAll(async () => {
    stub = await startStub((request, response) => platform.answer(request, response));
    gateway = await startGateway({ platform: stub });
  });
  beforeEach(() => platform.reset());
  afterAll(async () => {
    await gateway.close();
    await stub[Symbol.asyncDispose]();
  });

  interface Page {
    readonly nodes: readonly Readonly<Record<string, string>>[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  }

  async function readPage(document: string, after: string | null): Promise<Page> {
    const { data, errors } = await gateway.send(document, { after });
    expect(errors).toEqual([]);
    const root: unknown = Object.values(data ?? {})[0];
    // The cast is safe, because the document selects this form.
    return (root as { page?: Page }).page ?? (root as Page);
  }

  const named = lists.map(({ list, of, key = 'id' }) => ({
    list,
    of,
    key,
    name: [of, list].filter(Boolean).join(' '),
  }));
  it.each(named)('loses and repeats no row of $name while others are created', async ({ list, of, key }) => {
    const field = `page: ${list.replace('PAGE', 'first: 4, after: $after')} {
      nodes { ${key} } pageInfo { hasNextPage endCursor }
    }`;
    const document = `query ($after: String) { ${of === undefined ? field : `${of} { ${field} }`} }`;
    const ids: string[] = [];
    let after: string | null = null;
    let pages = 0;
    for (let more = true; more; pages += 1) {
      expect(pages).toBeLessThan(100);
      const page: Page = await readPage(document, after);
      ids.push(...page.nodes.map((node) => node[key] ?? ''));
      more = page.pageInfo.hasNextPage;
      after = page.pageInfo.endCursor;
      if (pages < 10) platform.change();
    }
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const numbers = new Set(ids.map((id) => Number(/\d+$/.exec(id)?.[0])));
    const originals = list.includes('none') ? 0 : size;
    expect(Array.from({ length: originals }, (_, row) => row).filter((row) => !numbers.has(row))).toEqual([]);
  });

  it('loses and repeats no run of a schedule, and no sandbox', async () => {
    platform.change();
    const { data, errors } = await gateway.send(
      '{ schedule(id: "row-1") { recentRuns(first: 100) { id } } viewer { sandboxes { name } } }',
    );
    expect(errors).toEqual([]);
    const rows = Array.from({ length: size + 2 }, (_, row) => row);
    const idsIn = (text: string, name: string) =>
      [...text.matchAll(new RegExp(`"${name}":"(?:SegmentJob:)?row-(\\d+)"`, 'g'))].map(([, row]) => Number(row));
    const numeric = (a: number, b: number) => a - b;
    expect(idsIn(JSON.stringify(data?.['schedule']), 'id').toSorted(numeric)).toEqual(rows);
    expect(idsIn(JSON.stringify(data?.['viewer']), 'name').toSorted(numeric)).toEqual(rows);
  });

  it('counts the responses that are not in order', async () => {
    await gateway.send('{ segmentJobs(first: 10) { nodes { id } } datasets(first: 10) { nodes { id } } }');
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const resource of ['SegmentJob', 'Dataset'])
      expect(metrics).toMatch(
        new RegExp(`aep_decode_anomalies_total\\{resource="${resource}",kind="out-of-order"\\} [1-9]`),
      );
  });
});
