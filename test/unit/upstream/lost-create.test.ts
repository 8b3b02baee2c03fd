import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { type MergePolicyId, platformId } from '../../../src/domain/ids.ts';
import type { NewSchedule } from '../../../src/domain/schedule.ts';
import { OutcomeUnknownError, PlatformError } from '../../../src/errors.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { otherOrganization, tenantOf } from '../../support/tenants.ts';
import { newExportJob } from './fixtures.ts';
import { connectTo, type Respond, sendJson, startStub } from './platform-stub.ts';

/** Now, by the clock of the tests. */
const nowMs = Date.parse('2030-01-01T00:00:00Z');
const exportJobs = '/data/core/ups/export/jobs';

/**
 * A platform that keeps what is created, and responds to a create by `loses` if that sends a response.
 * @param creates whether a lost create still creates an entity
 */
function startPlatform(loses: Respond, creates = true) {
  const kept: Record<string, unknown>[] = [];
  const respond: Respond = (request, response) => {
    const { method, path, body } = request;
    if (method === 'GET') {
      const page =
        path === exportJobs ? { records: kept } : path.includes('dataSets') ? datasets() : { children: kept };
      sendJson(response, 200, page);
      return;
    }
    const sent: unknown = JSON.parse(body);
    const asked = Array.isArray(sent) ? { segments: sent } : (sent as Record<string, unknown>);
    const id = kept.length + 1;
    const times = { creationTime: nowMs, created: nowMs, updateTime: nowMs, createEpoch: Math.floor(nowMs / 1_000) };
    const created = { ...asked, id, status: 'NEW', ...times };
    if (creates) kept.unshift(path.includes('dataSets') ? { ...created, id: `d-${id}` } : created);
    loses(request, response);
  };
  const datasets = () => Object.fromEntries(kept.map(({ id, ...dataset }) => [id, dataset]));
  return { kept, start: () => startStub(respond) };
}

const breaks: Respond = (_request, response) => response.destroy();
const responds =
  (status: number, headers = {}): Respond =>
  (_request, response) =>
    response.writeHead(status, headers).end();

const schemaRef = { id: 'schema', contentType: 'application/vnd.adobe.xed+json;version=1' };
const newSchedule: NewSchedule = {
  name: 'daily',
  type: 'BATCH_SEGMENTATION',
  schedule: '0 0 1 * * ?',
  segmentIds: [platformId('s-1')],
  state: 'INACTIVE',
};

/** An error in place of an entity. */
const unusable = { status: 500, title: 'InternalServerError', detail: 'No answer from the store' };

/** One create of each kind. */
const kinds: readonly [string, (api: PlatformApi) => Promise<unknown>, unknown][] = [
  ['export job', (api) => api.exportJobs.create(newExportJob), { id: '1' }],
  ['segment job', (api) => api.segmentJobs.create([platformId('s-1')]), { id: '1' }],
  ['schedule', (api) => api.schedules.create(newSchedule), { id: '1' }],
  [
    'dataset',
    (api) => api.datasets.create({ name: 'Mine', description: null, schemaRef, fileFormat: 'parquet', tags: [] }),
    'd-1',
  ],
];

describe('a create whose response is lost', () => {
  it.each<[string, Respond]>([
    ['the platform failed', responds(500)],
    ['the platform was overloaded', responds(503)],
    ['the platform had a failure without a name', responds(520)],
    ['the connection broke', breaks],
    ['a proxy gave up', (_request, response) => response.writeHead(504).end()],
    ['the response cannot be read', (_request, response) => response.end('{"id":')],
  ])('returns the created export job, although %s', async (_, loses) => {
    await using stub = await startPlatform(loses).start();
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.create(newExportJob)).toMatchObject({ id: '1', status: 'NEW' });
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
    expect(Object.fromEntries(stub.requests[1]?.query ?? [])).toEqual({ limit: '100' });
    expect(client.metrics.lostCreates).toEqual([{ service: 'export', found: true }]);
  });

  it('returns the created segment job', async () => {
    await using stub = await startPlatform(breaks).start();
    await using client = connectTo(stub.url);
    const job = await client.api.segmentJobs.create([platformId('s-1'), platformId('s-2')]);
    expect(job).toMatchObject({ id: '1', segments: [{ segmentId: 's-1' }, { segmentId: 's-2' }] });
  });

  it('returns the created dataset, identified by its name', async () => {
    const platform = startPlatform(breaks);
    platform.kept.push({ id: 'old', name: 'Mine', schemaRef: { id: 'schema' }, created: nowMs - 60_000 });
    platform.kept.push({ id: 'x', name: 'Mine too', schemaRef: { id: 'schema' }, created: nowMs });
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    const dataset = { name: 'Mine', description: null, schemaRef, fileFormat: 'parquet', tags: [] };
    expect(await client.api.datasets.create(dataset)).toBe('d-3');
    expect(stub.requests[1]?.query.get('name')).toBe('Mine');
    // There are now two new datasets of this name. One is known as the result of the first create.
    expect(await client.api.datasets.create(dataset)).toBe('d-4');
    expect(client.metrics.lostCreates).toHaveLength(2);
  });

  it('is distinguished from an equal create with a response', async () => {
    let turn = 0;
    const platform = startPlatform(({ body }, response) => {
      turn += 1;
      if (turn > 1) response.destroy();
      else sendJson(response, 200, { ...JSON.parse(body), id: 1, status: 'NEW', creationTime: nowMs });
    });
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.create(newExportJob)).toMatchObject({ id: '1' });
    expect(await client.api.exportJobs.create(newExportJob)).toMatchObject({ id: '2' });
  });

  it('has an unknown outcome when it was not executed', async () => {
    await using stub = await startPlatform(breaks, false).start();
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(client.metrics.lostCreates).toEqual([{ service: 'export', found: false }]);
  });

  it('has an unknown outcome when the lookup fails, with the failure of the create', async () => {
    await using stub = await startStub(({ method }, response) =>
      method === 'GET' ? response.writeHead(403).end() : response.writeHead(502).end(),
    );
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toMatchObject({
      constructor: OutcomeUnknownError,
      upstream: { status: 502 },
    });
  });

  it('has an unknown outcome if another caller made an equal create at the same time', async () => {
    const platform = startPlatform(breaks);
    const destination = { datasetId: newExportJob.datasetId };
    const schema = { name: newExportJob.schemaName };
    platform.kept.push({ id: 99, status: 'NEW', destination, schema, creationTime: nowMs });
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  it.each([
    ['another sandbox', tenantOf('dev')],
    ['an equal sandbox name of another organization', tenantOf('prod', otherOrganization)],
  ])('is found while a create of %s is running', async (_, tenant) => {
    const platform = startPlatform((request, response) => {
      const { org, sandbox } = tenantOf('prod');
      const { headers } = request;
      if (headers['x-gw-ims-org-id'] === org && headers['x-sandbox-name'] === sandbox) response.destroy();
    });
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    const running = client.as(tenant).exportJobs.create(newExportJob);
    await stub.received(1);
    // The platform keeps the jobs of each tenant for itself.
    platform.kept.length = 0;
    expect(await client.api.exportJobs.create(newExportJob)).toMatchObject({ id: '1' });
    await client.clock.advanceBy(30_000);
    await running.catch(() => {});
  });

  it('is found while a create of another group is running', async () => {
    const platform = startPlatform((request, response) => {
      if (request.body.includes('"lost"')) response.destroy();
    });
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    const running = client.api.schedules.create({ ...newSchedule, name: 'running' });
    await stub.received(1);
    expect(await client.api.schedules.create({ ...newSchedule, name: 'lost' })).toMatchObject({ id: '2' });
    await client.clock.advanceBy(30_000);
    await running.catch(() => {});
  });

  it.each([403, 429, 501])('is not looked up when the platform rejected it with %i', async (status) => {
    await using stub = await startPlatform(responds(status), false).start();
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.not.toBeInstanceOf(OutcomeUnknownError);
    expect(stub.requests).toHaveLength(1);
  });

  it('is found if records omit requested properties', async () => {
    const platform = startPlatform(breaks, false);
    const { datasetId, schemaName } = newExportJob;
    const record = { status: 'NEW', destination: { datasetId }, schema: { name: schemaName }, creationTime: nowMs };
    platform.kept.push({ id: 7, ...record });
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    const requested = {
      ...newExportJob,
      fields: ['a.b'],
      mergePolicy: { id: platformId<MergePolicyId>('p'), version: 1 },
    };
    expect(await client.api.exportJobs.create(requested)).toMatchObject({ id: '7' });
    // Now a second one fits as well.
    platform.kept.push({ id: 8, ...record }, { id: 9, ...record });
    await expect(client.api.exportJobs.create(requested)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });
});

describe.each(kinds)('a create of a %s', (_, create, made) => {
  it.each([500, 502, 503, 504])('that was executed with the response %i returns its result', async (status) => {
    await using stub = await startPlatform(responds(status)).start();
    await using client = connectTo(stub.url);
    const result = await create(client.api);
    if (typeof made === 'string') expect(result).toBe(made);
    else expect(result).toMatchObject(made ?? {});
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it('that was not executed with the response 503 is the retryable error of the platform', async () => {
    await using stub = await startPlatform(responds(503, { 'retry-after': '7' }), false).start();
    await using client = connectTo(stub.url);
    await expect(create(client.api)).rejects.toMatchObject({
      constructor: PlatformError,
      status: 503,
      retryable: true,
      retryAfterMs: 7_000,
    });
    expect(client.metrics.lostCreates).toMatchObject([{ found: false }]);
  });

  it('with the response 503 has an unknown outcome when a row of the lookup cannot be used', async () => {
    const platform = startPlatform(responds(503), false);
    // An older one shows that the list reaches back to the create.
    platform.kept.push(
      { id: 'bad', ...unusable },
      { id: 'old', name: 'x', status: 'NEW', creationTime: 1, created: 1 },
    );
    await using stub = await platform.start();
    await using client = connectTo(stub.url);
    await expect(create(client.api)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  it('with the response 503 has an unknown outcome when the lookup fails', async () => {
    await using stub = await startStub(({ method }, response) => {
      response.writeHead(method === 'GET' ? 403 : 503).end();
    });
    await using client = connectTo(stub.url);
    await expect(create(client.api)).rejects.toMatchObject({
      constructor: OutcomeUnknownError,
      upstream: { status: 503 },
    });
  });

  it.each([500, 502, 504])('that was not executed with the response %i has an unknown outcome', async (status) => {
    await using stub = await startPlatform(responds(status), false).start();
    await using client = connectTo(stub.url);
    await expect(create(client.api)).rejects.toMatchObject({
      constructor: OutcomeUnknownError,
      upstream: { status },
    });
  });
});

describe('equal creates with some lost responses', () => {
  it('never return the same job twice, and leave no job without a result or an unknown outcome', async () => {
    // Every third response is lost after the create happened, every fifth before.
    for (let offset = 0; offset < 15; offset += 1) {
      const kept: object[] = [];
      let turn = offset;
      await using stub = await startStub(({ method, body }, response) => {
        if (method === 'GET') {
          sendJson(response, 200, { records: kept });
          return;
        }
        turn += 1;
        const lostBefore = turn % 5 === 0;
        if (lostBefore) {
          response.destroy();
          return;
        }
        const job = { ...JSON.parse(body), id: kept.length + 1, status: 'NEW', creationTime: nowMs };
        kept.unshift(job);
        if (turn % 3 === 0) response.destroy();
        else sendJson(response, 200, job);
      });
      await using client = connectTo(stub.url);
      const outcomes: PromiseSettledResult<ExportJob>[] = [];
      for (let round = 0; round < 4; round += 1) {
        outcomes.push(...(await Promise.allSettled([1, 2, 3].map(() => client.api.exportJobs.create(newExportJob)))));
      }
      const created = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.id] : []));
      const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(new Set(created).size).toBe(created.length);
      expect(failures.every((failure) => failure instanceof OutcomeUnknownError)).toBe(true);
      expect(stub.requests.filter(({ method }) => method === 'POST')).toHaveLength(12);
      // Creates without a reported outcome are at most as many as creates with an unknown outcome.
      expect(kept.length - created.length).toBeLessThanOrEqual(failures.length);
    }
  });
});
