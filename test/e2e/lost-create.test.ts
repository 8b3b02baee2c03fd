import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { carryOutAnd } from '../support/carry-out.ts';
import { startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import {
  CreateDatasetDocument,
  CreateExportJobDocument,
  CreateScheduleDocument,
  CreateSegmentJobDocument,
} from './operations.generated.ts';

const emailOptIn = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04';

const breakConnection = (response: ServerResponse) => void response.destroy();

describe('a create that the platform executed, but whose response was lost', () => {
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  beforeAll(async () => {
    platform = await startPlatform({ quirks: { oneSchedulePer: 'nothing' } });
  });
  afterAll(() => platform.close());

  const losing = (path: string, respond = breakConnection) =>
    startProxy(platform, (request, response) => {
      if (request.method !== 'POST' || request.url?.includes(path) !== true) return false;
      carryOutAnd(respond, platform.url, request, response);
      return true;
    });
  const losses = [
    { how: 'a broken connection', mark: 'a', segmentId: goldTier, respond: breakConnection },
    {
      how: '500',
      mark: 'b',
      segmentId: emailOptIn,
      respond: (response: ServerResponse) => void response.writeHead(500).end(),
    },
    {
      how: '503',
      mark: 'c',
      segmentId: '*',
      respond: (response: ServerResponse) => void response.writeHead(503).end(),
    },
  ];
  const createExportJob = (gateway: Awaited<ReturnType<typeof startGateway>>, input: object) =>
    gateway.query(CreateExportJobDocument, {
      input: { destination: { target: { datasetId: profileDataset } }, ...input },
    });

  it.each([
    { what: 'everything', input: {} },
    {
      what: 'chosen fields, segments, times and events',
      input: {
        fields: ['person.name.firstName', 'identityMap'],
        filter: {
          segments: [{ segmentId: emailOptIn }],
          segmentQualificationTime: { startTime: '2018-01-01T00:00:00Z' },
          emptyProfiles: true,
        },
        eventList: { fields: ['timestamp'], fromIngestTimestamp: '2018-01-01T00:00:00Z' },
      },
    },
  ])('returns the created job, and creates no other one, for $what', async ({ input }) => {
    await using proxy = await losing('/export/jobs');
    await using gateway = await startGateway({ platform: proxy });
    const { createExportJob: result } = await createExportJob(gateway, input);
    expect(result).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(proxy.requests.filter((request) => request === 'POST /data/core/ups/export/jobs')).toHaveLength(1);
    expect(await gateway.metric('aep_upstream_lost_creates_total{service="export",outcome="found"}')).toBe(1);
  });

  it('returns the job in its new dataset, although that response was lost too', async () => {
    await using proxy = await losing('/data/');
    await using gateway = await startGateway({ platform: proxy });
    const target = { newDataset: { name: 'Made once' } };
    const { createExportJob: result } = await createExportJob(gateway, { destination: { target } });
    expect(result).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(await gateway.metric('aep_upstream_lost_creates_total')).toBe(2);
  });

  it.each(losses)('returns the export job after $how, and its key returns the job again', async ({ mark, respond }) => {
    await using proxy = await losing('/export/jobs', respond);
    await using gateway = await startGateway({ platform: proxy });
    const create = async () => {
      const input = { fields: [`person.${mark}`], idempotencyKey: 'once' };
      const { createExportJob: result } = await createExportJob(gateway, input);
      if (result?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(result));
      return result.exportJob.id;
    };
    const id = await create();
    expect(await create()).toBe(id);
    expect(proxy.requests.filter((request) => request === 'POST /data/core/ups/export/jobs')).toHaveLength(1);
  });

  it.each(losses)('returns the segment job after $how', async ({ segmentId, respond }) => {
    await using proxy = await losing('/segment/jobs', respond);
    await using gateway = await startGateway({ platform: proxy });
    const { createSegmentJob } = await gateway.query(CreateSegmentJobDocument, { input: { segmentIds: [segmentId] } });
    expect(createSegmentJob).toMatchObject({ __typename: 'CreateSegmentJobPayload' });
  });

  it.each(losses)('returns the dataset after $how', async ({ how, respond }) => {
    await using proxy = await losing('/dataSets', respond);
    await using gateway = await startGateway({ platform: proxy });
    const { createDataset } = await gateway.query(CreateDatasetDocument, { input: { name: `Lost by ${how}` } });
    expect(createDataset).toMatchObject({ __typename: 'CreateDatasetPayload', dataset: { name: `Lost by ${how}` } });
  });

  it.each(losses)('returns the schedule after $how', async ({ mark, respond }) => {
    await using proxy = await losing('/config/schedules', respond);
    await using gateway = await startGateway({ platform: proxy });
    const input = { name: `Lost ${mark}`, type: 'BATCH_SEGMENTATION', schedule: '0 0 1 * * ?' } as const;
    const { createSchedule } = await gateway.query(CreateScheduleDocument, { input });
    expect(createSchedule).toMatchObject({
      __typename: 'CreateSchedulePayload',
      schedule: { name: `Lost ${mark}`, state: 'INACTIVE' },
    });
  });
});

describe('a create that an overloaded platform did not execute', () => {
  it('fails with a retryable error, and its idempotency key can be used again', async () => {
    await using platform = await startPlatform();
    let overloaded = true;
    await using proxy = await startProxy(platform, (request, response) => {
      if (!overloaded || request.method !== 'POST' || request.url?.includes('/export/jobs') !== true) return false;
      request.resume();
      response.writeHead(503, { 'retry-after': '1' }).end();
      return true;
    });
    await using gateway = await startGateway({ platform: proxy });
    const input = { destination: { target: { datasetId: profileDataset } }, idempotencyKey: 'again' };
    const { createExportJob } = await gateway.query(CreateExportJobDocument, { input });
    expect(createExportJob).toMatchObject({ __typename: 'PlatformError', status: 503, retryable: true });
    overloaded = false;
    const again = await gateway.query(CreateExportJobDocument, { input });
    expect(again.createExportJob).toMatchObject({ __typename: 'CreateExportJobPayload' });
  });
});
