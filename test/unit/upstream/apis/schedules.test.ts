import { describe, expect, it } from 'vitest';
import { platformId, type ScheduleId, type SegmentId } from '../../../../src/domain/ids.ts';
import type { NewSchedule } from '../../../../src/domain/schedule.ts';
import {
  InvalidInputError,
  OutcomeUnknownError,
  PlatformError,
  UpstreamUnreadableError,
} from '../../../../src/errors.ts';
import { connectTo, type Respond, sendJson, startStub } from '../platform-stub.ts';

const root = '/data/core/ups/config/schedules';
const id = platformId<ScheduleId>('schedule-1');
const record = { id, name: 'daily', type: 'batch_segmentation', state: 'active', schedule: '0 0 1 * * ?' };
const newSchedule: NewSchedule = {
  name: 'daily',
  type: 'BATCH_SEGMENTATION',
  schedule: '0 0 1 * * ?',
  segmentIds: [platformId('*')],
  state: 'INACTIVE',
};

const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...record, id: `schedule-${from + index}` }));
const idsIn = (list: readonly { readonly id: string }[]) => list.map((schedule) => schedule.id);

describe('the list of schedules', () => {
  it('takes one call for a single page, whatever the page reports about itself (#15, #18)', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { _page: { totalCount: 10, pageSize: 1 }, children: rows(0, 2), _links: { next: {} } }),
    );
    await using client = connectTo(stub.url);
    const schedules = await client.api.schedules.list();
    expect(idsIn(schedules)).toEqual(['schedule-0', 'schedule-1']);
    expect(schedules[0]).toMatchObject({ state: 'ACTIVE', observedAt: client.clock.now() });
    expect(stub.requests.map(({ method, path, query }) => [method, path, query.toString()])).toEqual([
      ['GET', root, 'start=0&limit=100'],
    ]);
    expect(client.metrics.calls).toMatchObject([{ service: 'schedules' }]);
  });

  it('counts its start in pages until one is short', async () => {
    await using stub = await startStub(({ query }, response) => {
      const page = Number(query.get('start'));
      sendJson(response, 200, { children: rows(page * 100, page === 2 ? 30 : 100) });
    });
    await using client = connectTo(stub.url);
    expect(idsIn(await client.api.schedules.list())).toEqual(idsIn(rows(0, 230)));
    expect(stub.requests.map(({ query }) => query.get('start'))).toEqual(['0', '1', '2']);
  });

  it.each([
    { name: 'its link', envelope: { _links: { next: { href: '/config/schedules?start=100&limit=100' } } } },
    {
      name: 'its link to another host',
      envelope: { _links: { next: { href: 'https://elsewhere.example:443/x?start=100' } } },
    },
    { name: 'the page', envelope: { _page: { next: '100' } } },
  ])('continues at the position of $name, on the configured host (#15, #17)', async ({ envelope }) => {
    await using stub = await startStub(({ query }, response) =>
      sendJson(
        response,
        200,
        query.get('start') === '0' ? { children: rows(0, 2), ...envelope } : { children: rows(2, 1), _links: {} },
      ),
    );
    await using client = connectTo(stub.url);
    expect(idsIn(await client.api.schedules.list())).toEqual(idsIn(rows(0, 3)));
    expect(stub.requests.map(({ query }) => query.get('start'))).toEqual(['0', '100']);
  });

  it.each([{ href: '' }, { href: '/config/schedules?start={start}', templated: true }, null, ''])(
    'ends at a link without a destination: %j (#15)',
    async (next) => {
      await using stub = await startStub((_request, response) =>
        sendJson(response, 200, { children: rows(0, 2), _links: { next } }),
      );
      await using client = connectTo(stub.url);
      expect(await client.api.schedules.list()).toHaveLength(2);
      expect(stub.requests).toHaveLength(1);
    },
  );

  it('contains each schedule once, although pages overlap (#19)', async () => {
    await using stub = await startStub(({ query }, response) =>
      sendJson(response, 200, { children: query.get('start') === '0' ? rows(0, 100) : rows(99, 2) }),
    );
    await using client = connectTo(stub.url);
    expect(idsIn(await client.api.schedules.list())).toEqual(idsIn(rows(0, 101)));
  });

  it('ends when two consecutive pages contain no new schedule (#19)', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { children: rows(0, 100) }));
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.list()).toHaveLength(100);
    expect(stub.requests).toHaveLength(3);
  });

  it('is complete although a whole page of others is inserted before it while it is read', async () => {
    let all = rows(0, 230);
    await using stub = await startStub(({ query }, response) => {
      const start = Number(query.get('start')) * 100;
      sendJson(response, 200, { children: all.slice(start, start + 100) });
      if (start === 0) all = [...rows(1_000, 100), ...all];
    });
    await using client = connectTo(stub.url);
    expect(idsIn(await client.api.schedules.list())).toEqual(expect.arrayContaining(idsIn(rows(0, 230))));
  });

  it('omits and counts rows without an id', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { children: [{}, record, 1] }));
    await using client = connectTo(stub.url);
    expect(idsIn(await client.api.schedules.list())).toEqual([id]);
    expect(client.metrics.anomalies).toEqual([
      { resource: 'Schedule', kind: 'missing-id' },
      { resource: 'Schedule', kind: 'not-an-object' },
    ]);
  });

  it('is not failed by a bad record that is alone on its last page', async () => {
    const bad = { id: 'b', status: 500, title: 'InternalServerError' };
    await using stub = await startStub(({ query }, response) =>
      sendJson(response, 200, { children: query.get('start') === '0' ? rows(0, 100) : [bad] }),
    );
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.list()).toHaveLength(100);
  });

  it('reads the named schedules that an unusable row may hide, by one call each', async () => {
    const bad = { id: 'b', status: 500, title: 'InternalServerError' };
    await using stub = await startStub(({ path }, response) => {
      if (path === root) sendJson(response, 200, { children: [{ ...record, id: 'a' }, bad] });
      else if (path.endsWith('/b')) sendJson(response, 200, { ...record, id: 'b' });
      else response.writeHead(path.endsWith('/down') ? 503 : 404).end();
    });
    await using client = connectTo(stub.url);
    const ids = ['a', 'b', 'gone', 'down', 'late'].map((name) => platformId<ScheduleId>(name));
    const { found, failed, calls } = await client.api.schedules.listWith(ids, { maxReads: 3 });
    expect(idsIn(found)).toEqual(['a', 'b']);
    expect(failed).toMatchObject([
      { id: 'down', error: { code: 'PLATFORM_ERROR', status: 503 } },
      { id: 'late', error: { code: 'UPSTREAM_UNREADABLE' } },
    ]);
    expect([calls, stub.requests.length]).toEqual([4, 4]);
  });

  it('is one call if every row can be used, whatever ids are named', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { children: [record] }));
    await using client = connectTo(stub.url);
    const result = await client.api.schedules.listWith([platformId('gone')]);
    expect(result).toMatchObject({ found: [{ id }], failed: [], calls: 1 });
    expect(stub.requests).toHaveLength(1);
  });

  it('reads at most 100 pages', async () => {
    let last = 99;
    await using stub = await startStub(({ query }, response) => {
      const page = Number(query.get('start'));
      const next = page < last ? { href: `/config/schedules?start=${page + 1}` } : {};
      sendJson(response, 200, { children: rows(page, 1), _links: { next } });
    });
    await using client = connectTo(stub.url);
    expect(idsIn(await client.api.schedules.list())).toEqual(idsIn(rows(0, 100)));
    last = 100;
    await expect(client.api.schedules.list()).rejects.toBeInstanceOf(UpstreamUnreadableError);
    expect(stub.requests).toHaveLength(200);
  });

  it.each<{ what: string; respond: Respond }>([
    {
      what: 'when the response is not a list',
      respond: (_request, response) => sendJson(response, 200, { records: [] }),
    },
    {
      what: 'when the list never ends',
      respond: ({ query }, response) =>
        sendJson(response, 200, { children: rows(Number(query.get('start')) * 100, 100) }),
    },
  ])('is unreadable $what', async ({ respond }) => {
    await using stub = await startStub(respond);
    await using client = connectTo(stub.url);
    await expect(client.api.schedules.list()).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});

describe('the read of a schedule by id', () => {
  it('returns the schedule', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, record));
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.get(id)).toMatchObject({ id, name: 'daily', observedAt: client.clock.now() });
    expect(stub.requests[0]).toMatchObject({ method: 'GET', path: `${root}/schedule-1` });
  });

  it('returns null for an unknown id, and for a text that cannot be an id', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.get(id)).toBeNull();
    expect(await client.api.schedules.get(platformId('a/b'))).toBeNull();
    expect(stub.requests).toHaveLength(1);
  });

  it('is unreadable without an id', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { name: 'daily' }));
    await using client = connectTo(stub.url);
    await expect(client.api.schedules.get(id)).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});

describe('the create of a schedule', () => {
  it.each([200, 201])('sends every property, and accepts a response with status %i (#21)', async (status) => {
    await using stub = await startStub((_request, response) => sendJson(response, status, record));
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.create(newSchedule)).toMatchObject({ id });
    expect(stub.requests[0]).toMatchObject({ method: 'POST', path: root });
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      name: 'daily',
      type: 'batch_segmentation',
      properties: { segments: ['*'] },
      schedule: '0 0 1 * * ?',
      state: 'inactive',
    });
  });

  it('is never sent again', async () => {
    await using stub = await startStub((_request, response) => response.destroy());
    await using client = connectTo(stub.url);
    await expect(client.api.schedules.create(newSchedule)).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it.each([
    ['all', ['*'], 'input'],
    ['one', ['s-1'], 'input.segmentIds.0'],
    ['several', ['s-1', 's-2'], 'input.segmentIds'],
  ])('reports the argument of a 404 for segment ids with %s', async (_, ids, path) => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    const segmentIds = ids.map((each) => platformId<SegmentId>(each));
    await expect(client.api.schedules.create({ ...newSchedule, segmentIds })).rejects.toMatchObject({
      constructor: InvalidInputError,
      issues: [{ path }],
    });
  });

  it('reports the reason of a rejection, which may also be a second schedule', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 400, { title: 'Bad request', errors: { '400': [{ code: 1, message: 'Only one schedule' }] } }),
    );
    await using client = connectTo(stub.url);
    await expect(client.api.schedules.create(newSchedule)).rejects.toMatchObject({
      constructor: PlatformError,
      status: 400,
      message: expect.stringContaining('Bad request: Only one schedule'),
    });
  });
});

describe('the update of a schedule', () => {
  it('sends a patch and ignores the body of the response', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(204).end());
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.update(id, { state: 'ACTIVE', schedule: '0 0 2 * * ?' })).toBe(true);
    expect(stub.requests[0]).toMatchObject({ method: 'PATCH', path: `${root}/schedule-1` });
    expect(stub.requests[0]?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual([
      { op: 'add', path: '/state', value: 'active' },
      { op: 'add', path: '/schedule', value: '0 0 2 * * ?' },
    ]);
    expect(client.metrics.calls).toMatchObject([{ method: 'PATCH', status: 204 }]);
  });

  it('returns false for an unknown id, and for a text that cannot be an id', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.update(id, { state: 'ACTIVE' })).toBe(false);
    expect(await client.api.schedules.update(platformId('..'), { state: 'ACTIVE' })).toBe(false);
    expect(stub.requests).toHaveLength(1);
  });

  it.each([
    ['"daily" is not a cron expression', 'input.schedule'],
    ['Invalid state', 'input.state'],
  ])('reports the argument that %j is about', async (detail, path) => {
    await using stub = await startStub((_request, response) => sendJson(response, 400, { detail }));
    await using client = connectTo(stub.url);
    const update = client.api.schedules.update(id, { schedule: 'daily', state: 'ACTIVE' });
    await expect(update).rejects.toMatchObject({ constructor: InvalidInputError, issues: [{ path }] });
  });

  it('has an unknown outcome when no response arrives', async () => {
    await using stub = await startStub((_request, response) => response.destroy());
    await using client = connectTo(stub.url);
    await expect(client.api.schedules.update(id, { state: 'ACTIVE' })).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(stub.requests).toHaveLength(1);
  });
});

describe('the deletion of a schedule', () => {
  it('returns true for any success, and false for an unknown id and for a text that cannot be an id (#20)', async () => {
    const responses = [204, 200, 404];
    await using stub = await startStub((_request, response) =>
      response.writeHead(responses.shift() ?? 500).end('not JSON'),
    );
    await using client = connectTo(stub.url);
    expect(await client.api.schedules.delete(id)).toBe(true);
    expect(await client.api.schedules.delete(id)).toBe(true);
    expect(await client.api.schedules.delete(id)).toBe(false);
    expect(await client.api.schedules.delete(platformId(''))).toBe(false);
    expect(stub.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array.from({ length: 3 }, () => `DELETE ${root}/schedule-1`),
    );
  });
});
