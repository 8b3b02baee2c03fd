import { describe, expect, it } from 'vitest';
import type { NewExportJob } from '../../../../src/domain/export-job.ts';
import { type DatasetId, type ExportJobId, platformId, type SegmentId } from '../../../../src/domain/ids.ts';
import { InvalidInputError, OutcomeUnknownError, UpstreamUnreadableError } from '../../../../src/errors.ts';
import { newExportJob } from '../fixtures.ts';
import { connectTo, sendJson, startStub } from '../platform-stub.ts';

const id = platformId<ExportJobId>('722');
const record = (fields: object) => ({
  id: 722,
  status: 'NEW',
  jobType: 'BATCH',
  destination: { datasetId: 'd' },
  creationTime: 1_538_573_416_687,
  updateTime: 1_538_573_416_687,
  ...fields,
});

describe('the list of export jobs', () => {
  it('is requested with limit and cursor, and returns the cursor of the next page', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, {
        records: [record({ id: 725 }), record({ id: 722 })],
        page: { sortField: 'createdTime', pageOffset: 'wrong' },
        link: { next: '/export/jobs/?limit=2&offset=1538573416687_722' },
      }),
    );
    await using client = connectTo(stub.url);
    const page = await client.api.exportJobs.list({ limit: 2, cursor: { createdAtMs: 9, id: platformId('a_b') } });
    expect(page.jobs.map((job) => job.id)).toEqual(['725', '722']);
    expect(page.jobs[0]?.observedAt).toEqual(client.clock.now());
    expect(page.next).toEqual({ createdAtMs: 1_538_573_416_687, id: '722' });
    expect(stub.requests[0]).toMatchObject({ method: 'GET', path: '/data/core/ups/export/jobs' });
    expect(Object.fromEntries(stub.requests[0]?.query ?? [])).toEqual({ limit: '2', offset: '9_a_b' });
  });

  it('continues after its last job if the link names the same page again, and ends if that is not another position', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, {
        records: [record({ id: 722, creationTime: 1_538_573_416_005 })],
        link: { next: '/?offset=1538573416009_730' },
      }),
    );
    await using client = connectTo(stub.url);
    const nextAfter = async (createdAtMs: number, id: string) =>
      (await client.api.exportJobs.list({ limit: 1, cursor: { createdAtMs, id: platformId(id) } })).next;
    expect(await nextAfter(1_538_573_416_010, '731')).toEqual({ createdAtMs: 1_538_573_416_009, id: '730' });
    expect(await nextAfter(1_538_573_416_009, '730')).toEqual({ createdAtMs: 1_538_573_416_005, id: '722' });
  });

  it('counts an anomaly if it is not in order', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { records: [1, 3, 2].map((time) => record({ id: time, creationTime: time })) }),
    );
    await using client = connectTo(stub.url);
    expect((await client.api.exportJobs.list({ limit: 9 })).jobs.map(({ id }) => id)).toEqual(['1', '3', '2']);
    expect(client.metrics.anomalies).toEqual([{ resource: 'ExportJob', kind: 'out-of-order' }]);
  });

  it('omits a record without id or status, and counts it', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { records: [record({ id: null }), record({}), record({ status: '' }), 'odd'] }),
    );
    await using client = connectTo(stub.url);
    const page = await client.api.exportJobs.list({ limit: 100 });
    expect(page.jobs.map((job) => job.id)).toEqual(['722']);
    expect(page.next).toBeNull();
    expect(client.metrics.anomalies).toEqual([
      { resource: 'ExportJob', kind: 'missing-id' },
      { resource: 'ExportJob', kind: 'missing-status' },
      { resource: 'ExportJob', kind: 'not-an-object' },
    ]);
  });

  it('is unreadable without records', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { children: [] }));
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });

  it('fails with an error when the platform returns 404, because no id was requested', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.list({ limit: 1 })).rejects.toMatchObject({ code: 'PLATFORM_ERROR' });
  });
});

describe('the read of an export job by id', () => {
  it('reads one job', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, record({ status: 'PAUSED' })));
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.get(id)).toMatchObject({ id: '722', status: 'UNKNOWN', rawStatus: 'PAUSED' });
    expect(stub.requests[0]?.path).toBe('/data/core/ups/export/jobs/722');
    expect(client.metrics.anomalies).toEqual([{ resource: 'ExportJob', kind: 'unknown-status' }]);
  });

  it('returns null for a job that the platform does not know', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.get(id)).toBeNull();
  });

  it.each(['', '.', '..', 'a/b', 'a\\b', 'a,b', 'a?b', 'a#b', 'a%2fb', 'a b', 'a\u0000', '\ud800', 'x'.repeat(257)])(
    'returns null without a call for %j, which cannot be a path segment',
    async (impossible) => {
      await using stub = await startStub((_request, response) => sendJson(response, 200, record({})));
      await using client = connectTo(stub.url);
      expect(await client.api.exportJobs.get(platformId(impossible))).toBeNull();
      expect(await client.api.exportJobs.cancel(platformId(impossible))).toBe(false);
      expect(stub.requests).toHaveLength(0);
    },
  );

  it('is unreadable without an id or a status', async () => {
    const bodies = [record({ id: undefined }), record({ status: undefined }), []];
    await using stub = await startStub((_request, response) => sendJson(response, 200, bodies.shift()));
    await using client = connectTo(stub.url);
    for (let count = bodies.length; count > 0; count -= 1) {
      await expect(client.api.exportJobs.get(id)).rejects.toMatchObject({
        constructor: UpstreamUnreadableError,
        upstream: { service: 'export', status: 200 },
      });
    }
  });
});

describe('the create of an export job', () => {
  const respondWith = (status: number) => startStub((_request, response) => sendJson(response, status, record({})));

  it.each([200, 201, 202])('accepts a response with status %i (#21)', async (status) => {
    await using stub = await respondWith(status);
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.create(newExportJob)).toMatchObject({ id: '722', status: 'NEW' });
  });

  it('sends the properties that are set, and leaves the others to the platform', async () => {
    await using stub = await respondWith(200);
    await using client = connectTo(stub.url);
    await client.api.exportJobs.create(newExportJob);
    expect(stub.requests[0]).toMatchObject({ method: 'POST', path: '/data/core/ups/export/jobs' });
    expect(stub.requests[0]?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      destination: { datasetId: '5cf6bcf79ecc7c14530fe436', segmentPerBatch: false },
      schema: { name: '_xdm.context.profile' },
    });
  });

  it('sends every property that can be set (#13)', async () => {
    await using stub = await respondWith(200);
    await using client = connectTo(stub.url);
    const everything: NewExportJob = {
      fields: ['identities.id', 'personName.firstName'],
      schemaName: '_xdm.context.profile',
      mergePolicy: { id: platformId('policy'), version: 2 },
      filter: {
        segments: [
          { segmentId: platformId('s-1'), segmentNs: 'ups', statuses: ['REALIZED', 'EXITED', 'EXISTING'] },
          { segmentId: platformId('s-2'), segmentNs: 'AAM', statuses: [] },
        ],
        segmentQualificationTime: { startTime: new Date('2018-01-01T00:00:00Z'), endTime: null },
        fromIngestTimestamp: new Date('2018-01-02T00:00:00Z'),
        emptyProfiles: true,
      },
      eventList: { fields: ['timestamp', 'a.b'], fromIngestTimestamp: new Date(0), toIngestTimestamp: new Date(1) },
      datasetId: platformId<DatasetId>('d'),
      segmentPerBatch: true,
      evaluateSegments: true,
      waitForBatch: true,
    };
    await client.api.exportJobs.create(everything);
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      fields: 'identities.id,personName.firstName',
      mergePolicy: { id: 'policy', version: 2 },
      filter: {
        segments: [
          { segmentId: 's-1', segmentNs: 'ups', status: ['realized', 'exited', 'existing'] },
          { segmentId: 's-2', segmentNs: 'AAM' },
        ],
        segmentQualificationTime: { startTime: '2018-01-01T00:00:00.000Z' },
        fromIngestTimestamp: '2018-01-02T00:00:00.000Z',
        emptyProfiles: true,
      },
      additionalFields: {
        eventList: {
          fields: 'timestamp,a.b',
          filter: {
            fromIngestTimestamp: '1970-01-01T00:00:00.000Z',
            toIngestTimestamp: '1970-01-01T00:00:00.001Z',
          },
        },
      },
      destination: { datasetId: 'd', segmentPerBatch: true },
      schema: { name: '_xdm.context.profile' },
      evaluationInfo: { segmentation: true },
      properties: { checkBatchStatusForSuccess: true },
    });
  });

  it.each<[string, string, Partial<NewExportJob>, string]>([
    ['nothing', '', {}, 'input.destination.target.datasetId'],
    ['a dataset', 'No such dataset', {}, 'input.destination.target.datasetId'],
    ['its only segment', 'Segment was not found', { filter: filterOf('s-1') }, 'input.filter.segments.0.segmentId'],
    ['an audience', 'An audience does not exist', { filter: filterOf('s-1', 's-2') }, 'input.filter.segments'],
    ['a segment by id', 'Not found: s-2', { filter: filterOf('s-1', 's-2') }, 'input.filter.segments.1.segmentId'],
    ['a part of an id', 's-22 and xs-2', { filter: filterOf('s-2') }, 'input.destination.target.datasetId'],
    ['a merge policy', 'Merge policy of the segment', { ...policyAndSegment() }, 'input.mergePolicy.id'],
    ['a segment that was not named', 'No segment', {}, 'input.destination.target.datasetId'],
  ])('reports the argument of a 404 that mentions %s', async (_, detail, changes, path) => {
    await using stub = await startStub((_request, response) => sendJson(response, 404, { title: 'Not found', detail }));
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create({ ...newExportJob, ...changes })).rejects.toMatchObject({
      constructor: InvalidInputError,
      issues: [{ path }],
      upstream: { status: 404 },
    });
    expect(stub.requests).toHaveLength(1);
  });

  it('reports the argument whose id a 400 mentions', async () => {
    const detail = 'Segment s-1 is not a segment of this sandbox';
    await using stub = await startStub((_request, response) => sendJson(response, 400, { detail }));
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create({ ...newExportJob, filter: filterOf('s-1') })).rejects.toMatchObject({
      issues: [{ path: 'input.filter.segments.0.segmentId', message: detail }],
    });
  });

  it('has an unknown outcome when the response contains no job', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(200).end());
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });
});

describe('the cancellation of an export job', () => {
  it.each([
    { status: 204, body: '' },
    { status: 200, body: '{"status":true,"message":"Export job has been marked for cancelling"}' },
    { status: 202, body: 'not JSON' },
  ])('succeeds after $status with the body $body (#20)', async ({ status, body }) => {
    await using stub = await startStub((_request, response) => response.writeHead(status).end(body));
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.cancel(id)).toBe(true);
    expect(stub.requests[0]).toMatchObject({ method: 'DELETE', path: '/data/core/ups/export/jobs/722' });
  });

  it('returns false for a job that the platform does not know', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.cancel(id)).toBe(false);
  });
});

/** A filter for the members of segments. */
function filterOf(...ids: readonly string[]): NonNullable<NewExportJob['filter']> {
  const segments = ids.map((id) => ({ segmentId: platformId<SegmentId>(id), segmentNs: 'ups', statuses: [] }));
  return { segments, segmentQualificationTime: null, fromIngestTimestamp: null, emptyProfiles: false };
}

function policyAndSegment(): Partial<NewExportJob> {
  return { mergePolicy: { id: platformId('p-1'), version: null }, filter: filterOf('s-1') };
}
