import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { profileDataset, startPlatform, startSteppedPlatform, webEventsDataset } from '../support/platform.ts';
import {
  CreateExportJobDocument,
  DatasetDocument,
  ExportJobDocument,
  type ExportJobFilter,
  type ExportJobStatus,
  ListDatasetsDocument,
  type ListDatasetsQueryVariables,
  ListExportJobsDocument,
  LookupsDocument,
  NodeDocument,
  NodesDocument,
} from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

interface Page<Node> {
  readonly nodes: readonly Node[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly endCursor: string | null;
  };
}

/** Maximum number of pages of a walk. It is more than any list here has, so that an endless walk fails. */
const maxPages = 100;

/** Reads a connection to its end, like a scrolling application. */
async function allPages<Node>(read: (after: string | null) => Promise<Page<Node>>): Promise<readonly Page<Node>[]> {
  const pages: Page<Node>[] = [];
  for (let after: string | null = null; pages.length < maxPages; ) {
    const page: Page<Node> = await read(after);
    pages.push(page);
    expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
    if (!page.pageInfo.hasNextPage) return pages;
    after = page.pageInfo.endCursor;
  }
  throw new Error(`The connection does not end after ${maxPages} pages.`);
}

async function listJobs(filter: ExportJobFilter | null = null, first = 100, from: Gateway = gateway) {
  const pages = await allPages(async (after) => {
    const { edges, pageInfo } = (await from.query(ListExportJobsDocument, { first, after, filter })).exportJobs;
    if (edges.length > 0) {
      expect(pageInfo.startCursor).toBe(edges[0]?.cursor);
      if (!pageInfo.hasNextPage) expect(pageInfo.endCursor).toBe(edges.at(-1)?.cursor);
    }
    return { nodes: edges.map(({ node }) => node), pageInfo };
  });
  return { pages, jobs: pages.flatMap(({ nodes }) => nodes) };
}

async function listDatasets(variables: ListDatasetsQueryVariables) {
  const pages = await allPages(
    async (after) => (await gateway.query(ListDatasetsDocument, { ...variables, after })).datasets,
  );
  return { pages, datasets: pages.flatMap(({ nodes }) => nodes) };
}

const idsOf = (nodes: readonly { readonly id: string }[]) => nodes.map(({ id }) => id);

describe('paging', () => {
  it('returns every export job once and in order, seven at a time', async () => {
    const { jobs: all } = await listJobs();
    const { pages, jobs } = await listJobs(null, 7);
    expect(all).toHaveLength(60);
    expect(idsOf(jobs)).toEqual(idsOf(all));
    expect(pages.map(({ nodes }) => nodes.length)).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 4]);
    const times = jobs.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted().reverse());
  });

  it('returns every export job once when many were created in the same millisecond', async () => {
    await using busy = await startSteppedPlatform({ clock: new FakeClock() });
    await using own = await startGateway({ platform: busy });
    const input = { destination: { target: { datasetId: profileDataset } } };
    const created: string[] = [];
    for (let index = 0; index < 9; index += 1) {
      const { createExportJob } = await own.query(CreateExportJobDocument, { input });
      if (createExportJob.__typename === 'CreateExportJobPayload') created.push(createExportJob.exportJob.id);
    }
    const { jobs } = await listJobs(null, 4, own);
    expect(new Set(idsOf(jobs)).size).toBe(jobs.length);
    expect(jobs).toHaveLength(60 + created.length);
    expect(new Set(idsOf(jobs.slice(0, created.length)))).toEqual(new Set(created));
  });

  it('returns every matching job once with a filter that the platform does not support', async () => {
    const { jobs: all } = await listJobs();
    const wanted = all.filter(({ status }) => status === 'SUCCEEDED');
    const { jobs, pages } = await listJobs({ statuses: ['SUCCEEDED'] }, 7);
    expect(idsOf(jobs)).toEqual(idsOf(wanted));
    expect(pages.length).toBe(Math.ceil(wanted.length / 7));
  });

  const orders = (['CREATED_AT', 'UPDATED_AT', 'NAME'] as const).flatMap((field) =>
    (['ASC', 'DESC'] as const).map((direction) => ({ field, direction })),
  );
  it.each(orders)('returns every dataset once and in order by $field $direction, three at a time', async (orderBy) => {
    const { datasets: all } = await listDatasets({ first: 100 });
    const { datasets, pages } = await listDatasets({ first: 3, orderBy });
    expect(pages.length).toBe(Math.ceil(all.length / 3));
    expect(idsOf(datasets).toSorted()).toEqual(idsOf(all).toSorted());
    const keyOf = { CREATED_AT: 'createdAt', UPDATED_AT: 'updatedAt', NAME: 'name' } as const;
    const keys = datasets.map((dataset) => dataset[keyOf[orderBy.field]] ?? '');
    const ascending = keys.toSorted();
    expect(keys).toEqual(orderBy.direction === 'ASC' ? ascending : ascending.reverse());
  });

  it('returns every batch of a dataset once, and every job that writes into it', async () => {
    const { jobs } = await listJobs({ datasetId: profileDataset });
    const pages = await allPages(async (after) => {
      const { dataset } = await gateway.query(DatasetDocument, { id: profileDataset, first: 2, after });
      expect(idsOf(dataset?.exportJobs.nodes ?? [])).toEqual(idsOf(jobs));
      const { nodes = [], pageInfo } = dataset?.batches ?? {};
      return { nodes, pageInfo: { hasNextPage: false, endCursor: null, ...pageInfo, hasPreviousPage: after !== null } };
    });
    const batches = pages.flatMap(({ nodes }) => nodes);
    expect(new Set(idsOf(batches)).size).toBe(batches.length);
    const written = await Promise.all(idsOf(jobs).map((id) => gateway.query(ExportJobDocument, { id })));
    const expected = written.flatMap(({ exportJob }) => exportJob?.destination.batches ?? []);
    expect(idsOf(batches).toSorted()).toEqual(expected.map(({ batchId }) => `Batch:${batchId}`).toSorted());
  });

  it('continues after the last returned job when new ones are created in the meantime', async () => {
    await using busy = await startPlatform();
    await using own = await startGateway({ platform: busy });
    const { exportJobs: first } = await own.query(ListExportJobsDocument, { first: 30 });
    const input = { destination: { target: { datasetId: profileDataset } } };
    await own.query(CreateExportJobDocument, { input });
    const { exportJobs: second } = await own.query(ListExportJobsDocument, {
      first: 100,
      after: first.pageInfo.endCursor,
    });
    const ids = [...first.edges, ...second.edges].map(({ node }) => node.id);
    expect(ids).toEqual(idsOf((await listJobs()).jobs));
  });

  it('rejects a cursor of another list, of another order, and an invalid one', async () => {
    const { exportJobs } = await gateway.query(ListExportJobsDocument, { first: 1 });
    const { datasets } = await gateway.query(ListDatasetsDocument, { first: 1 });
    const ofJobs = exportJobs.pageInfo.endCursor;
    const ofDatasets = datasets.pageInfo.endCursor;
    const byName = { field: 'NAME', direction: 'ASC' } as const;
    const answers = await Promise.all([
      gateway.execute(ListExportJobsDocument, { after: ofDatasets }),
      gateway.execute(ListDatasetsDocument, { after: ofJobs }),
      gateway.execute(ListDatasetsDocument, { after: ofDatasets, orderBy: byName }),
      gateway.execute(ListExportJobsDocument, { after: 'nonsense' }),
      gateway.execute(ListExportJobsDocument, { after: '' }),
    ]);
    for (const { errors } of answers) {
      expect(errors).toHaveLength(1);
      expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'after' }] });
    }
  });

  it.each([0, -1, 101])('rejects first: %i', async (first) => {
    const answers = await Promise.all([
      gateway.execute(ListExportJobsDocument, { first }),
      gateway.execute(ListDatasetsDocument, { first }),
      gateway.execute(DatasetDocument, { id: profileDataset, first }),
    ]);
    for (const { errors } of answers) {
      expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'first' }] });
    }
  });
});

describe('filters', () => {
  const statuses: readonly (readonly ExportJobStatus[])[] = [
    ['NEW'],
    ['PROCESSING'],
    ['CANCELLING'],
    ['CANCELLED'],
    ['FAILED', 'NEW'],
    ['QUEUED'],
  ];
  it.each(statuses.map((each) => ({ statuses: each })))(
    'return the jobs in $statuses',
    async ({ statuses: wanted }) => {
      const { jobs: all } = await listJobs();
      const { jobs } = await listJobs({ statuses: [...wanted] });
      expect(idsOf(jobs)).toEqual(idsOf(all.filter(({ status }) => wanted.includes(status))));
    },
  );

  it('return the jobs between two times, both exclusive', async () => {
    const { jobs: all } = await listJobs();
    const [before, after] = [all[10]?.createdAt ?? '', all[40]?.createdAt ?? ''];
    const { jobs } = await listJobs({ createdBefore: before, createdAfter: after }, 7);
    expect(idsOf(jobs)).toEqual(idsOf(all.slice(11, 40)));
  });

  it('return the jobs of a dataset, by either form of its id, and of a segment', async () => {
    const { jobs: all } = await listJobs();
    const ofDataset = all.filter(({ destination }) => destination.datasetId === webEventsDataset);
    expect(ofDataset.length).toBeGreaterThan(0);
    for (const datasetId of [webEventsDataset, `Dataset:${webEventsDataset}`])
      expect(idsOf((await listJobs({ datasetId })).jobs)).toEqual(idsOf(ofDataset));

    const segmentId = all.flatMap(({ filter }) => filter?.segments ?? [])[0]?.segmentId ?? '';
    const ofSegment = all.filter(({ filter }) => filter?.segments.some((segment) => segment.segmentId === segmentId));
    expect(ofSegment.length).toBeGreaterThan(1);
    expect(idsOf((await listJobs({ segmentId })).jobs)).toEqual(idsOf(ofSegment));
  });

  it('return the jobs that changed after a time, and those with a merge policy', async () => {
    const document = `query ($filter: ExportJobFilter) {
      exportJobs(first: 100, filter: $filter) { nodes { id updatedAt mergePolicy { platformId } } }
    }`;
    interface Job {
      readonly id: string;
      readonly updatedAt: string;
      readonly mergePolicy: { readonly platformId: string } | null;
    }
    const read = async (filter: object): Promise<readonly Job[]> => {
      const { data, errors } = await gateway.send(document, { filter });
      expect(errors).toEqual([]);
      // The cast is safe, because the document selects this form.
      return (data as { exportJobs: { nodes: readonly Job[] } }).exportJobs.nodes;
    };
    const all = await read({});
    const updatedAfter = all.map(({ updatedAt }) => updatedAt).toSorted()[40] ?? '';
    expect(await read({ updatedAfter })).toEqual(all.filter(({ updatedAt }) => updatedAt > updatedAfter));
    const policy = all.find(({ mergePolicy }) => mergePolicy !== null)?.mergePolicy?.platformId ?? '';
    const ofPolicy = all.filter(({ mergePolicy }) => mergePolicy?.platformId === policy);
    for (const mergePolicyId of [policy, `MergePolicy:${policy}`])
      expect(await read({ mergePolicyId })).toEqual(ofPolicy);
  });

  it('require all of their conditions', async () => {
    const { jobs: all } = await listJobs();
    const filter = {
      statuses: ['FAILED' as const],
      datasetId: webEventsDataset,
      createdBefore: all[20]?.createdAt ?? '',
    };
    const wanted = all
      .slice(21)
      .filter(({ status, destination }) => status === 'FAILED' && destination.datasetId === webEventsDataset);
    expect(wanted.length).toBeGreaterThan(0);
    expect(idsOf((await listJobs(filter)).jobs)).toEqual(idsOf(wanted));
  });

  it('return the datasets with a name, with a schema, and those created or changed after a time', async () => {
    const { datasets: all } = await listDatasets({ first: 100 });
    const one = all[2];
    const having = async (filter: NonNullable<ListDatasetsQueryVariables['filter']>) =>
      idsOf((await listDatasets({ first: 2, filter })).datasets);
    expect(await having({ name: one?.name ?? '' })).toEqual([one?.id]);
    expect(await having({ name: 'no such name' })).toEqual([]);
    const part = one?.name?.slice(2) ?? '';
    // The platform would interpret these names as patterns, lists and a negation.
    for (const name of [`*${part}`, `${one?.name},x`, '!x', '*', ` ${one?.name}`])
      expect(await having({ name })).toEqual([]);
    expect(await having({ nameContains: part.toUpperCase() })).toEqual(
      idsOf(all.filter(({ name }) => name?.toUpperCase().includes(part.toUpperCase()))),
    );
    expect(await having({ nameContains: '*' })).toEqual([]);
    expect(await having({ createdBefore: one?.createdAt ?? '' })).toEqual(idsOf(all.slice(3)));
    const schemaId = all.find(({ platformId }) => platformId === profileDataset)?.schemaRef?.id ?? '';
    expect(await having({ schemaId })).toEqual(idsOf(all.filter(({ schemaRef }) => schemaRef?.id === schemaId)));
    const createdAfter = one?.createdAt ?? '';
    expect(await having({ createdAfter })).toEqual(idsOf(all.slice(0, 2)));
    const updatedAfter = all.map(({ updatedAt }) => updatedAt ?? '').toSorted()[3] ?? '';
    expect(await having({ updatedAfter })).toEqual(
      idsOf(all.filter(({ updatedAt }) => (updatedAt ?? '') > updatedAfter)),
    );
  });
});

describe('looking up', () => {
  it('finds jobs, datasets and batches by either form of their ids', async () => {
    const { exportJob } = await gateway.query(ExportJobDocument, { id: '24055' });
    const batch = exportJob?.destination.batches[0]?.batchId ?? '';
    const dataset = exportJob?.destination.dataset?.id.replace('Dataset:', '') ?? '';
    const expected = {
      exportJob: { id: 'ExportJob:24055', platformId: '24055' },
      dataset: { id: `Dataset:${dataset}`, platformId: dataset },
      batch: { id: `Batch:${batch}`, platformId: batch },
    };
    expect(await gateway.query(LookupsDocument, { job: '24055', dataset, batch })).toEqual(expected);
    const global = { job: 'ExportJob:24055', dataset: `Dataset:${dataset}`, batch: `Batch:${batch}` };
    expect(await gateway.query(LookupsDocument, global)).toEqual(expected);
    for (const { id } of Object.values(expected)) {
      const { node } = await gateway.query(NodeDocument, { id });
      expect(node).toEqual({ id, __typename: id.split(':')[0] });
    }
  });

  it.each([
    { job: '99999999', dataset: 'ffffffffffffffffffffffff', batch: '00000000000000000000000000000000' },
    { job: 'not-a-number', dataset: '..', batch: '%2e%2e' },
    { job: '../batches', dataset: 'a,b', batch: '?limit=1' },
    { job: 'ExportJob:0', dataset: `${profileDataset},${webEventsDataset}`, batch: 'Batch:x:y' },
  ])('returns null for what does not exist: $job, $dataset, $batch', async (ids) => {
    expect(await gateway.query(LookupsDocument, ids)).toEqual({ exportJob: null, dataset: null, batch: null });
  });

  it('keeps the order of the ids, with null for missing entities and for kinds without a lookup', async () => {
    const ids = [
      `Dataset:${webEventsDataset}`,
      'ExportJob:24001',
      'ExportJob:1',
      `Dataset:${profileDataset}`,
      'Batch:nothing',
      'ExportJob:24001',
    ];
    const { nodes } = await gateway.query(NodesDocument, { ids });
    expect(nodes.map((node) => node?.id ?? null)).toEqual([ids[0], ids[1], null, ids[3], null, ids[5]]);
    expect(nodes.map((node) => node?.__typename ?? null)).toEqual([
      'Dataset',
      'ExportJob',
      null,
      'Dataset',
      null,
      'ExportJob',
    ]);
  });
});
