import { describe, expect, it } from 'vitest';
import { platformId, type SegmentId, type SegmentJobId } from '../../../../src/domain/ids.ts';
import { InvalidInputError, OutcomeUnknownError, UpstreamUnreadableError } from '../../../../src/errors.ts';
import { connectTo, sendJson, startStub } from '../platform-stub.ts';

const root = '/data/core/ups/segment/jobs';
const id = platformId<SegmentJobId>('job-1');
const record = { id, status: 'PROCESSING', segments: [{ segmentId: 's-1' }], creationTime: 5, updateTime: 6 };
const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ ...record, id: `job-${index}` }));

describe('the list of segment jobs', () => {
  it('contains the newest jobs', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { children: [record] }));
    await using client = connectTo(stub.url);
    const page = await client.api.segmentJobs.list({ limit: 20 });
    expect(page).toMatchObject({ jobs: [{ id, status: 'PROCESSING', observedAt: client.clock.now() }], next: null });
    expect(stub.requests[0]).toMatchObject({ method: 'GET', path: root });
    expect(Object.fromEntries(stub.requests[0]?.query ?? [])).toEqual({ limit: '20', sort: 'creationTime:desc' });
    expect(client.metrics.calls).toMatchObject([{ service: 'segmentation' }]);
  });

  it('reports the total number, and counts an anomaly if the jobs are not in the requested order', async () => {
    const children = [5, 3, 4].map((time) => ({ ...record, id: `job-${time}`, updateTime: time }));
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { children, _page: { totalCount: 12, pageSize: 3 } }),
    );
    await using client = connectTo(stub.url);
    const list = async (field: 'creationTime' | 'updateTime') =>
      (await client.api.segmentJobs.list({ limit: 20, orderBy: { field, direction: 'desc' } })).total;
    expect(await list('creationTime')).toBe(12);
    expect(client.metrics.anomalies).toEqual([]);
    expect(await list('updateTime')).toBe(12);
    expect(client.metrics.anomalies).toEqual([{ resource: 'SegmentJob', kind: 'out-of-order' }]);
  });

  it('is requested with start, status, segment and order', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { children: [] }));
    await using client = connectTo(stub.url);
    await client.api.segmentJobs.list({
      limit: 100,
      start: 3,
      status: 'PROCESSING',
      segmentId: platformId('a&b==c'),
      orderBy: { field: 'updateTime', direction: 'asc' },
    });
    expect(Object.fromEntries(stub.requests[0]?.query ?? [])).toEqual({
      limit: '100',
      start: '3',
      status: 'PROCESSING',
      property: 'segments~segmentId==a&b==c',
      sort: 'updateTime:asc',
    });
  });

  it.each([
    {
      why: 'the link names it',
      count: 2,
      body: { _links: { next: { href: '/segment/jobs?start=2&limit=2' } } },
      next: 2,
    },
    { why: 'the link names it, for a later page', count: 2, start: 4, body: { _links: { next: '?start=6' } }, next: 6 },
    { why: 'the page names it', count: 2, body: { _page: { next: '2' } }, next: 2 },
    { why: 'the page is full', count: 2, body: { _links: { next: {} } }, next: 1 },
    { why: 'the page is full', count: 2, start: 3, body: {}, next: 4 },
    {
      why: 'there is more, although the link has no position',
      count: 1,
      body: { _links: { next: { href: '?limit=2' } } },
      next: 1,
    },
    { why: 'the link does not lead on', count: 2, start: 3, body: { _links: { next: { href: '?start=3' } } }, next: 4 },
    {
      why: 'it is short',
      count: 1,
      body: { _page: { totalCount: 14, pageSize: 14 }, _links: { next: {} } },
      next: null,
    },
    { why: 'the link is blank', count: 1, body: { _links: { next: { href: '' } } }, next: null },
    {
      why: 'the link is a template',
      count: 1,
      body: { _links: { next: { href: '?start={start}', templated: true } } },
      next: null,
    },
    { why: 'it is empty', count: 0, body: { _links: { next: { href: '?start=9' } } }, next: null },
  ])('continues at $next because $why (#15, #18)', async ({ count, start, body, next }) => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { children: rows(count), ...body }),
    );
    await using client = connectTo(stub.url);
    const page = await client.api.segmentJobs.list({ limit: 2, ...(start === undefined ? {} : { start }) });
    expect(page.next).toBe(next);
  });

  it('omits a record without id or status, which still counts as a row', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { children: [record, { status: 'NEW' }, { id: 'x' }, 'odd'] }),
    );
    await using client = connectTo(stub.url);
    const page = await client.api.segmentJobs.list({ limit: 4 });
    expect(page).toMatchObject({ jobs: [{ id }], next: 1 });
    expect(client.metrics.anomalies.map(({ kind }) => kind)).toEqual(['missing-id', 'missing-status', 'not-an-object']);
  });

  it('is unreadable without children', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { records: [] }));
    await using client = connectTo(stub.url);
    await expect(client.api.segmentJobs.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });

  it.each([
    ['Invalid status', { status: 'QUEUED' }, 'INVALID_INPUT'],
    ['QUEUED cannot be filtered by', { status: 'QUEUED' }, 'INVALID_INPUT'],
    ['No segment s-1', { segmentId: platformId<SegmentId>('s-1') }, 'INVALID_INPUT'],
    ['No segment s-1', {}, 'PLATFORM_ERROR'],
    ['Invalid status', { segmentId: platformId<SegmentId>('s-1') }, 'PLATFORM_ERROR'],
    ['', { status: 'QUEUED' }, 'PLATFORM_ERROR'],
  ] as const)('reports %j with the filter %j as %s', async (detail, filter, code) => {
    await using stub = await startStub((_request, response) => sendJson(response, 400, { detail }));
    await using client = connectTo(stub.url);
    await expect(client.api.segmentJobs.list({ limit: 1, ...filter })).rejects.toMatchObject({
      code,
      ...(code === 'INVALID_INPUT' ? { issues: [{ path: 'filter' }] } : {}),
    });
  });
});

describe('the read of a segment job by id', () => {
  it('returns the job', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, record));
    await using client = connectTo(stub.url);
    expect(await client.api.segmentJobs.get(id)).toMatchObject({ id, segments: [{ segmentId: 's-1' }] });
    expect(stub.requests[0]).toMatchObject({ method: 'GET', path: `${root}/job-1` });
  });

  it('returns null for an unknown id, and for a text that cannot be an id', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.segmentJobs.get(id)).toBeNull();
    expect(await client.api.segmentJobs.get(platformId('a?b'))).toBeNull();
    expect(stub.requests).toHaveLength(1);
  });

  it('is unreadable without an id or a status', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { id }));
    await using client = connectTo(stub.url);
    await expect(client.api.segmentJobs.get(id)).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});

describe('the create of a segment job', () => {
  it.each([200, 201, 202])('sends a list, and accepts a response with status %i (#21)', async (status) => {
    await using stub = await startStub((_request, response) => sendJson(response, status, record));
    await using client = connectTo(stub.url);
    expect(await client.api.segmentJobs.create([platformId('s-1'), platformId('s-2')])).toMatchObject({ id });
    expect(stub.requests[0]).toMatchObject({ method: 'POST', path: root });
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual([{ segmentId: 's-1' }, { segmentId: 's-2' }]);
  });

  it('has an unknown outcome when the response contains no job', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { status: 'NEW' }));
    await using client = connectTo(stub.url);
    await expect(client.api.segmentJobs.create([platformId('s-1')])).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  it.each([
    [['s-1'], '', 'input.segmentIds.0'],
    [['s-1', 's-2'], '', 'input.segmentIds'],
    [['s-1', 's-2'], 'Segment s-2 was not found', 'input.segmentIds.1'],
    [['*'], 'Segment not found', 'input'],
  ])('reports the argument of a 404 for %j, if the message of the platform is %j', async (ids, detail, path) => {
    await using stub = await startStub((_request, response) => sendJson(response, 404, { detail }));
    await using client = connectTo(stub.url);
    const segmentIds = ids.map((each) => platformId<SegmentId>(each));
    await expect(client.api.segmentJobs.create(segmentIds)).rejects.toMatchObject({
      constructor: InvalidInputError,
      issues: [{ path }],
    });
  });
});

describe('the cancellation of a segment job', () => {
  it.each([
    { status: 204, body: '' },
    { status: 200, body: '{"status":true,"message":"Segment job has been marked for cancelling"}' },
    { status: 202, body: 'not JSON' },
  ])('succeeds after $status with the body $body (#20)', async ({ status, body }) => {
    await using stub = await startStub((_request, response) => response.writeHead(status).end(body));
    await using client = connectTo(stub.url);
    expect(await client.api.segmentJobs.cancel(id)).toBe(true);
    expect(stub.requests[0]).toMatchObject({ method: 'DELETE', path: `${root}/job-1` });
  });

  it('returns false for an unknown id, and for a text that cannot be an id', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.segmentJobs.cancel(id)).toBe(false);
    expect(await client.api.segmentJobs.cancel(platformId('..'))).toBe(false);
    expect(stub.requests).toHaveLength(1);
  });
});
