import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { parseTolerantly, requestSamples, samplesAvailable, samplesDirectory } from '../../support/seed-samples.ts';
import { connect, type JobRecord, type PlatformClient, prodDataset, runUntil } from './platform-client.ts';

const { exportJobs, datasets } = samplesAvailable ? requestSamples() : { exportJobs: [], datasets: [] };

describe.skipIf(!samplesAvailable)(`request samples of the documentation in ${samplesDirectory}`, () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 100, clock, concurrentExports: 20 });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  it('finds the samples of every page', () => {
    const pages = (samples: typeof exportJobs) => new Set(samples.map(({ source }) => source.split(':')[0])).size;
    expect(pages(exportJobs)).toBe(5);
    expect(pages(datasets)).toBe(4);
  });

  it.each(exportJobs)('accepts the export job of $source, which runs to an end', async ({ object }) => {
    const datasetId = await knownDataset(object['destination']);
    const destination = { ...Object(object['destination']), datasetId };
    const created = await client.send<JobRecord>('POST', '/data/core/ups/export/jobs', { ...object, destination });
    expect(created).toMatchObject({ status: 200, body: { status: 'NEW', destination: { dataSetId: datasetId } } });

    const { status, errors } = await runUntil(client, clock, created.body.id);
    // The merge policies of the samples are not among those of the emulator.
    const code = Object(object['mergePolicy']).id === undefined ? undefined : 'UNKNOWN_MERGE_POLICY';
    expect({ status, code: errors?.[0]?.code }).toEqual({ status: code === undefined ? 'SUCCEEDED' : 'FAILED', code });
  });

  it.each(datasets)('creates the dataset of $source, which takes an export', async ({ object }) => {
    const created = await client.send<readonly string[]>('POST', '/data/foundation/catalog/dataSets', object);
    expect(created.status).toBe(201);
    const datasetId = created.body[0]?.split('/').at(-1);
    const { id } = await client.export({ destination: { datasetId }, fields: 'person' });
    expect(await runUntil(client, clock, id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  /** The dataset that a sample names, when it is one of the seeded ones. */
  async function knownDataset(destination: unknown): Promise<string> {
    const id = String(Object(destination).datasetId);
    const { status } = await client.get(`/data/foundation/catalog/dataSets/${id}`);
    return status === 200 ? id : prodDataset;
  }
});

describe('parsing of samples', () => {
  it('adds missing commas and drops those at the end', () => {
    expect(parseTolerantly('{\n "a": {\n "b": 1,\n }\n "c": [true\n ]\n "d": "x"\n}')).toEqual({
      a: { b: 1 },
      c: [true],
      d: 'x',
    });
    expect(parseTolerantly('{ACCESS_TOKEN}')).toBeNull();
  });
});
