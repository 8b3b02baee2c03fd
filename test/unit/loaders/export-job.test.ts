import { describe, expect, it } from 'vitest';
import { type ExportJobId, platformId } from '../../../src/domain/ids.ts';
import { createExportJobLoader } from '../../../src/loaders/export-job.ts';
import { exportJob } from './entities.ts';
import { fakeExportJobs } from './fake-lists.ts';

const id = (number: number) => platformId<ExportJobId>(`job-${number}`);

/** Creates a platform of 250 jobs. The job with the highest number is the newest. */
function setUp() {
  const jobs = Array.from({ length: 250 }, (_, index) => exportJob(`job-${index}`, index));
  const list = fakeExportJobs(jobs);
  const single: string[] = [];
  const loader = createExportJobLoader({
    list: list.api.list,
    get: async (wanted) => {
      single.push(wanted);
      if (wanted === id(13)) throw new Error('unreadable');
      return jobs.find((job) => job.id === wanted) ?? null;
    },
  });
  return { loader, single, lists: list.calls };
}

describe('the loader of export jobs', () => {
  it('finds recent jobs on the newest page, and reads each other one by id', async () => {
    const { loader, single, lists } = setUp();
    const wanted = [id(249), id(2), id(150), id(999), id(249)];
    const found = await Promise.all(wanted.map((each) => loader.load(each)));
    expect(found.map((job) => job?.id ?? null)).toEqual([id(249), id(2), id(150), null, id(249)]);
    expect(lists).toEqual([{ limit: 100 }]);
    expect(single).toEqual([id(2), id(999)]);
  });

  it('reads a single job without the list', async () => {
    const { loader, single, lists } = setUp();
    expect((await loader.load(id(200)))?.id).toBe(id(200));
    expect([single, lists]).toEqual([[id(200)], []]);
  });

  it('fails only the job that cannot be read', async () => {
    const { loader } = setUp();
    const results = await Promise.allSettled([id(249), id(13), id(12)].map((each) => loader.load(each)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
