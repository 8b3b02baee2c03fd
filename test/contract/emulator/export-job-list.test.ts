import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, exportBody, type JobPage, type PlatformClient } from './platform-client.ts';

const jobs = '/data/core/ups/export/jobs';

describe('the list of export jobs', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;
  let all: readonly number[];

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock });
    client = await connect(emulator.url);
    all = await ids('');
  });

  afterAll(() => emulator.close());

  const page = async (query: string): Promise<JobPage> => {
    const { status, body } = await client.get<JobPage>(`${jobs}${query}`);
    expect(status).toBe(200);
    return body;
  };
  const ids = async (query: string) => (await page(query)).records.map(({ id }) => id);

  it('contains every state, newest first, without parameters', async () => {
    const { records, link, page: info } = await page('');
    expect(records).toHaveLength(60);
    expect(new Set(records.map(({ status }) => status))).toEqual(
      new Set(['NEW', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'CANCELLING', 'CANCELLED']),
    );
    const times = records.map(({ creationTime }) => creationTime);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(link).toEqual({ next: '' });
    expect(info).toMatchObject({ sortField: 'createdTime', sort: 'desc', pageSize: 60 });
  });

  it('links to the next page by creation time and id of the last record, relative to the service', async () => {
    const { records, link, page: info } = await page('?limit=2');
    const last = records[1];
    expect(info).toMatchObject({ pageOffset: `${last?.creationTime}_${last?.id}`, pageSize: 2 });
    expect(link.next).toBe(`/export/jobs/?limit=2&offset=${last?.creationTime}_${last?.id}`);
    expect(await ids(link.next.slice('/export/jobs'.length))).toEqual(all.slice(2, 4));
  });

  it('neither loses nor repeats a job over pages of any size, even if jobs are created meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 70 }), fc.boolean(), async (limit, create) => {
        const before = await ids('?limit=1000');
        const seen: number[] = [];
        let next = `/export/jobs/?limit=${limit}`;
        while (next !== '') {
          const { records, link } = await page(next.slice('/export/jobs'.length));
          seen.push(...records.map(({ id }) => id));
          next = link.next;
          if (create && seen.length <= limit) {
            await client.send('POST', jobs, exportBody());
          }
        }
        expect(seen).toEqual(before);
      }),
      { numRuns: 6 },
    );
    all = await ids('?limit=1000');
  });

  it('is paged by rows and by page numbers, as in the older documentation', async () => {
    expect(await ids('?limit=5&offset=3')).toEqual(all.slice(3, 8));
    expect(await ids('?limit=5&start=4')).toEqual(all.slice(4, 9));
    expect(await ids('?limit=5&page=2')).toEqual(all.slice(10, 15));
  });

  it.each(['NEW', 'SUCCEEDED', 'FAILED'])('filters by the status %s', async (status) => {
    const { records } = await page(`?limit=100&status=${status}`);
    expect(records.length).toBeGreaterThan(0);
    expect(new Set(records.map((job) => job.status))).toEqual(new Set([status]));
  });

  it('sorts a result of one page, and keeps creation order for several pages', async () => {
    const { records, page: info } = await page('?limit=1000&sort=updateTime:asc');
    const times = records.map((job) => Reflect.get(job, 'updateTime'));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(info).toMatchObject({ sortField: 'updateTime', sort: 'asc' });
    expect(await ids('?limit=5&sort=updateTime:asc')).toEqual(all.slice(0, 5));
  });

  it.each(['limit=0', 'limit=x', 'offset=yesterday', 'status=PROCESSING', 'sort=colour:asc', 'page=-1'])(
    'responds with 400 to %s',
    async (query) => {
      expect(await client.get(`${jobs}?${query}`)).toMatchObject({
        status: 400,
        body: { status: 400, type: expect.stringMatching(/UPAPI-\d+-400$/), errors: { 400: [expect.anything()] } },
      });
    },
  );

  it('reduces a limit above the maximum', async () => {
    await using small = await startEmulator({ profiles: 20, clock, quirks: { exportJobsMaximumLimit: 7 } });
    const { body } = await (await connect(small.url)).get<JobPage>(`${jobs}?limit=50`);
    expect(body.records).toHaveLength(7);
    expect(body.link.next).toContain('limit=7');
  });

  it('names the dataset datasetId in lists and dataSetId elsewhere by default', async () => {
    const [listed] = (await page('?limit=1')).records;
    expect(listed?.destination).toHaveProperty('datasetId');
    expect((await client.job(listed?.id ?? 0)).destination).toHaveProperty('dataSetId');

    await using other = await startEmulator({ profiles: 20, clock, quirks: { destinationKey: 'datasetId' } });
    const otherClient = await connect(other.url);
    expect((await otherClient.job(24_001)).destination).toHaveProperty('datasetId');
  });
});

describe('the request for an export job', () => {
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock: new FakeClock() });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  it.each([
    ['no destination', { destination: undefined }],
    ['no dataset', { destination: {} }],
    ['no schema', { schema: undefined }],
    ['a segment without id', { filter: { segments: [{ segmentNs: 'ups' }] } }],
    ['an unknown segment status', { filter: { segments: [{ segmentId: 'a', status: ['gone'] }] } }],
    ['a time that is not RFC 3339', { filter: { fromIngestTimestamp: 'yesterday' } }],
    [
      'an event time that is not RFC 3339',
      { additionalFields: { eventList: { filter: { fromIngestTimestamp: '2020' } } } },
    ],
    ['segmentPerBatch without segments', { destination: { datasetId: 'x', segmentPerBatch: true } }],
  ])('is rejected with %s', async (_, change) => {
    const answer = await client.send('POST', jobs, exportBody(change));
    expect(answer).toMatchObject({
      status: 400,
      body: { status: 400, errors: { 400: [{ message: expect.any(String) }] } },
    });
  });

  it('is rejected when the dataset is unknown', async () => {
    expect(await client.send('POST', jobs, exportBody({ destination: { datasetId: 'nothing' } }))).toMatchObject({
      status: 404,
      body: { status: 404 },
    });
  });

  it('returns filters as sent, event fields only in the create response, and never evaluationInfo', async () => {
    const filter = { segments: [{ segmentId: 'a', status: 'exited' }], emptyProfiles: true };
    const additionalFields = { eventList: { fields: '_id', filter: { fromTimestamp: '2018-10-25T13:22:04-07:00' } } };
    const { body } = await client.send<{ id: number }>(
      'POST',
      jobs,
      exportBody({ filter, additionalFields, evaluationInfo: { segmentation: true } }),
    );
    expect(body).toMatchObject({ filter, additionalFields });
    expect(body).not.toHaveProperty('evaluationInfo');
    const shown = await client.job(body.id);
    expect(shown).toMatchObject({ filter });
    expect(shown).not.toHaveProperty('additionalFields');
  });

  it('passes its request id to the job if configured', async () => {
    await using echoing = await startEmulator({
      profiles: 20,
      clock: new FakeClock(),
      quirks: { echoRequestId: true },
    });
    const header = { 'x-request-id': 'IwkVcD4RupdSmX376OBVORvcvTdA4ypN' };
    const other = await connect(echoing.url);
    expect((await other.send('POST', jobs, exportBody(), header)).body).toMatchObject({
      requestId: header['x-request-id'],
    });
    expect((await client.send('POST', jobs, exportBody(), header)).body).not.toMatchObject({
      requestId: header['x-request-id'],
    });
  });
});
