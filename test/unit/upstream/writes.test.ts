import { describe, expect, it } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import type { NewSchedule } from '../../../src/domain/schedule.ts';
import { OutcomeUnknownError } from '../../../src/errors.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import type { PlatformWrite } from '../../../src/upstream/types.ts';
import { closedPort } from '../../support/platform.ts';
import { newExportJob } from './fixtures.ts';
import {
  connectTo,
  type ReceivedRequest,
  type Respond,
  sendJson,
  startStub,
  type TestClient,
} from './platform-stub.ts';

const dataset = {
  name: 'New',
  description: null,
  schemaRef: { id: 'https://ns.adobe.com/xdm/context/profile__union', contentType: 'application/json' },
  fileFormat: 'parquet',
  tags: [],
} as const;
const schedule: NewSchedule = {
  name: 'Daily',
  type: 'BATCH_SEGMENTATION',
  schedule: '0 0 1 * * ?',
  state: 'INACTIVE',
  segmentIds: [platformId('*')],
};
const jobRecord = (id: string) => ({ id, status: 'NEW', creationTime: 1, updateTime: 1, segments: [] });

/** Every write of the gateway, with the platform's response, and with the report of it. */
const writes: readonly {
  readonly name: string;
  readonly send: (api: PlatformApi) => Promise<unknown>;
  readonly answer: unknown;
  readonly report: Pick<PlatformWrite, 'entity' | 'action' | 'id'>;
}[] = [
  {
    name: 'the create of an export job',
    send: (api) => api.exportJobs.create(newExportJob),
    answer: { ...jobRecord('7'), destination: { datasetId: 'd' } },
    report: { entity: 'ExportJob', action: 'create', id: '7' },
  },
  {
    name: 'the cancellation of an export job',
    send: (api) => api.exportJobs.cancel(platformId('7')),
    answer: null,
    report: { entity: 'ExportJob', action: 'cancel', id: '7' },
  },
  {
    name: 'the create of a segment job',
    send: (api) => api.segmentJobs.create([platformId('s')]),
    answer: jobRecord('8'),
    report: { entity: 'SegmentJob', action: 'create', id: '8' },
  },
  {
    name: 'the cancellation of a segment job',
    send: (api) => api.segmentJobs.cancel(platformId('8')),
    answer: null,
    report: { entity: 'SegmentJob', action: 'cancel', id: '8' },
  },
  {
    name: 'the create of a schedule',
    send: (api) => api.schedules.create(schedule),
    answer: { id: '9', name: 'Daily', state: 'inactive', type: 'batch_segmentation', schedule: '0 0 1 * * ?' },
    report: { entity: 'Schedule', action: 'create', id: '9' },
  },
  {
    name: 'the change of a schedule',
    send: (api) => api.schedules.update(platformId('9'), { state: 'ACTIVE' }),
    answer: null,
    report: { entity: 'Schedule', action: 'update', id: '9' },
  },
  {
    name: 'the deletion of a schedule',
    send: (api) => api.schedules.delete(platformId('9')),
    answer: null,
    report: { entity: 'Schedule', action: 'delete', id: '9' },
  },
  {
    name: 'the create of a dataset',
    send: (api) => api.datasets.create(dataset),
    answer: ['@/dataSets/10'],
    report: { entity: 'Dataset', action: 'create', id: '10' },
  },
  {
    name: 'the deletion of a dataset',
    send: (api) => api.datasets.delete(platformId('10')),
    answer: ['@/dataSets/10'],
    report: { entity: 'Dataset', action: 'delete', id: '10' },
  },
];

/** Sends one write to a platform that responds like this. */
async function reportOf(
  respond: Respond,
  send: (api: PlatformApi) => Promise<unknown>,
): Promise<{ readonly client: Pick<TestClient, 'writes'>; readonly requests: readonly ReceivedRequest[] }> {
  await using stub = await startStub(respond);
  await using client = connectTo(stub.url);
  await Promise.allSettled([send(client.api)]);
  return { client, requests: [...stub.requests] };
}

describe.each(writes)('$name', ({ send, answer, report }) => {
  it('is reported once, with the id of the platform’s response', async () => {
    const { client } = await reportOf(
      (_, response) => sendJson(response, 200, answer, { 'x-request-id': 'platform-1' }),
      send,
    );
    expect(client.writes).toEqual([
      { ...report, end: { kind: 'done', evidence: 'response' }, status: 200, requestId: 'platform-1' },
    ]);
  });

  it('is reported once with the id that was sent when it is rejected', async () => {
    const { client, requests } = await reportOf((_, response) => sendJson(response, 409, {}), send);
    const [request] = requests.filter(({ method }) => method !== 'GET');
    expect(client.writes).toMatchObject([
      {
        ...report,
        id: report.action === 'create' ? null : report.id,
        end: { kind: 'failed', error: { code: 'CONFLICT' } },
        status: 409,
        requestId: request?.headers['x-request-id'],
      },
    ]);
  });

  it('is reported once when its response is lost', async () => {
    const { client } = await reportOf(
      (request, response) => (request.method === 'GET' ? sendJson(response, 500, {}) : response.destroy()),
      send,
    );
    expect(client.writes).toMatchObject([{ end: { kind: 'failed' }, status: null, requestId: expect.any(String) }]);
    const [write] = client.writes;
    expect(write?.end.kind === 'failed' && write.end.error).toBeInstanceOf(OutcomeUnknownError);
  });

  it('is reported once, without an id of a request, when no byte of it was sent', async () => {
    await using client = connectTo(`http://127.0.0.1:${await closedPort()}`);
    await expect(send(client.api)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    expect(client.writes).toMatchObject([
      {
        entity: report.entity,
        end: { kind: 'failed', error: { code: 'UPSTREAM_UNREACHABLE' } },
        status: null,
        requestId: null,
      },
    ]);
  });

  it('is not sent over a connection without a report', async () => {
    await using stub = await startStub((_, response) => sendJson(response, 200, answer));
    await using client = connectTo(stub.url);
    await expect(send(client.poll)).rejects.toThrow('A write needs a connection that reports it.');
    expect(stub.requests).toEqual([]);
  });
});

describe.each(writes.filter(({ report }) => report.action !== 'create'))('$name', ({ send, report }) => {
  it('is reported as absent when the platform does not have the entity', async () => {
    const { client } = await reportOf((_, response) => sendJson(response, 404, {}), send);
    expect(client.writes).toMatchObject([{ ...report, end: { kind: 'absent' }, status: 404 }]);
  });
});

it('a create whose response was lost is reported as done by the state when its result is found', async () => {
  let created = false;
  const { client, requests } = await reportOf(
    (request, response) => {
      if (request.method === 'POST') {
        created = true;
        response.destroy();
        return;
      }
      const job = {
        ...jobRecord('8'),
        creationTime: Date.parse('2030-01-01T00:00:00Z'),
        segments: [{ segmentId: 's' }],
        source: 'api',
      };
      sendJson(response, 200, { children: created ? [job] : [], page: { totalCount: 1, totalPages: 1 } });
    },
    (api) => api.segmentJobs.create([platformId('s')]),
  );
  const [request] = requests.filter(({ method }) => method === 'POST');
  expect(client.writes).toEqual([
    {
      entity: 'SegmentJob',
      action: 'create',
      id: '8',
      end: { kind: 'done', evidence: 'state' },
      status: null,
      requestId: request?.headers['x-request-id'],
    },
  ]);
});
