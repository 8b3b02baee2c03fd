import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startSteppedPlatform } from '../support/platform.ts';
import { everyNode, readGateway } from './gateway-reading.ts';
import {
  CancelExportJobDocument,
  CancelSegmentJobDocument,
  CreateDatasetDocument,
  CreateExportJobDocument,
  type CreateExportJobInput,
  CreateScheduleDocument,
  CreateSegmentJobDocument,
  DeleteDatasetDocument,
  ExportJobDocument,
  ListExportJobsDocument,
  NodesDocument,
  ReadExportJobsDocument,
  ReadFilesDocument,
  ReadSchedulesDocument,
  ReadViewerDocument,
  UpdateScheduleDocument,
} from './operations.generated.ts';

/**
 * The alternatives for points that the platform's documentation leaves open. Alternatives that change the behaviour of
 * the platform instead of its format are excluded, because the responses then have to differ (`membershipModel`,
 * `unknownSegmentStatus`, `maximumGraphIdentities`, `entitiesPerSecond`, `oneSchedulePer: 'nothing'`).
 */
const otherReadings = {
  cancelReply: fc.constant('json' as const),
  datasetReference: fc.constant('datasets' as const),
  destinationKey: fc.constantFrom('datasetId' as const, 'dataSetId' as const),
  destinationBatches: fc.constant('object' as const),
  batchSegmentStatus: fc.constant('string' as const),
  defaultSegmentStatus: fc.constantFrom(['realized', 'existing'], ['exited']),
  exportJobsDefaultLimit: fc.constant(5),
  // Ten pages, which one request of the gateway reads at most, contain all jobs.
  exportJobsMaximumLimit: fc.constant(9),
  exportJobsFirstPage: fc.constant(1 as const),
  exportJobsStart: fc.constant('page' as const),
  echoRequestId: fc.constant(true),
  unknownDatasetStatus: fc.constant(400 as const),
  unknownIdsInList: fc.constant('not-found' as const),
  unknownDatasetDelete: fc.constant('not-found' as const),
  defaultSandbox: fc.constant(null),
  unknownSandboxStatus: fc.constantFrom(400 as const, 404 as const),
  emptyErrorBodies: fc.constant(true),
  linkOrigin: fc.constant('platform' as const),
  sandboxNextLink: fc.constant('absent' as const),
  childrenStart: fc.constant('row' as const),
  segmentDefinitionsFirstPage: fc.constant(1 as const),
  oneSchedulePer: fc.constant('organization' as const),
  postUpdatesSchedule: fc.constant(true),
  flexibleEvaluation: fc.constant(true),
  unknownEntity: fc.constantFrom('absent' as const, 'multi-status' as const),
  multiStatusEntities: fc.constant('errors-and-profiles' as const),
  // The gateway's clock does not move, and within 30 seconds the gateway replaces a rejected token only once.
  tokenLifetimeSeconds: fc.constantFrom(60, 400),
  expiresInUnit: fc.constant('milliseconds' as const),
};
const someReadings = fc.record(otherReadings, { requiredKeys: [] });
type Readings = typeof someReadings extends fc.Arbitrary<infer Value> ? Value : never;

const first = 13;
const seed = 7;

/** Reads everything, makes a few writes of each kind, and returns the responses of the gateway. */
async function story(quirks: Readings): Promise<string> {
  const stages = new FakeClock('2026-11-02T08:00:00Z');
  await using platform = await startSteppedPlatform({ seed, clock: stages, profiles: 40, quirks });
  await using gateway = await startGateway({ platform, clock: new FakeClock('2026-11-02T08:00:00Z') });
  const chapters = [
    await readGateway(gateway, first),
    await gateway.query(ReadViewerDocument, {}),
    await lookUp(gateway),
    await exportSegments(gateway, stages),
    await refusals(gateway),
    await segmentation(gateway),
  ];
  return withoutChance(JSON.stringify(chapters, null, 1));
}

async function lookUp(gateway: Gateway) {
  const { exportJobs } = await gateway.query(ListExportJobsDocument, { first: 30 });
  const ids = ['Dataset:none', `Dataset:${profileDataset}`, 'Batch:none', 'SegmentJob:none', 'MergePolicy:none'];
  const people = ['CRM-000000001', 'CRM-nobody', 'CRM-000000002'].map(
    (value, index) =>
      `p${index}: profile(identity: {namespace: "CRMID", value: "${value}"}) { entityId attributes lastModifiedAt }`,
  );
  const newest = exportJobs.edges.flatMap(({ node }) => (node.status === 'SUCCEEDED' ? node.id : [])).slice(0, 2);
  const batches = await Promise.all(
    newest.map(async (id) => (await gateway.query(ExportJobDocument, { id })).exportJob?.destination.batches ?? []),
  );
  const files = await Promise.all(
    batches
      .flat()
      .map(({ batchId: batch }) =>
        everyNode(async (after) => (await gateway.query(ReadFilesDocument, { batch, first: 1, after })).batch?.page),
      ),
  );
  return [
    await gateway.query(NodesDocument, { ids }),
    (await gateway.send(`{ ${people.join(' ')} }`)).data,
    files.flat().map(({ platformId, name }) => [platformId, name]),
    exportJobs.edges.length,
  ];
}

async function exportSegments(gateway: Gateway, stages: FakeClock) {
  const created = await gateway.query(CreateDatasetDocument, { input: { name: 'Of the story' } });
  const datasetId = created.createDataset.__typename === 'CreateDatasetPayload' ? created.createDataset.dataset.id : '';
  const input: CreateExportJobInput = {
    fields: ['identityMap'],
    filter: { segments: [{ segmentId: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04', statuses: ['REALIZED'] }] },
    destination: { target: { datasetId }, segmentPerBatch: true },
  };
  const byDefault = { ...input, filter: { segments: [{ segmentId: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04' }] } };
  const newest = async () => (await gateway.query(ReadExportJobsDocument, { first: 2 })).page.nodes;
  const jobs = [];
  // The operations run in sequence, because the order of concurrent ones would be random.
  for (const each of [input, byDefault]) {
    jobs.push(await gateway.query(CreateExportJobDocument, { input: each }));
    while ((await newest())[0]?.isTerminal !== true) if (stages.pending() > 0) await stages.tick();
  }
  const ended = await newest();
  const marked = await gateway.query(CreateExportJobDocument, { input });
  const { createExportJob } = marked;
  const id = createExportJob.__typename === 'CreateExportJobPayload' ? createExportJob.exportJob.id : '';
  const cancelled = await gateway.query(CancelExportJobDocument, { id });
  const deletions = [
    await gateway.query(DeleteDatasetDocument, { id: datasetId }),
    await gateway.query(DeleteDatasetDocument, { id: datasetId }),
  ];
  return { created, jobs, ended, marked, cancelled, deletions };
}

/** Errors of the platform. Their messages may be missing, and unknown sandboxes may cause any error. */
async function refusals(gateway: Gateway) {
  const input = { destination: { target: { datasetId: 'ffffffffffffffffffffffff' } } };
  const { createExportJob } = await gateway.query(CreateExportJobDocument, { input });
  const nowhere = await gateway.execute(ListExportJobsDocument, { first: 1 }, { 'x-sandbox-name': 'nowhere' });
  const { cancelExportJob } = await gateway.query(CancelExportJobDocument, { id: '99999999' });
  const { createSchedule } = await gateway.query(CreateScheduleDocument, {
    input: { name: 'Second', type: 'BATCH_SEGMENTATION', schedule: '0 0 1 * * ?' },
  });
  return [
    createExportJob.__typename,
    nowhere.data,
    nowhere.errors.length,
    cancelExportJob.__typename,
    createSchedule.__typename,
  ];
}

async function segmentation(gateway: Gateway) {
  const input = { segmentIds: [goldTier] };
  const created = await gateway.query(CreateSegmentJobDocument, { input });
  const { createSegmentJob } = created;
  const id = createSegmentJob.__typename === 'CreateSegmentJobPayload' ? createSegmentJob.segmentJob.id : '';
  const { page } = await gateway.query(ReadSchedulesDocument, { first: 1 });
  return [
    created,
    await gateway.query(CancelSegmentJobDocument, { id }),
    await gateway.query(UpdateScheduleDocument, { id: page.nodes[0]?.id ?? '', input: { state: 'INACTIVE' } }),
  ];
}

/**
 * Ids and request ids are random, so each is replaced by the order of its first occurrence. The request id of a create
 * has a suffix of its own.
 */
function withoutChance(text: string): string {
  const seen = new Map<string, string>();
  return text.replaceAll(
    /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-zA-Z]{24,32}\b(?:\.[0-9a-f]{8}\b)?/g,
    (id) => {
      const known = seen.get(id) ?? `#${seen.size}`;
      seen.set(id, known);
      return known;
    },
  );
}

/** All alternatives at once, and two mixtures. */
const readings: readonly Readings[] = [
  ...fc.sample(fc.record(otherReadings), { seed, numRuns: 1 }),
  ...fc.sample(someReadings, { seed, numRuns: 2 }),
];

describe('the gateway', () => {
  let expected: string;
  beforeAll(async () => {
    expected = await story({});
    expect(expected.length).toBeGreaterThan(100_000);
  });

  it.each(readings)('returns the same for a platform that implements its documentation as %j', async (quirks) => {
    expect(await story(quirks)).toBe(expected);
  });
});
