import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { parseTolerantly, requestSamples, samplesAvailable, samplesDirectory } from '../../support/seed-samples.ts';
import { connect, type JobRecord, type PlatformClient, prodDataset, runUntil } from './platform-client.ts';
import { type SegmentJobRecord, segmentJobs, segmentJobUntil } from './segmentation-client.ts';

const noSamples = { exportJobs: [], datasets: [], schedules: [], schedulePatches: [], segmentJobEntries: [] };
const { exportJobs, datasets, schedules, schedulePatches, segmentJobEntries } = samplesAvailable
  ? requestSamples()
  : noSamples;

describe.skipIf(!samplesAvailable)(`request samples of the documentation in ${samplesDirectory}`, () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    const quirks = { oneSchedulePer: 'nothing', postUpdatesSchedule: true } as const;
    emulator = await startEmulator({ profiles: 100, clock, concurrentExports: 20, quirks });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  it('finds the samples of every page', () => {
    const pages = (samples: typeof exportJobs) => new Set(samples.map(({ source }) => source.split(':')[0])).size;
    expect(pages(exportJobs)).toBe(5);
    expect(pages(datasets)).toBe(4);
    expect([schedules, schedulePatches, segmentJobEntries].map((samples) => samples.length)).toEqual([1, 2, 2]);
  });

  it.each(exportJobs)('accepts the export job of $source, which runs to its end', async ({ object }) => {
    const datasetId = await knownDataset(object['destination']);
    const destination = { ...Object(object['destination']), datasetId };
    const created = await client.send<JobRecord>('POST', '/data/core/ups/export/jobs', { ...object, destination });
    expect(created).toMatchObject({ status: 200, body: { status: 'NEW', destination: { dataSetId: datasetId } } });

    const { status, errors } = await runUntil(client, clock, created.body.id);
    // The emulator does not have the merge policies of the samples.
    const code = Object(object['mergePolicy']).id === undefined ? undefined : 'UNKNOWN_MERGE_POLICY';
    expect({ status, code: errors?.[0]?.code }).toEqual({ status: code === undefined ? 'SUCCEEDED' : 'FAILED', code });
  });

  it.each(datasets)('creates the dataset of $source, which accepts an export', async ({ object }) => {
    const created = await client.send<readonly string[]>('POST', '/data/foundation/catalog/dataSets', object);
    expect(created.status).toBe(201);
    const datasetId = created.body[0]?.split('/').at(-1);
    const { id } = await client.export({ destination: { datasetId }, fields: 'person' });
    expect(await runUntil(client, clock, id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it.each(schedules)('creates the schedule of $source', async ({ object }) => {
    const path = '/data/core/ups/config/schedules';
    const created = await client.send<{ id: string }>('POST', path, object);
    expect(created).toMatchObject({ status: 200, body: { ...object, state: 'inactive' } });
    expect((await client.get(`${path}/${created.body.id}`)).body).toEqual(created.body);
  });

  it.each(schedulePatches)(
    'changes a schedule as in $source, by PATCH and by the POST of that page',
    async ({ object }) => {
      const path = '/data/core/ups/config/schedules';
      for (const method of ['PATCH', 'POST']) {
        const { body } = await client.send<{ id: string }>('POST', path, {
          name: 'To be changed',
          type: 'batch_segmentation',
          properties: { segments: ['*'] },
          schedule: '0 0 1 * * ?',
        });
        expect((await client.send(method, `${path}/${body.id}`, [object])).status).toBe(204);
        const name = String(object['path']).slice(1);
        expect((await client.get(`${path}/${body.id}`)).body).toMatchObject({ [name]: object['value'] });
      }
    },
  );

  it('accepts the segment job of the pages, although the emulator does not have its segments', async () => {
    const body = segmentJobEntries.map(({ object }) => object);
    const created = await client.send<SegmentJobRecord>('POST', segmentJobs, body);
    expect(created).toMatchObject({ status: 200, body: { status: 'NEW', segments: body } });
    const job = await segmentJobUntil(client, clock, created.body.id);
    expect(job).toMatchObject({ status: 'FAILED', errors: [{ msg: expect.stringContaining('does not exist') }] });
  });

  /** The dataset that a sample names, if it is a seeded one. */
  async function knownDataset(destination: unknown): Promise<string> {
    const id = String(Object(destination).datasetId);
    const { status } = await client.get(`/data/foundation/catalog/dataSets/${id}`);
    return status === 200 ? id : prodDataset;
  }
});

describe('parsing of samples, which are not always valid JSON (#42)', () => {
  it('adds missing commas and drops trailing ones', () => {
    expect(parseTolerantly('{\n "a": {\n "b": 1,\n }\n "c": [true\n ]\n "d": "x"\n}')).toEqual({
      a: { b: 1 },
      c: [true],
      d: 'x',
    });
    expect(parseTolerantly('{ACCESS_TOKEN}')).toBeNull();
  });
});
