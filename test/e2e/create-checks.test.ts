import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startPlatform, startProxy, webEventsDataset } from '../support/platform.ts';
import {
  CreateExportJobDocument,
  type CreateExportJobInput,
  CreateScheduleDocument,
  CreateSegmentJobDocument,
  ListDatasetsDocument,
} from './operations.generated.ts';

const destination = { target: { datasetId: profileDataset } };
const noStitching = '2b43d78d-0ad4-4c1e-ac2d-574c09b01119';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform({ quirks: { oneSchedulePer: 'nothing' } });
  gateway = await startGateway({ platform });
  // The token of the gateway's credential is fetched before calls are counted.
  await gateway.query(ListDatasetsDocument, {});
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

/** The issues, or the name of the result's type. */
function outcomeOf(result: { readonly __typename: string; readonly issues?: unknown } | null | undefined): unknown {
  return result !== null && result !== undefined && 'issues' in result ? result.issues : result?.__typename;
}
const createExportJob = async (input: CreateExportJobInput, by: Gateway = gateway) =>
  outcomeOf((await by.query(CreateExportJobDocument, { input })).createExportJob);
const createSegmentJob = async (segmentIds: string[], skipChecks?: boolean) => {
  const input = { segmentIds, ...(skipChecks === undefined ? {} : { skipChecks }) };
  return outcomeOf((await gateway.query(CreateSegmentJobDocument, { input })).createSegmentJob);
};
const createSchedule = async (segmentIds: string[], skipChecks = false) => {
  const input = {
    name: 'Checked',
    type: 'BATCH_SEGMENTATION',
    schedule: '0 0 1 * * ?',
    segmentIds,
    skipChecks,
  } as const;
  return outcomeOf((await gateway.query(CreateScheduleDocument, { input })).createSchedule);
};

/** Method and path of the platform calls since the last call of this function, without ids and parameters. */
const calls = () => {
  const found = platform.requests.map(
    ({ method, path }) =>
      `${method} ${/\/(\w+\/\w+(?:\/bulk-get)?)/.exec(path.replace(/^\/data\/(?:core\/ups|foundation)/, ''))?.[1]}`,
  );
  platform.clearRequests();
  return found;
};

const unknownSegment = { path: 'input.filter.segments.0.segmentId', message: 'is not a segment of this sandbox' };
const unknownPolicy = { path: 'input.mergePolicy.id', message: 'is not a merge policy of this sandbox' };

describe('createExportJob', () => {
  it.each<[string, CreateExportJobInput, unknown]>([
    ['an unknown segment', { destination, filter: { segments: [{ segmentId: 'nope' }] } }, [unknownSegment]],
    [
      'an unknown segment among others',
      {
        destination,
        filter: { segments: [{ segmentId: goldTier }, { segmentId: 'SegmentDefinition:nope', segmentNs: 'UPS' }] },
      },
      [{ ...unknownSegment, path: 'input.filter.segments.1.segmentId' }],
    ],
    ['an unknown merge policy', { destination, mergePolicy: { id: 'nope' } }, [unknownPolicy]],
    [
      'an unknown dataset',
      { destination: { target: { datasetId: 'nope' } } },
      [{ path: 'input.destination.target.datasetId', message: 'is not a dataset of this sandbox' }],
    ],
    [
      'a dataset on another schema',
      { destination: { target: { datasetId: webEventsDataset } } },
      [{ path: 'input.destination.target.datasetId', message: 'is not a dataset on the union profile schema' }],
    ],
    [
      'everything at once',
      { destination, mergePolicy: { id: 'nope' }, filter: { segments: [{ segmentId: 'nope' }] } },
      [unknownSegment, unknownPolicy],
    ],
    [
      'a new dataset on another schema',
      { destination: { target: { newDataset: { name: 'Never', schemaRef: { id: 'https://ns.example/other' } } } } },
      [{ path: 'input.destination.target.newDataset.schemaRef.id', message: 'is not the union profile schema' }],
    ],
  ])('rejects %s, and creates nothing', async (_, input, issues) => {
    calls();
    expect(await createExportJob(input)).toEqual(issues);
    expect(calls()).not.toContain('POST export/jobs');
  });

  it('makes one call for each kind that the input names, before the create', async () => {
    calls();
    const segments = [goldTier, '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04'].map((segmentId) => ({ segmentId }));
    const input = { destination, mergePolicy: { id: noStitching }, filter: { segments } };
    expect(await createExportJob(input)).toBe('CreateExportJobPayload');
    const made = calls();
    expect(made.at(3)).toBe('POST export/jobs');
    expect(made.slice(0, 3).toSorted()).toEqual([
      'GET catalog/dataSets',
      'POST config/mergePolicies/bulk-get',
      'POST segment/definitions/bulk-get',
    ]);
    expect(made).toHaveLength(4);
  });

  it('checks the schema of a dataset whose schema the operation does not select', async () => {
    const { data } = await gateway.send(
      'mutation ($input: CreateExportJobInput!) { createExportJob(input: $input) { __typename } }',
      { input: { destination: { target: { datasetId: webEventsDataset } } } },
    );
    expect(data).toEqual({ createExportJob: { __typename: 'InvalidInputError' } });
  });

  it('sends version 0 of a merge policy, and rejects a negative version', async () => {
    calls();
    await createExportJob({ destination, mergePolicy: { id: noStitching, version: 0 } });
    expect(calls()).toContain('POST export/jobs');
    expect(await createExportJob({ destination, mergePolicy: { id: noStitching, version: -1 } })).toEqual([
      { path: 'input.mergePolicy.version', message: 'must not be negative' },
    ]);
    expect(calls()).toEqual([]);
  });

  it('does not check segments of other systems, and nothing at all with skipChecks', async () => {
    const external = [{ segmentId: '10329485', segmentNs: 'AAM' }];
    expect(await createExportJob({ destination, filter: { segments: external } })).toBe('CreateExportJobPayload');
    calls();
    const input = { destination: { target: { datasetId: webEventsDataset } }, skipChecks: true };
    expect(await createExportJob({ ...input, filter: { segments: [{ segmentId: 'nope' }] } })).toBe(
      'CreateExportJobPayload',
    );
    expect(calls()[0]).toBe('POST export/jobs');
  });

  it('creates a new dataset only after the other checks have passed', async () => {
    const target = { newDataset: { name: 'After the checks' } };
    expect(await createExportJob({ destination: { target }, mergePolicy: { id: 'nope' } })).toEqual([unknownPolicy]);
    const { datasets } = await gateway.query(ListDatasetsDocument, { filter: { name: 'After the checks' } });
    expect(datasets?.nodes).toEqual([]);
  });

  it('checks nothing for a key that has created before', async () => {
    const input = { destination, idempotencyKey: 'checked once' };
    expect(await createExportJob(input)).toBe('CreateExportJobPayload');
    calls();
    expect(await createExportJob({ ...input, skipChecks: true })).toBe('CreateExportJobPayload');
    expect(calls()).not.toContain('POST export/jobs');
  });

  it.each([403, 500])('creates although every check gets %i', async (status) => {
    await using door = await startProxy(platform, (request, response) => {
      if (!/bulk-get|catalog\/dataSets/.test(request.url ?? '')) return false;
      request.resume().on('end', () => response.writeHead(status).end());
      return true;
    });
    await using troubled = await startGateway({ platform: door });
    const { createExportJob: result } =
      (
        await troubled.execute(CreateExportJobDocument, {
          input: { destination, mergePolicy: { id: noStitching }, filter: { segments: [{ segmentId: goldTier }] } },
        })
      ).data ?? {};
    expect(result?.__typename).toBe('CreateExportJobPayload');
  });
});

describe('createSegmentJob', () => {
  it('rejects unknown segments with their paths, after one call', async () => {
    calls();
    expect(await createSegmentJob([goldTier, 'nope', 'nope-2'])).toEqual([
      { path: 'input.segmentIds.1', message: 'is not a segment of this sandbox' },
      { path: 'input.segmentIds.2', message: 'is not a segment of this sandbox' },
    ]);
    expect(calls()).toEqual(['POST segment/definitions/bulk-get']);
  });

  it('checks nothing for * and with skipChecks', async () => {
    calls();
    expect(await createSegmentJob(['*'])).toBe('CreateSegmentJobPayload');
    expect(calls()[0]).toBe('POST segment/jobs');
    await createSegmentJob(['nope'], true);
    expect(calls()[0]).toBe('POST segment/jobs');
  });
});

describe('createSchedule', () => {
  it('rejects unknown segments with their paths, after one call', async () => {
    calls();
    expect(await createSchedule([goldTier, 'nope'])).toEqual([
      { path: 'input.segmentIds.1', message: 'is not a segment of this sandbox' },
    ]);
    expect(calls()).toEqual(['POST segment/definitions/bulk-get']);
  });

  it('checks nothing for * and with skipChecks', async () => {
    calls();
    expect(await createSchedule(['*'])).toBe('CreateSchedulePayload');
    expect(calls()[0]).toBe('POST config/schedules');
    await createSchedule(['nope'], true);
    expect(calls()[0]).toBe('POST config/schedules');
  });
});
