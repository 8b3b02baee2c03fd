import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { describeWithRedis } from '../support/redis.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { connectRest } from '../support/rest-client.ts';
import {
  type CreateExportJobInput,
  RerunExportJobDocument,
  type RerunExportJobMutationVariables,
  StartExportDocument,
} from './operations.generated.ts';

const exportJobs = '/data/core/ups/export/jobs';
const destination = { target: { datasetId: profileDataset } };
const noStitching = '2b43d78d-0ad4-4c1e-ac2d-574c09b01119';

/** A platform that also keeps the body of each create. */
async function startRecordingPlatform() {
  const platform = await startPlatform({ profiles: 20 });
  const bodies: Promise<string>[] = [];
  const door = await startProxy(platform, (request) => {
    if (request.method === 'POST' && request.url === exportJobs) bodies.push(text(request.pipe(new PassThrough())));
    return false;
  });
  return {
    url: door.url,
    platform,
    /** Bodies of all creates so far, oldest first. */
    created: async () => (await Promise.all(bodies)).map((body): unknown => JSON.parse(body)),
    [Symbol.asyncDispose]: async () => {
      await door[Symbol.asyncDispose]();
      await platform.close();
    },
  };
}

async function start(gateway: Gateway, input: CreateExportJobInput) {
  const { createExportJob } = await gateway.query(StartExportDocument, { input });
  if (createExportJob.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
  return createExportJob.exportJob;
}

const rerun = async (gateway: Gateway, variables: RerunExportJobMutationVariables) =>
  (await gateway.query(RerunExportJobDocument, variables)).rerunExportJob;

async function rerunJob(gateway: Gateway, variables: RerunExportJobMutationVariables) {
  const result = await rerun(gateway, variables);
  if (result?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(result));
  return result;
}

describe('rerunExportJob', () => {
  let recording: Awaited<ReturnType<typeof startRecordingPlatform>>;
  let gateway: Gateway;
  beforeAll(async () => {
    recording = await startRecordingPlatform();
    gateway = await startGateway({ platform: recording });
  });
  afterAll(async () => {
    await gateway.close();
    await recording[Symbol.asyncDispose]();
  });

  it.each<[what: string, input: CreateExportJobInput]>([
    ['all profiles', { destination }],
    [
      'chosen fields with a merge policy, one batch per segment',
      {
        fields: ['identities.id', 'personalEmail.address'],
        mergePolicy: { id: noStitching, version: 1 },
        filter: { segments: [{ segmentId: goldTier }] },
        destination: { ...destination, segmentPerBatch: true },
      },
    ],
    [
      'events within a period',
      {
        fields: ['identityMap'],
        eventList: {
          fields: ['timestamp'],
          fromIngestTimestamp: '2018-01-01T00:00:00Z',
          toIngestTimestamp: '2030-01-01T00:00:00Z',
        },
        destination,
      },
    ],
    [
      'every condition, after an evaluation of the segments, until the batch is readable',
      {
        filter: {
          segments: [
            { segmentId: goldTier, statuses: ['REALIZED', 'EXITED'] },
            { segmentId: '10329485', segmentNs: 'AAM' },
          ],
          segmentQualificationTime: { startTime: '2018-01-01T00:00:00Z' },
          fromIngestTimestamp: '2018-01-01T00:00:00Z',
          emptyProfiles: true,
        },
        schemaName: '_xdm.context.profile',
        evaluateSegments: true,
        waitForBatch: true,
        destination,
      },
    ],
    ['a new dataset', { destination: { target: { newDataset: { name: 'Nightly' } } } }],
  ])('sends the request of a job of this gateway again: %s', async (_, input) => {
    const job = await start(gateway, input);
    const { replayed, exportJob } = await rerunJob(gateway, { id: job.id });
    expect(replayed).toBe(false);
    expect(exportJob.id).not.toBe(job.id);
    const [first, second] = (await recording.created()).slice(-2);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ destination: { datasetId: job.destination.datasetId } });
  });

  it('reruns a job that was itself rerun', async () => {
    const job = await start(gateway, { fields: ['_id'], evaluateSegments: true, destination });
    const { exportJob } = await rerunJob(gateway, { id: job.platformId });
    await rerunJob(gateway, { id: exportJob.platformId });
    const [first, second, third] = (await recording.created()).slice(-3);
    expect([second, third]).toEqual([first, first]);
  });

  it('creates one job for the same idempotency key, and rejects the key for another job', async () => {
    const [one, other] = [await start(gateway, { destination }), await start(gateway, { destination })];
    const first = await rerunJob(gateway, { id: one.id, idempotencyKey: 'again' });
    const second = await rerunJob(gateway, { id: one.platformId, idempotencyKey: 'again' });
    expect(second).toMatchObject({ replayed: true, exportJob: { id: first.exportJob.id } });
    expect(await rerun(gateway, { id: other.id, idempotencyKey: 'again' })).toMatchObject({
      __typename: 'ConflictError',
    });
  });

  it('returns the omitted parts of a job that was not created through this gateway, and creates nothing', async () => {
    const rest = await connectRest(recording.platform);
    const { body } = await rest.send<{ readonly id: number }>('POST', exportJobs, {
      destination: { datasetId: profileDataset },
      fields: '_id',
      schema: { name: '_xdm.context.profile' },
      additionalFields: { eventList: { fields: 'timestamp' } },
      evaluationInfo: { segmentation: true },
    });
    const before = await recording.created();
    const result = await rerun(gateway, { id: String(body.id) });
    expect(result).toMatchObject({ __typename: 'InvalidInputError' });
    const paths = result !== null && 'issues' in result ? result.issues.map(({ path }) => path).toSorted() : [];
    expect(paths).toEqual(['evaluateSegments', 'eventList', 'filter', 'waitForBatch']);
    expect(await recording.created()).toEqual(before);
  });

  it('returns NotFoundError for a job that the platform does not have, and leaves the idempotency key free', async () => {
    const missing = await rerun(gateway, { id: '999999', idempotencyKey: 'free' });
    expect(missing).toMatchObject({ __typename: 'NotFoundError' });
    const job = await start(gateway, { destination });
    expect(await rerunJob(gateway, { id: job.id, idempotencyKey: 'free' })).toMatchObject({ replayed: false });
  });

  it('does not know the jobs of another sandbox', async () => {
    const job = await start(gateway, { destination });
    const { data } = await gateway.execute(RerunExportJobDocument, { id: job.id }, { 'x-sandbox-name': 'dev' });
    expect(data?.rerunExportJob).toMatchObject({ __typename: 'NotFoundError' });
  });

  it('returns the argument whose entity was deleted since, and creates nothing', async () => {
    const job = await start(gateway, { destination: { target: { newDataset: { name: 'Deleted later' } } } });
    const rest = await connectRest(recording.platform);
    await rest.send('DELETE', `/data/foundation/catalog/dataSets/${job.destination.datasetId}`);
    const before = await recording.created();
    expect(await rerun(gateway, { id: job.id })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: 'destination.target.datasetId' }],
    });
    expect(await recording.created()).toEqual(before);
  });
});

describeWithRedis('rerunExportJob at another replica', () => {
  it('sends the request that the first replica has stored', async () => {
    await using redis = await startRedisServer();
    await using recording = await startRecordingPlatform();
    const env = { REDIS_URL: redis.url };
    await using one = await startGateway({ platform: recording, env });
    await using other = await startGateway({ platform: recording, env });
    // A create with a key succeeds only when the replica is connected, so that the request is stored then.
    const job = await eventually(() =>
      start(one, { idempotencyKey: 'k', eventList: { fields: ['timestamp'] }, destination }),
    );
    await eventually(() => rerunJob(other, { id: job.id }));
    const [first, second] = await recording.created();
    expect(second).toEqual(first);
  });
});
