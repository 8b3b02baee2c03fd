import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Answer, type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startPlatform, startProxy, webEventsDataset } from '../support/platform.ts';
import { bearer, startTokenIssuer } from '../support/token-issuer.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;
/** A clock that does not move, so that no poll round and no retry runs by itself. */
const clock = new FakeClock();

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform, clock });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});
afterEach(() => platform.faults.clear());

/** The platform rejects every request whose path begins with `path`. */
const reject = (path: string, status = 403) =>
  platform.faults.set({ rules: [{ match: { path }, fault: { kind: 'status', status } }] });

const ups = '/data/core/ups';
const catalog = '/data/foundation/catalog';
const dataAccess = '/data/foundation/export';
const sandboxes = '/data/foundation/sandbox-management';

const failuresOf = ({ errors }: Answer<unknown>) =>
  errors.map(({ path, extensions }) => [path?.join('.'), extensions?.['code']]);

interface NodeWithBatches {
  readonly platformId: string;
  readonly batches: unknown;
}
// The cast is safe, because the document selects this form.
const nodesOf = (connection: unknown) => (connection as { readonly nodes: readonly NodeWithBatches[] }).nodes;

describe('a query', () => {
  it.each([
    ['exportJobs { nodes { id } }', `${ups}/export/jobs`],
    ['datasets { nodes { id } }', `${catalog}/dataSets`],
    ['schedules { nodes { id } }', `${ups}/config/schedules`],
    ['segmentJobs { nodes { id } }', `${ups}/segment/jobs`],
    ['segmentDefinitions { nodes { id } }', `${ups}/segment/definitions`],
    ['mergePolicies { nodes { id } }', `${ups}/config/mergePolicies`],
    ['exportJob(id: "24050") { id }', `${ups}/export/jobs`],
    [`dataset(id: "${profileDataset}") { id }`, `${catalog}/dataSets`],
    ['schedule(id: "one") { id }', `${ups}/config/schedules`],
    ['segmentJob(id: "one") { id }', `${ups}/segment/jobs`],
    [`segmentDefinition(id: "${goldTier}") { id }`, `${ups}/segment/definitions`],
    ['mergePolicy(id: "one") { id }', `${ups}/config/mergePolicies`],
    ['batch(id: "one") { id }', `${catalog}/batches`],
    ['profile(identity: { namespace: "Email", value: "a@example.org" }) { entityId }', `${ups}/access/entities`],
    ['node(id: "ExportJob:24050") { id }', `${ups}/export/jobs`],
  ])('keeps the other root fields if %s is rejected', async (field, path) => {
    reject(path);
    const other = field.startsWith('dataset') || field.startsWith('batch') ? 'segmentJobs' : 'datasets';
    const answer = await gateway.send(
      `{ failed: ${field} other: ${other}(first: 1) { nodes { id } } viewer { canWrite } }`,
    );
    expect(failuresOf(answer)).toEqual([['failed', 'FORBIDDEN']]);
    expect(answer.data).toEqual({
      failed: null,
      other: { nodes: [expect.anything()] },
      viewer: { canWrite: true },
    });
  });

  it('keeps the other root fields if the arguments of one are wrong', async () => {
    const answer = await gateway.send(
      '{ failed: exportJobs(first: 0) { nodes { id } } datasets(first: 1) { nodes { id } } }',
    );
    expect(failuresOf(answer)).toEqual([['failed', 'INVALID_INPUT']]);
    expect(answer.data).toEqual({ failed: null, datasets: { nodes: [expect.anything()] } });
  });

  it.each([
    [`dataset(id: "${profileDataset}")`, 'batches { nodes { id } }', `${catalog}/batches`],
    [`dataset(id: "${profileDataset}")`, 'exportJobs { nodes { id } }', `${ups}/export/jobs`],
    [`dataset(id: "${profileDataset}")`, 'lastBatch { id }', `${catalog}/batches`],
    [`segmentDefinition(id: "${goldTier}")`, 'jobs { nodes { id } }', `${ups}/segment/jobs`],
    ['viewer', 'sandboxes { name }', sandboxes],
  ])('keeps %s if its %s is rejected', async (parent, field, path) => {
    reject(path);
    const answer = await gateway.send(`{ parent: ${parent} { __typename failed: ${field} } }`);
    expect(failuresOf(answer)).toEqual([['parent.failed', 'FORBIDDEN']]);
    expect(answer.data).toEqual({ parent: { __typename: expect.anything(), failed: null } });
  });

  it.each([
    ['schedules(first: 1)', 'recentRuns { id }', `${ups}/segment/jobs`],
    ['exportJobs(first: 1)', 'destination { dataset { id } }', `${catalog}/dataSets`],
    ['exportJobs(first: 1)', 'mergePolicy { policy { id } }', `${ups}/config/mergePolicies`],
    ['segmentDefinitions(first: 1)', 'mergePolicy { policy { id } }', `${ups}/config/mergePolicies`],
  ])('keeps the entries of %s if %s is rejected', async (list, field, path) => {
    reject(path);
    const answer = await gateway.send(`{ list: ${list} { nodes { id ${field} } } }`);
    expect(failuresOf(answer).map(([, code]) => code)).toEqual(['FORBIDDEN']);
    expect(answer.data).toMatchObject({ list: { nodes: [{ id: expect.stringMatching(/:/) }] } });
  });

  it.each([401, 403])('keeps the batch whose files are rejected with %i', async (status) => {
    const query = `{ dataset(id: "${profileDataset}") { batches(first: 1) { nodes { id status files { nodes { name } } } } } }`;
    reject(dataAccess, status);
    const answer = await gateway.send(query);
    expect(failuresOf(answer)).toEqual([['dataset.batches.nodes.0.files', 'FORBIDDEN']]);
    expect(answer.data).toMatchObject({
      dataset: { batches: { nodes: [{ id: expect.stringMatching(/^Batch:/), files: null }] } },
    });
  });

  it('keeps every dataset if the batches of one of them may not be read', async () => {
    await using proxy = await startProxy(platform, ({ url }, response) => {
      if (!url?.includes('/batches?') || !url.includes(webEventsDataset)) return false;
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"title":"forbidden"}');
      return true;
    });
    await using own = await startGateway({ platform: proxy, clock: new FakeClock() });
    const answer = await own.send(
      '{ datasets(first: 100) { nodes { platformId batches(first: 1) { nodes { id } } } } }',
    );
    const nodes = nodesOf(answer.data?.['datasets']);
    const failed = nodes.findIndex(({ batches }) => batches === null);
    expect(failuresOf(answer)).toEqual([[`datasets.nodes.${failed}.batches`, 'FORBIDDEN']]);
    expect(nodes[failed]?.platformId).toBe(webEventsDataset);
    expect(nodes.length).toBeGreaterThan(2);
    expect(nodes.filter(({ batches }) => batches === null)).toHaveLength(1);
  });

  it.each(['nodes(ids: ["Dataset:a", "SegmentJob:b", "ExportJob:24050", "nonsense"])', 'entities'])(
    'keeps the other entries of %s',
    async (list) => {
      reject(`${catalog}/dataSets`);
      const answer =
        list === 'entities'
          ? await gateway.send(
              'query ($list: [_Any!]!) { list: _entities(representations: $list) { __typename } viewer { canWrite } }',
              {
                list: [
                  { __typename: 'Dataset', platformId: 'a' },
                  { __typename: 'SegmentJob', id: 'b' },
                  { __typename: 'ExportJob', id: '24050' },
                  { __typename: 'Nonsense', id: 'a' },
                ],
              },
            )
          : await gateway.send(`{ list: ${list} { __typename } viewer { canWrite } }`);
      expect(failuresOf(answer).toSorted()).toEqual([
        ['list.0', 'FORBIDDEN'],
        ['list.3', 'INVALID_INPUT'],
      ]);
      expect(answer.data).toEqual({
        list: [null, null, { __typename: 'ExportJob' }, null],
        viewer: { canWrite: true },
      });
    },
  );
});

describe('a document of several mutations', () => {
  const result = '{ __typename ... on Error { code } }';

  it.each([
    ['createDataset(input: { name: "Second" })', `${catalog}/dataSets`],
    [`deleteDataset(id: "${webEventsDataset}")`, `${catalog}/dataSets`],
    ['cancelExportJob(id: "24050")', `${ups}/export/jobs`],
    [`createExportJob(input: { destination: { target: { datasetId: "${profileDataset}" } } })`, `${catalog}/dataSets`],
    ['createSegmentJob(input: { segmentIds: ["*"] })', `${ups}/segment/jobs`],
    ['cancelSegmentJob(id: "a")', `${ups}/segment/jobs`],
    ['createSchedule(input: { name: "a", type: EXPORT, schedule: "0 0 1 * * ?" })', `${ups}/config/schedules`],
    ['updateSchedule(id: "a", input: { state: ACTIVE })', `${ups}/config/schedules`],
    ['deleteSchedule(id: "a")', `${ups}/config/schedules`],
  ])('keeps the results of the others if the token is rejected during %s', async (field, path) => {
    // 401 is in no result union, so the field fails as a whole.
    platform.faults.set({ rules: [{ match: { path }, fault: { kind: 'status', status: 401 } }] });
    const other =
      path === `${catalog}/dataSets`
        ? 'cancelSegmentJob(id: "does-not-exist")'
        : 'deleteDataset(id: "ffffffffffffffffffffffff")';
    // A rejected read has a second attempt a second later.
    const answer = await clock.runUntil(
      gateway.send(`mutation { before: ${other} ${result} failed: ${field} ${result} after: ${other} ${result} }`),
    );
    expect(failuresOf(answer).map(([at]) => at)).toEqual(['failed']);
    const kept = { __typename: 'NotFoundError', code: 'NOT_FOUND' };
    expect(answer.data).toEqual({ before: kept, failed: null, after: kept });
  });

  it('keeps the id that the first mutation created', async () => {
    platform.faults.set({
      rules: [{ match: { path: `${ups}/segment/jobs`, method: 'POST' }, fault: { kind: 'status', status: 401 } }],
    });
    const answer = await gateway.send(`mutation {
      first: createDataset(input: { name: "Kept" }) { ... on CreateDatasetPayload { dataset { platformId } } }
      second: createSegmentJob(input: { segmentIds: ["*"] }) ${result}
    }`);
    expect(answer.data).toEqual({
      first: { dataset: { platformId: expect.stringMatching(/^[0-9a-f]{24}$/) } },
      second: null,
    });
  });
});

describe('viewer', () => {
  it.each([401, 403, 404, 500])(
    'names the sandbox of the request if the list of sandboxes returns %s',
    async (status) => {
      reject(sandboxes, status);
      // The retries of a 500 wait on this clock.
      const clock = new FakeClock();
      await using own = await startGateway({ platform, clock });
      const asked = own.send(
        '{ viewer { organizationId canWrite sandbox { name title } } exportJobs(first: 1) { nodes { id } } }',
      );
      const answered = asked.then(() => true);
      while (!(await Promise.race([answered, clock.tick().then(() => false)])));
      const answer = await asked;
      expect(answer.errors).toEqual([]);
      expect(answer.data).toEqual({
        viewer: { organizationId: expect.anything(), canWrite: true, sandbox: { name: 'prod', title: null } },
        exportJobs: { nodes: [expect.anything()] },
      });
    },
  );

  it('is readable for a caller without any read access', async () => {
    const clock = new FakeClock();
    await using issuer = await startTokenIssuer({ clock });
    await using service = await startGateway({ platform, clock, env: issuer.env(platform) });
    const writer = bearer(await issuer.sign({ scope: 'exports:write' }));
    platform.clearRequests();
    const { data, errors } = await service.send(
      `query ($list: [_Any!]!) {
        viewer { canWrite sandbox { name title } sandboxes { name } }
        exportJobs { nodes { id } }
        nodes(ids: ["ExportJob:24050", "no id"]) { id }
        _entities(representations: $list) { __typename }
      }`,
      { list: [{ __typename: 'Dataset', platformId: profileDataset }, { __typename: 'Viewer' }] },
      writer,
    );
    expect(data).toEqual({
      viewer: { canWrite: true, sandbox: { name: 'prod', title: null }, sandboxes: null },
      exportJobs: null,
      nodes: [null, null],
      _entities: [null, null],
    });
    expect(errors.map(({ path, extensions }) => [path?.join('.'), extensions?.['code']]).toSorted()).toEqual([
      ['_entities.0', 'FORBIDDEN'],
      ['_entities.1', 'FORBIDDEN'],
      ['exportJobs', 'FORBIDDEN'],
      ['nodes.0', 'FORBIDDEN'],
      ['nodes.1', 'FORBIDDEN'],
      ['viewer.sandboxes', 'FORBIDDEN'],
    ]);
    expect(platform.requests).toEqual([]);
  });
});
