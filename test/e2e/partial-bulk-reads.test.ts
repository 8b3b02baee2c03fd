import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Answer, startGateway } from '../support/gateway.ts';
import { startStub } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { WatchDatasetsDocument } from './operations.generated.ts';

const createdMs = Date.parse('2026-01-01T00:00:00Z');

interface CatalogOptions {
  /** Datasets of the jobs, one for each job. */
  readonly datasets?: readonly string[];
  /** Responds to a read by id; false: every requested object exists. */
  readonly respond: (ids: readonly string[], response: ServerResponse) => boolean;
}

/** A platform with a list of export jobs, and with every dataset, batch and segment definition that is requested. */
async function startCatalog({ datasets = [], respond }: CatalogOptions) {
  /** The ids of each read by id. */
  const reads: (readonly string[])[] = [];
  const job = (datasetId: string, index: number) => ({
    id: index + 1,
    jobType: 'BATCH',
    status: 'SUCCEEDED',
    schema: { name: '_xdm.context.profile' },
    destination: { datasetId },
    metrics: {},
    creationTime: createdMs - index,
    updateTime: createdMs,
  });
  const stub = await startStub((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://stub');
    const inPath = /\/catalog\/(?:dataSets|batches)\/(.+)$/.exec(pathname)?.[1];
    const read = (ids: readonly string[], entries: (ids: readonly string[]) => unknown) => {
      reads.push(ids);
      if (!respond(ids, response)) send(response, 200, entries(ids));
    };
    if (pathname.startsWith('/ims/')) {
      request.resume();
      send(response, 200, { access_token: plantedSecret('catalog'), token_type: 'bearer', expires_in: 86_399 });
    } else if (pathname.endsWith('/export/jobs')) {
      send(response, 200, { records: datasets.map(job), page: { pageSize: datasets.length }, link: {} });
    } else if (inPath !== undefined) {
      read(inPath.split(',').map(decodeURIComponent), (ids) => Object.fromEntries(ids.map((id) => [id, existing(id)])));
    } else if (pathname.endsWith('/segment/definitions/bulk-get')) {
      let body = '';
      request.on('data', (piece) => {
        body += String(piece);
      });
      request.on('end', () =>
        read(
          JSON.parse(body).ids.map(({ id }: { id: string }) => id),
          (ids) => ({ results: Object.fromEntries(ids.map((id) => [id, { id, ...existing(id) }])) }),
        ),
      );
    } else response.writeHead(404).end();
  });
  return { url: stub.url, reads, [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose]() };
}

/** An object that is a dataset, a batch or a segment definition. */
const existing = (id: string) => ({ name: `Name of ${id}`, status: 'success', created: createdMs });

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const rejecting =
  (bad: string, status = 400): CatalogOptions['respond'] =>
  (ids, response) => {
    if (!ids.includes(bad)) return false;
    send(response, status, { title: 'BadRequestError', detail: `${bad} is no id.` });
    return true;
  };

const failuresOf = ({ errors }: Answer<unknown>) =>
  errors.map(({ path, extensions }) => [path?.join('.'), extensions?.['code']]);

const list = '{ exportJobs(first: 50) { nodes { platformId destination { dataset { platformId name } } } } }';
interface ListedJob {
  readonly destination: { readonly dataset: { readonly platformId: string; readonly name: string } | null };
}
interface Listed {
  readonly exportJobs: { readonly nodes: readonly ListedJob[] };
}
/** The names of the datasets of the jobs of `list`. */
const namesIn = ({ data }: Answer<Record<string, unknown>>) => {
  // The cast is safe, because the document selects this form.
  const { exportJobs } = data as unknown as Listed;
  return exportJobs.nodes.map(({ destination }) => destination.dataset?.name ?? null);
};

/** Ten datasets of fifty jobs. */
const ten = Array.from({ length: 50 }, (_, index) => `ds-${index % 10}`);
const expectedNames = (bad: (id: string) => boolean, ids = ten) => ids.map((id) => (bad(id) ? null : `Name of ${id}`));
const pathsOf = (bad: (id: string) => boolean, code: string, ids = ten) =>
  ids.flatMap((id, index) => (bad(id) ? [[`exportJobs.nodes.${index}.destination.dataset`, code]] : []));

describe('a list of jobs with their datasets', () => {
  it('reads all datasets by one call', async () => {
    await using platform = await startCatalog({ datasets: ten, respond: () => false });
    await using gateway = await startGateway({ platform });
    const answer = await gateway.send(list);
    expect(answer.errors).toEqual([]);
    expect(namesIn(answer)).toEqual(expectedNames(() => false));
    expect(platform.reads.map(({ length }) => length)).toEqual([10]);
  });

  it.each([
    ['an error', { type: '/placeholder/type/uri', status: 403, title: 'Forbidden' }, 'FORBIDDEN'],
    ['an undecodable value', 'corrupt', 'UPSTREAM_UNREADABLE'],
    ['an undecodable list', [{ name: 'A' }], 'UPSTREAM_UNREADABLE'],
  ])('contains the others if the response contains %s instead of one', async (_, entry, code) => {
    await using platform = await startCatalog({
      datasets: ten,
      respond: (ids, response) => {
        send(response, 200, Object.fromEntries(ids.map((id) => [id, id === 'ds-3' ? entry : existing(id)])));
        return true;
      },
    });
    await using gateway = await startGateway({ platform });
    const answer = await gateway.send(list);
    const isBad = (id: string) => id === 'ds-3';
    expect(failuresOf(answer)).toEqual(pathsOf(isBad, code));
    expect(namesIn(answer)).toEqual(expectedNames(isBad));
    expect(platform.reads).toHaveLength(1);
  });

  it('contains the others if the platform rejects the call because of one', async () => {
    await using platform = await startCatalog({ datasets: ten, respond: rejecting('ds-3') });
    await using gateway = await startGateway({ platform });
    const answer = await gateway.send(list);
    const isBad = (id: string) => id === 'ds-3';
    expect(failuresOf(answer)).toEqual(pathsOf(isBad, 'PLATFORM_ERROR'));
    expect(answer.errors[0]?.message).toContain('responded with 400: BadRequestError: ds-3 is no id.');
    expect(namesIn(answer)).toEqual(expectedNames(isBad));
    expect(platform.reads.map(({ length }) => length)).toEqual([10, 5, 5, 3, 2, 1, 1]);
  });

  it.each([403, 503])('contains those of the other calls if one fails with %i', async (status) => {
    // So long that several calls are necessary.
    const ids = Array.from({ length: 50 }, (_, index) => `${index}-`.padEnd(120, 'x'));
    const bad = ids[0] ?? '';
    await using platform = await startCatalog({ datasets: ids, respond: rejecting(bad, status) });
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock });
    const answer = await clock.runUntil(gateway.send(list));
    const failed = new Set(platform.reads.find((read) => read.includes(bad)));
    expect(failed.size).toBeGreaterThan(1);
    expect(failed.size).toBeLessThan(40);
    const isBad = (id: string) => failed.has(id);
    expect(failuresOf(answer)).toEqual(pathsOf(isBad, status === 403 ? 'FORBIDDEN' : 'PLATFORM_ERROR', ids));
    expect(namesIn(answer)).toEqual(expectedNames(isBad, ids));
    // The failed call was repeated as a whole, if at all.
    expect(new Set(platform.reads.map(({ length }) => length)).size).toBeLessThanOrEqual(2);
  });

  it('has no more calls than MAX_OPERATION_CALLS, even to find a rejected dataset', async () => {
    await using platform = await startCatalog({ datasets: ten, respond: rejecting('ds-3') });
    await using gateway = await startGateway({ platform, env: { MAX_OPERATION_CALLS: '4' } });
    const answer = await gateway.send(list);
    expect(platform.reads).toHaveLength(3);
    expect(namesIn(answer).slice(5, 10)).toEqual(expectedNames(() => false).slice(5, 10));
    expect(answer.errors[0]?.message).toContain('MAX_OPERATION_CALLS');
  });
});

describe.each(['Dataset', 'Batch', 'SegmentDefinition'])('references of the type %s', (type) => {
  it('are resolved except for the one that the platform rejects', async () => {
    await using platform = await startCatalog({ respond: rejecting('no-3') });
    await using gateway = await startGateway({ platform });
    const answer = await gateway.send(
      'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Node { id } } }',
      { of: Array.from({ length: 10 }, (_, index) => ({ __typename: type, platformId: `no-${index}` })) },
    );
    expect(failuresOf(answer)).toEqual([['_entities.3', 'PLATFORM_ERROR']]);
    expect(answer.data).toEqual({
      _entities: Array.from({ length: 10 }, (_, index) => (index === 3 ? null : { id: `${type}:no-${index}` })),
    });
    expect(platform.reads).toHaveLength(7);
  });
});

describe('several schedules', () => {
  it('are read alone if the list contains an error that may stand for one of them', async () => {
    const schedule = (id: string) => ({ id, name: `Name of ${id}`, state: 'active', schedule: '0 0 1 * * ?' });
    const reads: string[] = [];
    await using platform = await startStub((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://stub');
      request.resume();
      if (pathname.startsWith('/ims/')) {
        send(response, 200, { access_token: plantedSecret('schedules'), token_type: 'bearer', expires_in: 86_399 });
        return;
      }
      const id = /\/config\/schedules\/(.+)$/.exec(pathname)?.[1];
      reads.push(id ?? 'list');
      if (id === undefined) {
        const failure = { id: 'b', status: 500, title: 'InternalServerError' };
        send(response, 200, { children: [schedule('a'), failure], _links: {} });
      } else if (id === 'gone') response.writeHead(404).end();
      else send(response, 200, schedule(id));
    });
    await using gateway = await startGateway({ platform });
    const answer = await gateway.send('{ nodes(ids: ["Schedule:a", "Schedule:b", "Schedule:gone"]) { id } }');
    expect(answer.errors).toEqual([]);
    expect(answer.data).toEqual({ nodes: [{ id: 'Schedule:a' }, { id: 'Schedule:b' }, null] });
    expect(reads.toSorted()).toEqual(['b', 'gone', 'list']);
  });
});

describe('a subscription of named datasets', () => {
  it('receives the changes of the others while the platform rejects one of them', async () => {
    let version = 1;
    await using platform = await startCatalog({
      respond: (ids, response) => {
        if (rejecting('invented')(ids, response)) return true;
        if (version > 1 && rejecting('b')(ids, response)) return true;
        const named = (id: string) => ({ ...existing(id), name: `Name ${version} of ${id}` });
        send(response, 200, Object.fromEntries(ids.map((id) => [id, named(id)])));
        return true;
      },
    });
    await using gateway = await startGateway({ platform });
    await using events = gateway.subscribe(WatchDatasetsDocument, { ids: ['a', 'b', 'c'] });
    for (const _ of ['a', 'b', 'c']) expect((await events.take())?.datasetChanged).toMatchObject({ kind: 'SNAPSHOT' });
    version = 2;
    const changed = [await events.take(), await events.take()].map((data) => data?.datasetChanged);
    expect(changed).toMatchObject([
      { kind: 'CHANGED', dataset: { name: 'Name 2 of a' } },
      { kind: 'CHANGED', dataset: { name: 'Name 2 of c' } },
    ]);
    // A subscriber that names only a rejected dataset receives its error.
    const failures = await gateway.subscribe(WatchDatasetsDocument, { ids: ['invented'] }).failure();
    expect(failures).toMatchObject([{ extensions: { code: 'PLATFORM_ERROR' } }]);
  });
});

describe('the delete of a dataset without a conclusive response', () => {
  it('is not reported as done because the dataset cannot be read afterwards', async () => {
    await using platform = await startStub((request, response) => {
      request.resume();
      if (request.url?.startsWith('/ims/') === true)
        send(response, 200, { access_token: plantedSecret('catalog'), token_type: 'bearer', expires_in: 86_399 });
      else if (request.method === 'DELETE') response.destroy();
      else send(response, 200, { a: { status: 403, title: 'Forbidden' } });
    });
    await using gateway = await startGateway({ platform });
    const answer = await gateway.send('mutation { deleteDataset(id: "a") { __typename } }');
    expect(answer.data).toEqual({ deleteDataset: { __typename: 'OutcomeUnknownError' } });
  });
});
