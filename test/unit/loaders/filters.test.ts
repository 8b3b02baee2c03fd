import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchId, type DatasetId, platformId, type SegmentId } from '../../../src/domain/ids.ts';
import { readBatches } from '../../../src/loaders/lists/batches.ts';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import { readExportJobs } from '../../../src/loaders/lists/export-jobs.ts';
import { readSegmentDefinitions } from '../../../src/loaders/lists/segment-definitions.ts';
import { readSegmentJobs } from '../../../src/loaders/lists/segment-jobs.ts';
import type { BatchesApi } from '../../../src/upstream/apis/batches.ts';
import { catalogPage } from '../../../src/upstream/apis/catalog-page.ts';
import type { DatasetsApi } from '../../../src/upstream/apis/datasets.ts';
import type { ExportJobsApi } from '../../../src/upstream/apis/export-jobs.ts';
import type { SegmentJobsApi } from '../../../src/upstream/apis/segment-jobs.ts';
import { connectTo, sendJson, startStub } from '../upstream/platform-stub.ts';
import { batch, dataset, exportJob, segmentDefinition, segmentJob } from './entities.ts';
import { fakeBatches, fakeDatasets, fakeExportJobs } from './fake-lists.ts';
import { walk } from './walk.ts';

const range = (length: number) => Array.from({ length }, (_, index) => index);
const idOf = ({ id }: { readonly id: string }) => id;
const datasetId = (id: string) => platformId<DatasetId>(id);

describe('a filter of export jobs', () => {
  const failed = 17;
  const jobs = range(3_000).map((index) =>
    exportJob(String(100_000 + index), 1_000 + index, { status: index === failed ? 'FAILED' : 'SUCCEEDED' }),
  );

  it('for one status finds one failed job among 3,000 with one call', async () => {
    const { api, calls } = fakeExportJobs(jobs);
    const filter = { statuses: ['FAILED', 'FAILED'] as const };
    const page = await readExportJobs(api, { first: 20, after: null, filter });
    expect(page.nodes.map(idOf)).toEqual(['100017']);
    expect(page.pageInfo.hasNextPage).toBe(false);
    expect(calls).toEqual([{ limit: 20, cursor: undefined, status: 'FAILED' }]);
  });

  it.each([
    { statuses: ['PROCESSING'] as const, sent: undefined },
    { statuses: ['FAILED', 'NEW'] as const, sent: undefined },
    { statuses: ['NEW'] as const, sent: 'NEW' },
    { statuses: ['SUCCEEDED'] as const, sent: 'SUCCEEDED' },
  ])('sends the status $sent for $statuses', async ({ statuses, sent }) => {
    const { api, calls } = fakeExportJobs([]);
    await readExportJobs(api, { first: 20, after: null, filter: { statuses } });
    expect(calls).toMatchObject([{ status: sent }]);
  });

  it('begins at the upper time, and ends at the lower one', async () => {
    const { api, calls } = fakeExportJobs(jobs);
    const filter = { createdBefore: new Date(1_100), createdAfter: new Date(1_090) };
    const page = await readExportJobs(api, { first: 20, after: null, filter });
    expect(page.nodes.map(({ createdAt }) => createdAt.getTime())).toEqual(range(9).map((index) => 1_099 - index));
    expect(page.pageInfo.hasNextPage).toBe(false);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.cursor).toEqual({ createdAtMs: 1_100, id: '0' });
  });

  it('for a status and times also needs one call, and each page of a walk sends the status', async () => {
    const { api, calls } = fakeExportJobs(jobs);
    const filter = { statuses: ['SUCCEEDED'] as const, createdBefore: new Date(1_100) };
    const { ids, pages } = await walk((after) => readExportJobs(api, { first: 40, after, filter }), idOf);
    expect(ids).toHaveLength(99);
    expect(calls).toHaveLength(pages.length);
    expect(calls.every(({ status }) => status === 'SUCCEEDED')).toBe(true);
  });

  it('is also applied in the gateway, because a platform may ignore unknown filters', async () => {
    const { api } = fakeExportJobs(jobs.slice(0, 300));
    const deaf: Pick<ExportJobsApi, 'list'> = { list: ({ limit, cursor }) => api.list({ limit, cursor }) };
    const filter = { statuses: ['FAILED'] as const };
    const { ids } = await walk((after) => readExportJobs(deaf, { first: 5, after, filter }), idOf);
    expect(ids).toEqual(['100017']);
  });

  it('for a last change and a merge policy is applied in the gateway', async () => {
    const policy = platformId<never>('policy');
    const some = [
      exportJob('a', 5, { updatedAt: new Date(9) }),
      exportJob('b', 4, { updatedAt: new Date(9), mergePolicy: { id: policy, version: 1 } }),
      exportJob('c', 3, { mergePolicy: { id: policy, version: null } }),
    ];
    const filter = { updatedAfter: new Date(8), mergePolicyId: policy };
    const page = await readExportJobs(fakeExportJobs(some).api, { first: 5, after: null, filter });
    expect(page.nodes.map(idOf)).toEqual(['b']);
  });

  it('for another dataset than the parent of the list finds nothing and costs no call', async () => {
    const { api, calls } = fakeExportJobs(jobs);
    const options = { first: 5, after: null, filter: { datasetId: datasetId('other') }, of: datasetId('dataset') };
    expect(await readExportJobs(api, options)).toMatchObject({ nodes: [], pageInfo: { hasNextPage: false } });
    expect(calls).toEqual([]);
  });
});

describe('a filter of segment jobs', () => {
  const record = (sent: Parameters<SegmentJobsApi['list']>[0][]): Pick<SegmentJobsApi, 'list'> => ({
    list: async (options) => {
      sent.push(options);
      return { jobs: [segmentJob('a', 2), segmentJob('b', 1, { status: 'FAILED' })], next: null, total: 2 };
    },
  });

  it('for one status and one segment is sent, and applied again', async () => {
    const sent: Parameters<SegmentJobsApi['list']>[0][] = [];
    const filter = { statuses: ['FAILED', 'FAILED'] as const };
    const page = await readSegmentJobs(record(sent), { first: 5, after: null, filter, orderBy: null });
    expect(page.nodes.map(idOf)).toEqual(['b']);
    // The platform has ignored the filter, so its count does not belong to this list.
    expect(page.totalCount).toBeNull();
    expect(sent).toMatchObject([{ limit: 5, status: 'FAILED' }]);
  });

  it.each(['CANCELLED', 'CANCELLING', 'UNKNOWN'] as const)(
    'for %s is not sent, because the platform has several names for it',
    async (status) => {
      const sent: Parameters<SegmentJobsApi['list']>[0][] = [];
      const api: Pick<SegmentJobsApi, 'list'> = {
        list: async (options) => {
          sent.push(options);
          const other = segmentJob('b', 1, { status, rawStatus: 'KILLED' });
          return { jobs: [segmentJob('a', 2), other], next: null, total: 2 };
        },
      };
      const page = await readSegmentJobs(api, { first: 5, after: null, filter: { statuses: [status] }, orderBy: null });
      expect(page.nodes.map(idOf)).toEqual(['b']);
      expect(sent).toMatchObject([{ status: undefined }]);
    },
  );

  it('does not send a segment id that is an expression to the platform', async () => {
    const sent: Parameters<SegmentJobsApi['list']>[0][] = [];
    const filter = { segmentId: platformId<SegmentId>('x,segments~segmentId==*') };
    const page = await readSegmentJobs(record(sent), { first: 5, after: null, filter, orderBy: null });
    expect(page.nodes).toEqual([]);
    expect(sent).toMatchObject([{ segmentId: undefined }]);
  });
});

describe('a filter of batches', () => {
  const at = (ms: number) => ({ createdAt: new Date(ms) });
  const rows = [
    batch('a', { ...at(5), status: 'FAILED' }),
    batch('b', { ...at(4), status: 'UNKNOWN' }),
    batch('c', { ...at(3), status: 'SUCCESS', datasetId: datasetId('other') }),
    batch('d', at(2)),
  ];
  const read = async (
    filter: Parameters<typeof readBatches>[1]['filter'],
    of: DatasetId | null = null,
    api: Pick<BatchesApi, 'list'> = fakeBatches(rows).api,
  ) => (await readBatches(api, { first: 9, after: null, filter, of })).nodes.map(idOf);

  it('finds batches by status, dataset and time, of one dataset and of all', async () => {
    expect(await read(null)).toEqual(['a', 'b', 'c', 'd']);
    expect(await read(null, datasetId('other'))).toEqual(['c']);
    expect(await read({ statuses: ['FAILED', 'SUCCESS'] })).toEqual(['a', 'c', 'd']);
    expect(await read({ statuses: ['UNKNOWN'] })).toEqual(['b']);
    expect(await read({ datasetId: datasetId('dataset'), createdAfter: new Date(2) })).toEqual(['a', 'b']);
    expect(await read({ datasetId: datasetId('dataset') }, datasetId('other'))).toEqual([]);
    expect(await read({ datasetId: datasetId('dataset,other') })).toEqual([]);
  });

  it('sends the conditions that the platform can apply, and applies them again', async () => {
    const list = fakeBatches(rows);
    const filter = {
      statuses: ['FAILED', 'ACTIVE'] as const,
      datasetId: datasetId('dataset'),
      createdAfter: new Date(1),
    };
    const deaf: Pick<BatchesApi, 'list'> = {
      list: async (options) => {
        await list.api.list(options);
        return catalogPage(rows);
      },
    };
    expect(await read(filter, null, deaf)).toEqual(['a']);
    expect(list.calls[0]).toMatchObject(filter);
    await read({ statuses: ['FAILED', 'UNKNOWN'] }, null, list.api);
    await read({ datasetId: datasetId('a,b') }, null, list.api);
    expect(list.calls.slice(1)).toMatchObject([{ statuses: undefined }, { datasetId: undefined }]);
  });

  it("is sent with the platform's names of the statuses", async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, {}));
    await using client = connectTo(stub.url);
    await client.api.batches.list({ limit: 3, statuses: ['FAILED', 'ACTIVE'], createdAfter: new Date(7) });
    expect(Object.fromEntries(stub.requests[0]?.query ?? [])).toMatchObject({
      status: 'failed,failure,active',
      createdAfter: '7',
    });
    expect(stub.requests[0]?.query.has('dataSet')).toBe(false);
  });
});

describe('a filter of datasets', () => {
  const at = (ms: number) => ({ createdAt: new Date(ms), updatedAt: new Date(ms + 100) });

  it('by time is sent, applied again, and ends a list in the order of that time', async () => {
    const sets = range(500).map((index) => dataset(`set-${index}`, at(1_000 - index)));
    const calls: Parameters<DatasetsApi['list']>[0][] = [];
    const deaf: Pick<DatasetsApi, 'list'> = {
      list: async (options) => {
        calls.push(options);
        const objects = sets.slice(options.start ?? 0, (options.start ?? 0) + options.limit);
        return catalogPage(objects);
      },
    };
    const filter = { createdAfter: new Date(990), createdBefore: new Date(998) };
    const page = await readDatasets(deaf, { first: 20, after: null, filter, orderBy: null }, new Set(['name']));
    expect(page.nodes.map(({ createdAt }) => createdAt?.getTime())).toEqual([997, 996, 995, 994, 993, 992, 991]);
    expect(page.pageInfo.hasNextPage).toBe(false);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.created).toMatchObject({ after: filter.createdAfter, before: filter.createdBefore });
    expect([...(calls[0]?.fields ?? [])]).toEqual(['name', 'createdAt']);
  });

  it.each([
    { part: 'RÉSUMÉ', name: 'my résumé data' },
    { part: 'straSSe', name: 'Straße 1' },
    { part: '*', name: 'all * of them' },
    { part: ' ', name: 'two words' },
  ])('finds $name by the part $part', async ({ part, name }) => {
    const list = fakeDatasets([dataset('a', { name }), dataset('b', { name: 'other' }), dataset('c')]);
    const filter = { nameContains: part };
    const page = await readDatasets(list.api, { first: 5, after: null, filter, orderBy: null });
    expect(page.nodes.map(idOf)).toEqual(['a']);
    expect(list.calls[0]?.name).toBeUndefined();
  });

  /** A Catalog in which a name is a list of patterns, possibly negated. */
  async function startCatalog(names: readonly string[]) {
    return startStub(({ query }, response) => {
      const text = query.get('name');
      const negated = text?.startsWith('!') === true;
      const patterns = (negated ? text?.slice(1) : text)?.split(',').map((part) => {
        const source = part
          .split('*')
          .map((literal) => literal.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
          .join('[^]*');
        return new RegExp(`^${source}$`, 'u');
      });
      const isListed = (name: string) =>
        patterns === undefined || patterns.some((pattern) => pattern.test(name)) !== negated;
      const start = Number(query.get('start') ?? 0);
      const listed = names.map((name, index) => [`id-${index}`, { name, created: 10_000 - index }] as const);
      const page = listed.filter(([, { name }]) => isListed(name)).slice(start, start + Number(query.get('limit')));
      sendJson(response, 200, Object.fromEntries(page));
    });
  }

  const word = fc.string({
    unit: fc.constantFrom(...'ab*,!=~%&"\'\n .-_é日ß'),
    minLength: 1,
    maxLength: 4,
  });

  it('by name finds exactly the datasets with this name, whatever characters it has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 12 }), word, fc.nat(), async (names, other, which) => {
        await using stub = await startCatalog(names);
        await using client = connectTo(stub.url);
        for (const name of [other, names[which % names.length] ?? '']) {
          const { ids } = await walk(
            (after) =>
              readDatasets(
                client.api.datasets,
                { first: 2, after, filter: { name }, orderBy: null },
                new Set(['state']),
              ),
            idOf,
          );
          expect(ids).toEqual(names.flatMap((each, index) => (each === name ? [`id-${index}`] : [])));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('by name is sent only if the name is plain', async () => {
    await using stub = await startCatalog(['Web events', 'Web*']);
    await using client = connectTo(stub.url);
    for (const name of ['Web events', 'Web*', '日本 1', '-a', ' a']) {
      const page = await readDatasets(client.api.datasets, { first: 5, after: null, filter: { name }, orderBy: null });
      expect(page.nodes.every((each) => each.name === name)).toBe(true);
    }
    expect(stub.requests.map(({ query }) => query.get('name'))).toEqual(['Web events', null, '日本 1', null, null]);
  });
});

describe('a filter of segment definitions', () => {
  it('by a part of the name is applied in the gateway, in each order', async () => {
    const definitions = ['Gold tier', 'Silver', 'golden%'].map((name) => segmentDefinition(name, { name }));
    const sent: unknown[] = [];
    const page = await readSegmentDefinitions(
      {
        list: async (options) => {
          sent.push(options);
          return { definitions, next: null, total: 3 };
        },
      },
      {
        first: 5,
        after: null,
        filter: { nameContains: 'GOLD' },
        orderBy: { field: 'name', direction: 'asc' },
      },
    );
    expect(page.nodes.map(idOf)).toEqual(['Gold tier', 'golden%']);
    expect(page.totalCount).toBeNull();
    expect(sent).toEqual([{ page: 0, limit: 100, orderBy: { field: 'name', direction: 'asc' } }]);
  });
});

describe('the number of all entries', () => {
  const list = async (total: number | null) =>
    readSegmentJobs(
      { list: async () => ({ jobs: [segmentJob('a', 1)], next: 1, total }) },
      { first: 1, after: null, filter: null, orderBy: null },
    );

  it('is the number that the platform reports', async () => {
    expect((await list(41)).totalCount).toBe(41);
    expect((await list(null)).totalCount).toBeNull();
  });

  it('is unknown for batches, files and export jobs', async () => {
    const pages = [
      await readExportJobs(fakeExportJobs([exportJob('a', 1)]).api, { first: 1, after: null, filter: null }),
      await readBatches(fakeBatches([batch(platformId<BatchId>('a'))]).api, {
        first: 1,
        after: null,
        filter: null,
        of: null,
      }),
    ];
    expect(pages.map(({ totalCount }) => totalCount)).toEqual([null, null]);
  });
});
