import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient, runUntil } from './platform-client.ts';
import {
  type Children,
  define,
  evaluate,
  type SegmentJobRecord,
  segmentJobs,
  segmentJobUntil,
  upsError,
} from './segmentation-client.ts';

const spanishSpeakers = 'f47ac10b-58cc-4372-a567-0e02b2c3d406';

describe('segment jobs', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 200, clock });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const list = async (query: string, from = client) => {
    const { status, body } = await from.get<Children<SegmentJobRecord>>(`${segmentJobs}?${query}`);
    expect(status).toBe(200);
    return body;
  };
  const idsOf = ({ children }: Children<SegmentJobRecord>) => children.map(({ id }) => id);

  describe('during their life', () => {
    it('go from NEW through QUEUED and PROCESSING to SUCCEEDED as time passes, and not before', async () => {
      const created = await evaluate(client, goldTier);
      expect(created).toMatchObject({
        source: 'api',
        profileInstanceId: 'ups',
        sandbox: { sandboxName: 'prod', type: 'production', default: true },
        segments: [
          {
            segmentId: goldTier,
            segment: {
              id: goldTier,
              expression: { type: 'PQL', format: 'pql/text', value: 'loyalty.tier = "gold"' },
              mergePolicy: { id: '0bf16e61-90e9-4204-b8fa-ad250360957b', version: 1 },
            },
          },
        ],
        errors: [],
        _links: { checkStatus: { href: `/segment/jobs/${created.id}`, method: 'GET' } },
      });
      const waiting = { totalTime: { startTimeInMs: created.creationTime }, profileSegmentationTime: {} };
      expect(created.metrics).toMatchObject(waiting);
      await clock.advanceBy(400);
      expect((await client.get(`${segmentJobs}/${created.id}`)).body).toMatchObject({ status: 'NEW' });

      const queued = await segmentJobUntil(client, clock, created.id, ['QUEUED']);
      expect(queued.metrics).toEqual(created.metrics);
      const processing = await segmentJobUntil(client, clock, created.id, ['PROCESSING']);
      expect(processing).toMatchObject({
        computeGatewayJobId: expect.any(String),
        metrics: { totalTime: { startTimeInMs: created.creationTime }, profileSegmentationTime: {} },
      });
      const succeeded = await segmentJobUntil(client, clock, created.id);
      const took = clock.now().getTime() - created.creationTime;
      expect(succeeded).toMatchObject({
        status: 'SUCCEEDED',
        errors: [],
        updateTime: clock.now().getTime(),
        metrics: { totalTime: { totalTimeInMs: took }, totalProfiles: 204 },
      });
      expect(took).toBeGreaterThanOrEqual(2_300);
      expect(took).toBeLessThanOrEqual(7_000);
    });

    it('count the members of each segment by namespace and by status, consistent with the seeded memberships', async () => {
      const [before] = (await list('status=SUCCEEDED&limit=1')).children;
      const { id } = await evaluate(client, '*');
      const { metrics, segments } = await segmentJobUntil(client, clock, id);
      expect(segments).toEqual([{ segmentId: '*' }]);
      expect(before?.metrics?.segmentedProfileCounter?.[goldTier]).toBeGreaterThan(10);
      expect(metrics?.segmentedProfileCounter).toEqual(
        expect.objectContaining(before?.metrics?.segmentedProfileCounter ?? {}),
      );
      expect(metrics).toMatchObject({
        totalProfilesByMergePolicy: { '0bf16e61-90e9-4204-b8fa-ad250360957b': 204 },
        segmentedProfileByNamespaceCounter: { [goldTier]: { CRMID: expect.any(Number) } },
      });
      const { realized, existing, exited } = metrics?.segmentedProfileByStatusCounter?.[goldTier] ?? {};
      expect(realized).toBe(0);
      expect(existing).toBe(metrics?.segmentedProfileCounter?.[goldTier]);
      expect(exited).toBeGreaterThan(0);
    });

    it('end FAILED with the position of the error in the expression', async () => {
      const segment = await define(client, 'Not PQL', 'loyalty.tier = "gold" and\n  loyalty.points soundsLike 3');
      const { id } = await evaluate(client, segment);
      const failed = await segmentJobUntil(client, clock, id);
      expect(failed).toMatchObject({ status: 'FAILED', metrics: { totalTime: { totalTimeInMs: expect.any(Number) } } });
      expect(failed.errors).toHaveLength(1);
      expect(failed.errors[0]?.msg).toContain(segment);
      expect(failed.errors[0]?.msg).toContain('line 2, column 18');
      expect(failed.errors[0]?.msg).toContain('Offset 43');
      await client.send('DELETE', `/data/core/ups/segment/definitions/${segment}`);
    });

    it('end FAILED for a segment without a definition, unless it is rejected at once', async () => {
      const { id } = await evaluate(client, goldTier, 'nothing');
      expect(await segmentJobUntil(client, clock, id)).toMatchObject({
        status: 'FAILED',
        errors: [{ msg: expect.stringContaining("'nothing'") }],
      });
    });

    it('are cancelled through CANCELLING, before they change anything', async () => {
      const segment = await define(client, 'Everybody with points', 'loyalty.points >= 0');
      const { id } = await evaluate(client, segment);
      await segmentJobUntil(client, clock, id, ['PROCESSING']);
      const answer = await client.send('DELETE', `${segmentJobs}/${id}`);
      expect(answer).toMatchObject({ status: 204, body: undefined });
      expect((await client.get(`${segmentJobs}/${id}`)).body).toMatchObject({ status: 'CANCELLING' });
      const cancelled = await segmentJobUntil(client, clock, id);
      expect(cancelled.status).toBe('CANCELLED');
      expect(cancelled.metrics?.segmentedProfileCounter).toBeUndefined();
      const members = await client.export({ fields: '_id', filter: { segments: [{ segmentId: segment }] } });
      expect((await runUntil(client, clock, members.id)).metrics.totalExportedProfileCounter).toBe(0);
      await client.send('DELETE', `/data/core/ups/segment/definitions/${segment}`);
    });

    it('do not change when they are cancelled after their end', async () => {
      const [ended] = (await list('status=SUCCEEDED&limit=1')).children;
      expect((await client.send('DELETE', `${segmentJobs}/${ended?.id}`)).status).toBe(204);
      expect((await client.get(`${segmentJobs}/${ended?.id}`)).body).toEqual(ended);
    });

    it('that hang do not change until they are cancelled', async () => {
      const [hanging] = (await list('status=QUEUED')).children;
      await clock.advanceBy(3_600_000);
      expect((await client.get(`${segmentJobs}/${hanging?.id}`)).body).toMatchObject({ status: 'QUEUED' });
      await client.send('DELETE', `${segmentJobs}/${hanging?.id}`);
      expect(await segmentJobUntil(client, clock, String(hanging?.id))).toMatchObject({ status: 'CANCELLED' });
    });

    it('are evaluated one after the other', async () => {
      const created = [await evaluate(client, goldTier), await evaluate(client, spanishSpeakers)];
      const ids = created.map(({ id }) => id);
      for (;;) {
        const { children } = await list('limit=2');
        const statuses = children.map(({ status }) => status);
        expect(statuses.filter((status) => status === 'PROCESSING').length).toBeLessThanOrEqual(1);
        if (statuses.every((status) => status === 'SUCCEEDED')) break;
        if (clock.pending() > 0) await clock.tick();
      }
      expect(idsOf(await list('limit=2')).sort()).toEqual(ids.sort());
    });
  });

  describe('when they are created', () => {
    it.each([
      ['an array', [{ segmentId: goldTier }]],
      ['an object', { schema: { name: '_xdm.context.profile' }, segments: [{ segmentId: '*' }] }],
      ['an object without a schema', { segments: [{ segmentId: goldTier }, { segmentId: goldTier }] }],
    ])('are created from %s', async (_, body) => {
      const answer = await client.send<SegmentJobRecord>('POST', segmentJobs, body);
      expect(answer).toMatchObject({ status: 200, body: { status: 'NEW', segments: [{}] } });
      expect(answer.body.segments).toHaveLength(1);
      await client.send('DELETE', `${segmentJobs}/${answer.body.id}`);
    });

    it.each([
      ['nothing', undefined],
      ['no segment', []],
      ['an empty id', [{ segmentId: ' ' }]],
      ['an array of ids', [goldTier]],
      ['another schema', { schema: { name: 'other' }, segments: [{ segmentId: '*' }] }],
      ['1,501 segments', Array.from({ length: 1_501 }, (_, index) => ({ segmentId: `s${index}` }))],
    ])('reject %s with 400', async (_, body) => {
      expect(await client.send('POST', segmentJobs, body)).toMatchObject(upsError(400));
    });
  });

  describe('in lists', () => {
    it('exist in every state from the start, some of them created by the schedule', async () => {
      const { children } = await list('limit=100');
      expect(new Set(children.map(({ status }) => status))).toEqual(
        new Set(['NEW', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'CANCELLING', 'CANCELLED']),
      );
      const scheduled = children.filter(({ source }) => source === 'scheduler');
      expect(scheduled.length).toBeGreaterThan(15);
      for (const { requestId, properties } of scheduled) {
        expect(requestId).toMatch(new RegExp(`^${properties?.scheduleId}-\\d{13}$`));
      }
      const dev = await list('limit=100', await connect(emulator.url, 'dev'));
      expect(dev.children.map(({ status }) => status)).toContain('QUEUED');
      expect(dev.children.every(({ source }) => source === 'api')).toBe(true);
    });

    it('are sorted newest first, in pages that follow their links and lose none', async () => {
      const all = await list('limit=100');
      expect(all).toMatchObject({ _page: { totalCount: all.children.length, pageSize: all.children.length } });
      expect(all._links).toEqual({ next: {} });
      const times = all.children.map(({ creationTime }) => creationTime);
      expect(times).toEqual(times.toSorted((a, b) => b - a));

      const walked: string[] = [];
      let page = await list('limit=7&status=SUCCEEDED');
      while (page._links.next.href !== undefined) {
        walked.push(...idsOf(page));
        const { body } = await client.get<Children<SegmentJobRecord>>(`/data/core/ups${page._links.next.href}`);
        page = body;
      }
      walked.push(...idsOf(page));
      expect(walked).toEqual(all.children.filter(({ status }) => status === 'SUCCEEDED').map(({ id }) => id));
    });

    it('are sorted by update time if requested', async () => {
      const { children } = await list('sort=updateTime:asc&limit=100');
      const times = children.map(({ updateTime }) => updateTime);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });

    it('are filtered by properties, including those of array entries, in pages', async () => {
      const all = (await list('limit=100')).children;
      const byApi = await list('property=source==api&limit=3');
      const expected = all.filter(({ source }) => source === 'api');
      expect(idsOf(byApi)).toEqual(expected.slice(0, 3).map(({ id }) => id));
      expect(byApi._page.totalCount).toBe(expected.length);

      const ofSegment = await list(`property=segments~segmentId==${goldTier}&property=status==SUCCEEDED`);
      expect(ofSegment.children.length).toBeGreaterThan(0);
      for (const job of ofSegment.children) {
        expect(job.status).toBe('SUCCEEDED');
        expect(job.segments.map(({ segmentId }) => segmentId)).toContain(goldTier);
      }
      expect((await list('snapshot.name=none')).children).toEqual([]);
    });

    it.each(['status=DONE', 'sort=name:asc', 'sort=updateTime:up', 'limit=0', 'start=-1', 'property=source=api'])(
      'respond with 400 to %s',
      async (query) => {
        expect(await client.get(`${segmentJobs}?${query}`)).toMatchObject(upsError(400));
      },
    );
  });

  describe('read by id', () => {
    it('are 404 when they do not exist, or are in another sandbox', async () => {
      const [first] = (await list('limit=1')).children;
      const dev = await connect(emulator.url, 'dev');
      for (const [from, id] of [
        [client, 'nothing'],
        [dev, first?.id],
      ] as const) {
        expect(await from.get(`${segmentJobs}/${id}`)).toMatchObject(upsError(404));
        expect(await from.send('DELETE', `${segmentJobs}/${id}`)).toMatchObject(upsError(404));
      }
    });

    it('are returned in a 207 when several ids are requested, with an error for each missing id', async () => {
      const [first, second] = (await list('limit=2')).children;
      const ids = [first?.id, 'nothing', second?.id, first?.id].map((id) => ({ id }));
      const answer = await client.send('POST', `${segmentJobs}/bulk-get`, { ids });
      expect(answer).toMatchObject({ status: 207 });
      expect(answer.body).toEqual({
        results: {
          [String(first?.id)]: first,
          [String(second?.id)]: second,
          nothing: {
            requestId: expect.any(String),
            errors: { 404: [{ code: 'UPAPI-113430-404', message: expect.any(String) }] },
          },
        },
      });
    });

    it('are 404 together when all are missing, as jobs of another sandbox are', async () => {
      const [first] = (await list('limit=1')).children;
      const dev = await connect(emulator.url, 'dev');
      for (const id of ['nothing', first?.id]) {
        expect(await dev.send('POST', `${segmentJobs}/bulk-get`, { ids: [{ id }] })).toMatchObject(upsError(404));
      }
    });

    it.each([
      ['no ids', []],
      ['101 ids', Array.from({ length: 101 }, (_, index) => ({ id: String(index) }))],
    ])('reject %s with the documented code', async (_, ids) => {
      const answer = await client.send('POST', `${segmentJobs}/bulk-get`, { ids });
      expect(answer).toMatchObject({ status: 400, body: { errors: { 400: [{ code: 'UPAPI-113015-400' }] } } });
    });

    it('reject a body that is not a list of ids', async () => {
      expect(await client.send('POST', `${segmentJobs}/bulk-get`, ['a'])).toMatchObject(upsError(400));
    });
  });
});

describe('segment jobs, with quirks', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');

  it('are limited under flexible audience evaluation: at most 20 named segments, twice a day', async () => {
    await using emulator = await startEmulator({ profiles: 20, clock, quirks: { flexibleEvaluation: true } });
    const client = await connect(emulator.url);
    const many = Array.from({ length: 21 }, (_, index) => ({ segmentId: `s${index}` }));
    expect(await client.send('POST', segmentJobs, many)).toMatchObject(upsError(400));
    expect(await client.send('POST', segmentJobs, [{ segmentId: '*' }])).toMatchObject(upsError(400));
    await evaluate(client, goldTier);
    await evaluate(client, goldTier);
    expect(await client.send('POST', segmentJobs, [{ segmentId: goldTier }])).toMatchObject(upsError(429, /day/));
    await evaluate(await connect(emulator.url, 'dev'), goldTier);
    await clock.advanceBy(16 * 3_600_000);
    await evaluate(await connect(emulator.url), goldTier);
  });

  it('are rejected for unknown segments, cancelled with a body, and paged by rows with start', async () => {
    const quirks = { unknownSegmentStatus: 404, cancelReply: 'json', childrenStart: 'row' } as const;
    await using emulator = await startEmulator({ profiles: 20, clock, quirks });
    const client = await connect(emulator.url);
    expect(await client.send('POST', segmentJobs, [{ segmentId: 'nothing' }])).toMatchObject(upsError(404, /nothing/));
    const { id } = await evaluate(client, goldTier);
    expect(await client.send('DELETE', `${segmentJobs}/${id}`)).toMatchObject({
      status: 200,
      body: { status: true, message: `Segment job with id '${id}' has been marked for cancelling` },
    });
    const page = async (query: string) =>
      (await client.get<Children<SegmentJobRecord>>(`${segmentJobs}?${query}`)).body;
    const all = (await page('limit=100')).children.map((job) => job.id);
    const second = await page('limit=5&start=3');
    expect(second.children.map((job) => job.id)).toEqual(all.slice(3, 8));
    expect(second._links.next.href).toBe('/segment/jobs?limit=5&start=8');
  });
});
