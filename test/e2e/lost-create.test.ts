import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { CreateExportJobDocument } from './operations.generated.ts';

/** Lets the platform carry a request out, and breaks the connection instead of answering. */
function carryOutAndBreak(url: string, request: IncomingMessage, response: ServerResponse): void {
  const { method = 'POST', headers } = request;
  const passedOn = httpRequest(new URL(request.url ?? '/', url), { method, headers }, (answer) => {
    answer.resume().on('end', () => response.destroy());
  });
  request.pipe(passedOn);
}

describe('a create that the platform carried out, but whose answer was lost', () => {
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform.close());

  const losing = (path: string) =>
    startProxy(platform, (request, response) => {
      if (request.method !== 'POST' || request.url?.includes(path) !== true) return false;
      carryOutAndBreak(platform.url, request, response);
      return true;
    });
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
          segments: [{ segmentId: '4cb7ae0d-8b5e-4d1c-9f0e-6a1f6a0c1d01' }],
          segmentQualificationTime: { startTime: '2018-01-01T00:00:00Z' },
          emptyProfiles: true,
        },
        eventList: { fields: ['timestamp'], fromIngestTimestamp: '2018-01-01T00:00:00Z' },
      },
    },
  ])('answers with the job that it made, and makes no other one, for $what', async ({ input }) => {
    await using proxy = await losing('/export/jobs');
    await using gateway = await startGateway({ platform: proxy });
    const { createExportJob: result } = await createExportJob(gateway, input);
    expect(result).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(proxy.requests.filter((request) => request.startsWith('POST /data/core'))).toHaveLength(1);
    expect(await gateway.metric('aep_upstream_lost_creates_total{service="export",outcome="found"}')).toBe(1);
  });

  it('answers with the job in the dataset that was made for it, although that answer was lost too', async () => {
    await using proxy = await losing('/data/');
    await using gateway = await startGateway({ platform: proxy });
    const target = { newDataset: { name: 'Made once' } };
    const { createExportJob: result } = await createExportJob(gateway, { destination: { target } });
    expect(result).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(await gateway.metric('aep_upstream_lost_creates_total')).toBe(2);
  });
});
