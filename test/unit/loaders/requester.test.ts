import { expect, it } from 'vitest';
import type { CreatedJob } from '../../../src/domain/created-job.ts';
import { platformId } from '../../../src/domain/ids.ts';
import { createRequesterLoader } from '../../../src/loaders/requester.ts';

const exportJob = (id: string): CreatedJob => ({ type: 'ExportJob', id: platformId(id) });
const segmentJob = (id: string): CreatedJob => ({ type: 'SegmentJob', id: platformId(id) });

function setUp() {
  const reads: string[][] = [];
  const load = createRequesterLoader(async (jobs) => {
    const names = jobs.map(({ type, id }) => `${type} ${id}`);
    reads.push(names);
    return names.map((name) => (name.endsWith('unknown') ? null : `caller of ${name}`));
  });
  return { load, reads };
}

it('reads the jobs of one turn together, each once', async () => {
  const { load, reads } = setUp();
  const jobs = [exportJob('1'), segmentJob('1'), exportJob('unknown'), exportJob('1')];
  expect(await Promise.all(jobs.map(load))).toEqual([
    'caller of ExportJob 1',
    'caller of SegmentJob 1',
    null,
    'caller of ExportJob 1',
  ]);
  expect(reads).toEqual([['ExportJob 1', 'SegmentJob 1', 'ExportJob unknown']]);
});

it('keeps nothing, so that a later turn reads again', async () => {
  const { load, reads } = setUp();
  const job = exportJob('1');
  await load(job);
  await load(job);
  expect(reads).toEqual([['ExportJob 1'], ['ExportJob 1']]);
});
