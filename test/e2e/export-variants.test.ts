import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startPlatform } from '../support/platform.ts';
import type { WireExportJob } from '../support/platform-reading.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';
import {
  type CreateExportJobInput,
  ExportJobDocument,
  StartExportDocument,
  WatchExportJobsDocument,
} from './operations.generated.ts';

const emailOptIn = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04';
const noStitching = '2b43d78d-0ad4-4c1e-ac2d-574c09b01119';
const destination = { target: { datasetId: profileDataset } };

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;
let rest: RestClient;

beforeAll(async () => {
  platform = await startPlatform({ profiles: 60 });
  gateway = await startGateway({ platform });
  rest = await connectRest(platform);
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

async function start(input: CreateExportJobInput) {
  const { createExportJob } = await gateway.query(StartExportDocument, { input });
  if (createExportJob.__typename !== 'CreateExportJobPayload')
    throw new Error(`No job was made: ${JSON.stringify(createExportJob)}`);
  return createExportJob.exportJob;
}

/** Returns the rows of an export after its end. */
async function exported(input: CreateExportJobInput) {
  const { id } = await start(input);
  await using events = gateway.subscribe(WatchExportJobsDocument, { ids: [id] });
  await events.rest();
  const { exportJob } = await gateway.query(ExportJobDocument, { id });
  expect(exportJob).toMatchObject({ status: 'SUCCEEDED', errors: [] });
  const files = exportJob?.destination.batches.flatMap(({ batch }) => batch?.files.nodes ?? []) ?? [];
  const rows = await Promise.all(
    files.map(async ({ downloadUrl }) => parquetReadObjects({ file: await (await fetch(downloadUrl)).arrayBuffer() })),
  );
  expect(rows.flat()).toHaveLength(exportJob?.metrics.totalExportedProfiles ?? -1);
  return rows.flat();
}

const columnsOf = (rows: readonly Record<string, unknown>[]) =>
  [...new Set(rows.flatMap((row) => Object.keys(row)))].sort();

/** Number of events in a row. A row without that column has none. */
const eventsIn = (row: Record<string, unknown>): number => {
  const events = row['experienceEvents'];
  return Array.isArray(events) ? events.length : 0;
};

describe('an export job in the form of the Profile API', () => {
  it('is created with fields, merge policy, events and dataset, and read back', async () => {
    const job = await start({
      fields: ['identities.id', 'personalEmail.address'],
      mergePolicy: { id: noStitching, version: 1 },
      eventList: {
        fields: ['environment.browserDetails.name', 'timestamp'],
        fromIngestTimestamp: '2026-07-10T07:00:00Z',
      },
      destination: { ...destination, segmentPerBatch: false },
    });
    expect(job).toMatchObject({
      jobType: 'BATCH',
      fields: ['identities.id', 'personalEmail.address'],
      schema: { name: '_xdm.context.profile' },
      mergePolicy: { platformId: noStitching, version: 1, policy: { name: 'No Stitching' } },
      filter: null,
      eventList: {
        fields: ['environment.browserDetails.name', 'timestamp'],
        fromIngestTimestamp: '2026-07-10T07:00:00.000Z',
        toIngestTimestamp: null,
      },
      destination: { datasetId: profileDataset, segmentPerBatch: false },
    });
    const wire = await rest.get<WireExportJob>(`/data/core/ups/export/jobs/${job.platformId}`);
    expect(wire).toMatchObject({
      fields: 'identities.id,personalEmail.address',
      schema: { name: '_xdm.context.profile' },
      mergePolicy: { id: noStitching, version: 1 },
      destination: { dataSetId: profileDataset, segmentPerBatch: false },
    });
    expect(wire.filter).toBeUndefined();
  });
});

describe('an export job in the form of the Segmentation API', () => {
  it('is created with segments of several namespaces, times and events, and read back', async () => {
    const filter = {
      segments: [
        { segmentId: `SegmentDefinition:${goldTier}`, segmentNs: 'ups', statuses: ['REALIZED', 'EXISTING', 'EXITED'] },
        { segmentId: '10329485', segmentNs: 'AAM' },
      ],
      segmentQualificationTime: { startTime: '2018-01-01T00:00:00Z', endTime: '2026-02-01T01:00:00+01:00' },
      fromIngestTimestamp: '2018-01-01T00:00:00Z',
      emptyProfiles: true,
    } satisfies CreateExportJobInput['filter'];
    const job = await start({
      filter,
      eventList: { fromIngestTimestamp: '2018-01-01T00:00:00Z', toIngestTimestamp: '2020-01-01T00:00:00Z' },
      destination: { ...destination, segmentPerBatch: true },
    });
    const segments = [
      { segmentId: goldTier, segmentNs: 'ups', statuses: ['REALIZED', 'EXISTING', 'EXITED'] },
      { segmentId: '10329485', segmentNs: 'AAM', statuses: ['REALIZED', 'EXISTING'], definition: null },
    ];
    expect(job).toMatchObject({
      fields: null,
      filter: {
        segments,
        segmentQualificationTime: { startTime: '2018-01-01T00:00:00.000Z', endTime: '2026-02-01T00:00:00.000Z' },
        fromIngestTimestamp: '2018-01-01T00:00:00.000Z',
        emptyProfiles: true,
      },
      eventList: {
        fields: null,
        fromIngestTimestamp: '2018-01-01T00:00:00.000Z',
        toIngestTimestamp: '2020-01-01T00:00:00.000Z',
      },
      destination: { segmentPerBatch: true, batches: segments.map((segment) => ({ segment })) },
    });
    const wire = await rest.get<WireExportJob>(`/data/core/ups/export/jobs/${job.platformId}`);
    expect(wire.fields).toBeUndefined();
    expect(wire.filter).toEqual({
      segments: [
        { segmentId: goldTier, segmentNs: 'ups', status: ['realized', 'existing', 'exited'] },
        { segmentId: '10329485', segmentNs: 'AAM', status: ['realized', 'existing'] },
      ],
      segmentQualificationTime: { startTime: '2018-01-01T00:00:00.000Z', endTime: '2026-02-01T00:00:00.000Z' },
      fromIngestTimestamp: '2018-01-01T00:00:00.000Z',
      emptyProfiles: true,
    });
  });
});

describe('an export', () => {
  it('of only profiles contains no events', async () => {
    const rows = await exported({ fields: ['identityMap', 'person.name'], destination });
    expect(columnsOf(rows)).toEqual(['identityMap', 'person']);
    expect(rows.length).toBeGreaterThan(30);
  });

  it('of only events contains only the identities of the profiles', async () => {
    const rows = await exported({
      fields: ['identityMap'],
      eventList: { fields: ['eventType', 'timestamp'] },
      filter: { emptyProfiles: true },
      destination,
    });
    expect(columnsOf(rows)).toEqual(['experienceEvents', 'identityMap']);
    const events = rows.flatMap((row) => (Array.isArray(row['experienceEvents']) ? row['experienceEvents'] : []));
    expect(events.length).toBeGreaterThan(10);
    expect(columnsOf(events)).toEqual(['eventType', 'timestamp']);

    const late = await exported({
      fields: ['identityMap'],
      eventList: { fields: ['timestamp'], fromIngestTimestamp: '2099-01-01T00:00:00Z' },
      destination,
    });
    expect(late.every((row) => eventsIn(row) === 0)).toBe(true);
  });

  it('of segments has a batch for each of them, or one for all', async () => {
    const segments = [goldTier, emailOptIn].map((segmentId) => ({ segmentId }));
    const sorted = (rows: readonly Record<string, unknown>[]) => rows.map(({ _id }) => String(_id)).sort();
    const each = await Promise.all(
      segments.map((segment) => exported({ fields: ['_id'], filter: { segments: [segment] }, destination })),
    );
    const perBatch = await exported({
      fields: ['_id'],
      filter: { segments },
      destination: { ...destination, segmentPerBatch: true },
    });
    expect(sorted(perBatch)).toEqual(sorted(each.flat()));
    const together = await exported({ fields: ['_id'], filter: { segments }, destination });
    expect(sorted(together)).toEqual([...new Set(sorted(each.flat()))].sort());
    expect(together.length).toBeLessThan(perBatch.length);
  });

  it('runs the segmentation first when requested', async () => {
    const { body } = await rest.send<{ readonly id: string }>('POST', '/data/core/ups/segment/definitions', {
      name: 'Not evaluated yet',
      schema: { name: '_xdm.context.profile' },
      expression: { type: 'PQL', format: 'pql/text', value: 'loyalty.points >= 0' },
    });
    const input = { fields: ['_id'], filter: { segments: [{ segmentId: body.id }] }, destination };
    expect(await exported(input)).toEqual([]);
    expect((await exported({ ...input, evaluateSegments: true })).length).toBeGreaterThan(10);
    expect((await exported(input)).length).toBeGreaterThan(10);
  });
});
