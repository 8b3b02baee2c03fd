import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, startPlatform, startProxy } from '../support/platform.ts';
import {
  CreateDatasetDocument,
  type CreateDatasetInput,
  CreateExportJobDocument,
  type CreateScheduleInput,
  DeleteDatasetDocument,
  ListDatasetsDocument,
  StartScheduleDocument,
} from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform({ quirks: { oneSchedulePer: 'nothing' } });
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const createDataset = async (input: CreateDatasetInput) =>
  (await gateway.query(CreateDatasetDocument, { input })).createDataset;
const datasetsNamed = async (name: string) =>
  (await gateway.query(ListDatasetsDocument, { filter: { name } })).datasets?.nodes.length;

describe('an idempotency key', () => {
  it('creates one dataset', async () => {
    const input = { name: 'Created once', idempotencyKey: 'dataset' };
    const first = await createDataset(input);
    expect(first).toMatchObject({ __typename: 'CreateDatasetPayload', dataset: { name: 'Created once' } });
    expect(await createDataset(input)).toEqual(first);
    expect(await datasetsNamed('Created once')).toBe(1);
    expect(await createDataset({ ...input, description: 'another' })).toMatchObject({ __typename: 'ConflictError' });
  });

  it('of a deleted dataset is a conflict', async () => {
    const input = { name: 'Deleted', idempotencyKey: 'deleted' };
    const first = await createDataset(input);
    if (first?.__typename !== 'CreateDatasetPayload') throw new Error(JSON.stringify(first));
    await gateway.query(DeleteDatasetDocument, { id: first.dataset.id });
    expect(await createDataset(input)).toMatchObject({ __typename: 'ConflictError' });
  });

  it('creates one schedule', async () => {
    const input: CreateScheduleInput = {
      name: 'Created once',
      type: 'BATCH_SEGMENTATION',
      schedule: '0 0 1 * * ?',
      segmentIds: [goldTier],
      idempotencyKey: 'schedule',
    };
    const create = async (changes = {}) =>
      (await gateway.query(StartScheduleDocument, { input: { ...input, ...changes } })).createSchedule;
    const first = await create();
    expect(first).toMatchObject({ __typename: 'CreateSchedulePayload' });
    expect(await create({ skipChecks: true })).toEqual(first);
    expect(await create({ state: 'ACTIVE' })).toMatchObject({ __typename: 'ConflictError' });
  });

  it('is different if it differs in a lone surrogate', async () => {
    const [one, other] = await Promise.all(
      ['\ud800', '\ud801'].map((idempotencyKey) => createDataset({ name: 'Surrogate', idempotencyKey })),
    );
    expect(one).toMatchObject({ __typename: 'CreateDatasetPayload' });
    expect(other).toMatchObject({ __typename: 'CreateDatasetPayload' });
    expect(one).not.toEqual(other);
  });

  it('of a new dataset serves the next attempt of its export', async () => {
    let fails = true;
    await using door = await startProxy(platform, (request, response) => {
      if (!fails || request.method !== 'POST' || request.url?.includes('/export/jobs') !== true) return false;
      request.resume().on('end', () => response.writeHead(403).end());
      return true;
    });
    await using troubled = await startGateway({ platform: door });
    const newDataset = { name: 'For two attempts', idempotencyKey: 'its own' };
    const input = { destination: { target: { newDataset } }, idempotencyKey: 'export' };
    const attempt = async () => (await troubled.query(CreateExportJobDocument, { input })).createExportJob;
    expect(await attempt()).toMatchObject({ __typename: 'ForbiddenError' });
    fails = false;
    expect(await attempt()).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(await datasetsNamed('For two attempts')).toBe(1);
  });

  it('of an export stays free if only the outcome for its new dataset is unknown', async () => {
    let loses = true;
    await using door = await startProxy(platform, (request, response) => {
      if (!loses || request.method !== 'POST' || request.url?.includes('/dataSets') !== true) return false;
      request.resume().on('end', () => response.writeHead(500).end());
      return true;
    });
    await using troubled = await startGateway({ platform: door });
    const input = { destination: { target: { newDataset: { name: 'Unknown at first' } } }, idempotencyKey: 'again' };
    const attempt = async () => (await troubled.query(CreateExportJobDocument, { input })).createExportJob;
    expect(await attempt()).toMatchObject({
      __typename: 'OutcomeUnknownError',
      message: expect.stringContaining('No export job was created.'),
    });
    loses = false;
    expect(await attempt()).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(door.requests.filter((request) => request.startsWith('POST /data/core/ups/export'))).toHaveLength(1);
  });
});
