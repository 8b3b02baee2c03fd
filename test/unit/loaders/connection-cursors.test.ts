import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DatasetId, platformId } from '../../../src/domain/ids.ts';
import { InvalidInputError } from '../../../src/errors.ts';
import { readBatches } from '../../../src/loaders/lists/batches.ts';
import { readDatasets } from '../../../src/loaders/lists/datasets.ts';
import { readExportJobs } from '../../../src/loaders/lists/export-jobs.ts';
import { readFiles } from '../../../src/loaders/lists/files.ts';
import { readMergePolicies } from '../../../src/loaders/lists/merge-policies.ts';
import { readSchedules } from '../../../src/loaders/lists/schedules.ts';
import { readSegmentDefinitions } from '../../../src/loaders/lists/segment-definitions.ts';
import { readSegmentJobs } from '../../../src/loaders/lists/segment-jobs.ts';
import type { Connection } from '../../../src/loaders/pagination/connection.ts';
import { encodeCursor } from '../../../src/loaders/pagination/cursor.ts';
import { batch, dataset, exportJob, schedule, segmentJob } from './entities.ts';
import { fakeBatches, fakeDatasets, fakeExportJobs, fakeFiles } from './fake-lists.ts';
import { walk } from './walk.ts';

/** Any character, lone surrogates included. */
const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

const datasetId = platformId<DatasetId>('dataset');
const batchId = platformId<never>('batch');

describe('a cursor', () => {
  const connections: Readonly<Record<string, (after: string) => Promise<unknown>>> = {
    exportJobs: (after) => readExportJobs(fakeExportJobs([]).api, { first: 1, after, filter: null }),
    'datasets:created:desc': (after) =>
      readDatasets(fakeDatasets([]).api, { first: 1, after, filter: null, orderBy: null }),
    'datasets:name:asc': (after) =>
      readDatasets(fakeDatasets([]).api, {
        first: 1,
        after,
        filter: null,
        orderBy: { field: 'name', direction: 'asc' },
      }),
    batches: (after) => readBatches(fakeBatches([]).api, { first: 1, after, filter: null, of: datasetId }),
    files: (after) => readFiles(fakeFiles([]).api, { first: 1, after, batchId }),
    'segmentJobs:creationTime:desc': (after) =>
      readSegmentJobs(
        { list: async () => ({ jobs: [], next: null, total: null }) },
        { first: 1, after, filter: null, orderBy: null },
      ),
    'segmentDefinitions:creationTime:desc': (after) =>
      readSegmentDefinitions(
        { list: async () => ({ definitions: [], next: null, total: null }) },
        { first: 1, after, filter: null, orderBy: null },
      ),
    mergePolicies: (after) =>
      readMergePolicies({ list: async () => ({ policies: [], next: null, total: null }) }, { first: 1, after }),
  };
  const refused = { issues: [{ path: 'after', message: 'is not a cursor of this connection' }] };
  /** A position in each list. The rest of a cursor has the same form for all lists. */
  const positions: Readonly<Record<string, readonly (string | number)[]>> = {
    exportJobs: [1, 'job'],
    'datasets:created:desc': [1],
    'datasets:name:asc': [1],
    batches: [1, 2],
    files: [1, 20],
    'segmentJobs:creationTime:desc': [1, 20],
    'segmentDefinitions:creationTime:desc': [1, 20],
    mergePolicies: ['b', 20],
  };
  const cursorOf = (list: string, position: readonly (string | number)[] = positions[list] ?? []) =>
    encodeCursor(list, [position, 0, 1, 1, 1, '', ['row'], '']);

  it.each(Object.keys(connections))('of %s is rejected by every other connection', async (list) => {
    for (const [other, read] of Object.entries(connections)) {
      const reading = read(cursorOf(list));
      if (other === list) await reading;
      else await expect(reading).rejects.toMatchObject(refused);
    }
  });

  it('is rejected as input if it was invented, whatever it contains, and never causes an invalid call to the platform', async () => {
    const part = fc.oneof(
      fc.nat(),
      fc.double(),
      fc.constantFrom(-1, 1.5, 8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER),
      fc.string(),
      fc.array(fc.oneof(fc.string(), fc.nat(), fc.double()), { maxLength: 105 }),
    );
    const cursor = fc.oneof(
      fc.string({ unit: codeUnit }),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc
        .tuple(fc.constantFrom(...Object.keys(connections)), fc.array(part, { maxLength: 8 }))
        .map(([list, position]) => encodeCursor(list, position)),
    );
    await fc.assert(
      fc.asyncProperty(cursor, async (after) => {
        for (const read of Object.values(connections)) {
          try {
            await read(after);
          } catch (error) {
            if (!(error instanceof InvalidInputError)) throw error;
            expect(error.issues).toEqual(refused.issues);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is rejected if it contains an impossible time', async () => {
    const read = (time: number) =>
      readBatches(fakeBatches([]).api, {
        first: 1,
        after: cursorOf('batches', [0, time]),
        filter: null,
        of: datasetId,
      });
    await read(8.64e15);
    await expect(read(8.64e15 + 1)).rejects.toMatchObject(refused);
  });

  it('continues lists of entities whose times are before 1970', async () => {
    const createdAt = new Date('0001-01-01T00:00:00Z');
    const ids = ['a', 'b', 'c'] as const;
    const times = { createdAt, updatedAt: createdAt };
    const { api: datasets } = fakeDatasets(ids.map((id) => dataset(id, times)));
    const { api: batches } = fakeBatches(ids.map((id) => batch(id, times)));
    const { api: exportJobs } = fakeExportJobs(ids.map((id) => exportJob(id, createdAt.getTime())));
    const segmentJobs = ids.map((id) => segmentJob(id, createdAt.getTime()));
    const lists: readonly ((after: string | null) => Promise<Connection<{ readonly id: string }>>)[] = [
      (after) => readDatasets(datasets, { first: 1, after, filter: null, orderBy: null }),
      (after) => readBatches(batches, { first: 1, after, filter: null, of: null }),
      (after) => readExportJobs(exportJobs, { first: 1, after, filter: null }),
      (after) =>
        readSegmentJobs(
          { list: async () => ({ jobs: segmentJobs, next: null, total: null }) },
          { first: 1, after, filter: null, orderBy: null },
        ),
      (after) => readSchedules({ list: async () => ids.map((id) => schedule(id, times)) }, { first: 1, after }),
    ];
    for (const read of lists) {
      const walked = await walk(read, ({ id }) => id);
      expect(walked.ids.toSorted()).toEqual(ids);
    }
  });

  it('is rejected without decoding if it is longer than any valid one', async () => {
    const read = (after: string) => readExportJobs(fakeExportJobs([]).api, { first: 1, after, filter: null });
    const long = encodeCursor('exportJobs', [1, 'x'.repeat(10_000)]);
    await expect(read(long)).rejects.toMatchObject(refused);
  });

  it('stays short, however many rows with long ids were returned', async () => {
    const sets = Array.from({ length: 300 }, (_, index) =>
      dataset(`${'0123456789abcdef'.repeat(3)}-${index}`, { createdAt: new Date(1) }),
    );
    const { api } = fakeDatasets(sets);
    const { ids, pages } = await walk(
      (after) => readDatasets(api, { first: 13, after, filter: null, orderBy: null }),
      ({ id }) => id,
    );
    expect(new Set(ids).size).toBe(300);
    for (const { pageInfo } of pages) expect(pageInfo.endCursor?.length).toBeLessThan(1_600);
  });
});
