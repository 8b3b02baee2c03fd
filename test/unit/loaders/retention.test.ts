import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import { execute } from '../../../src/execution/execute.ts';
import { createLoaders } from '../../../src/loaders/index.ts';
import { schema } from '../../../src/schema/index.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { isCollected } from '../../support/garbage.ts';
import { runsOf } from '../../support/tenant-runs.ts';
import { dataset, exportJob, schedule, segmentJob } from './entities.ts';

const page = 'edges { node { status } cursor } pageInfo { hasNextPage endCursor }';
const exportJobs = `{ exportJobs(first: 1) { nodes { id destination { dataset { id } } } ${page} } }`;
const segmentJobs = `{ segmentJobs(first: 1) { nodes { id schedule { id } } ${page} } }`;

describe('a job of a list', () => {
  it.each<[kind: string, query: string, job: () => object]>([
    ['an export job', exportJobs, () => exportJob('job', 1)],
    ['a segment job', segmentJobs, () => segmentJob('job', 1, { scheduleId: platformId('schedule') })],
  ])('is not kept in memory while other entities are read, if it is %s', async (_, query, job) => {
    let kept: WeakRef<object> | undefined;
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const list = async () => {
      const one = job();
      kept = new WeakRef(one);
      return { jobs: [one], next: null, total: null };
    };
    const api = {
      exportJobs: { lazy: { list } },
      segmentJobs: { list },
      datasets: {
        getMany: (ids: readonly string[]) =>
          held.then(() => ({ found: ids.map((id) => dataset(id)), failed: [], calls: 1 })),
      },
      schedules: { get: (id: string) => held.then(() => schedule(id)) },
    };
    // The cast is safe, because the queries use no other parts of the platform.
    const contextValue = {
      canRead: true,
      loaders: createLoaders(api as unknown as PlatformApi, {
        runs: runsOf(),
        readsRuns: true,
        readRequesters: async () => [],
      }),
    };
    const result = execute({ schema, document: parse(query), contextValue });
    await expect.poll(() => kept).toBeDefined();
    // The cast is safe, because `list` has set it, which the compiler does not see.
    expect(await isCollected(kept as unknown as WeakRef<object>)).toBe(true);
    answer();
    expect((await result).errors).toBeUndefined();
  });
});
