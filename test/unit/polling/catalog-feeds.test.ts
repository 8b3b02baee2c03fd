import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/domain/batch.ts';
import type { Dataset } from '../../../src/domain/dataset.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import type { WatchEvent, WatchOptions } from '../../../src/events/watch.ts';
import { createFeedRegistry, type FeedRegistryOptions } from '../../../src/polling/feed-registry.ts';
import { createMemoryElections } from '../../../src/polling/leader/memory.ts';
import { batchSource } from '../../../src/polling/sources/batches.ts';
import type { CatalogSource } from '../../../src/polling/sources/catalog.ts';
import { datasetSource } from '../../../src/polling/sources/datasets.ts';
import { defaultPolling } from '../../support/default-config.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { uncountedPolls } from '../../support/uncounted-metrics.ts';
import { settle, tenantOf } from './fake-platform.ts';
import { batch, dataset, FakeCatalog } from './sources/fake-catalog.ts';

const silent = { debug: () => undefined, warn: () => undefined };

/** The feed of one kind of Catalog object over a catalog in memory. */
function feedOf<
  Entity extends { readonly id: string; readonly createdAt: Date | null; readonly updatedAt: Date | null },
>(
  source: CatalogSource<Entity>,
  catalog: FakeCatalog<Entity>,
  options: Partial<FeedRegistryOptions<Entity, never, never>> = {},
) {
  const clock = new FakeClock();
  const registry = createFeedRegistry({
    clock,
    logger: silent,
    random: () => 0,
    ...defaultPolling,
    metrics: uncountedPolls,
    ...options,
    source,
  });
  return {
    clock: options.clock ?? clock,
    registry,
    follow: async (asked: Partial<WatchOptions<Entity>> = {}) => {
      const controller = new AbortController();
      const events: WatchEvent<Entity>[] = [];
      const defaults = { ids: null, matches: null, signal: controller.signal };
      const stream = await registry.connect(tenantOf(), catalog.reader).subscribe({ ...defaults, ...asked });
      const follower = { events, completed: false, leave: () => controller.abort() };
      const follow = async () => {
        for await (const event of stream) events.push(event);
        follower.completed = true;
      };
      // The end of the registry ends every stream with an error.
      follow().catch(() => undefined);
      await settle();
      return follower;
    },
    nextRound: async () => {
      await clock.tick();
      await settle();
    },
    [Symbol.asyncDispose]: () => registry.close(),
  };
}

const kinds = (events: readonly WatchEvent<Dataset | Batch>[]) =>
  events.map(({ kind, entity }) => (entity === null ? kind : `${kind} ${entity.id}`));
const manyDatasets = (count: number) =>
  Array.from({ length: count }, (_, index) => dataset(`d${index}`, index * 1_000));

describe('a feed of datasets', () => {
  it('emits creations, changes and removals', async () => {
    const catalog = new FakeCatalog([dataset('a', 1)]);
    await using feed = feedOf(datasetSource, catalog);
    const all = await feed.follow();
    catalog.put(dataset('b', 2));
    await feed.nextRound();
    catalog.put(dataset('a', 1, 'another name'));
    await feed.nextRound();
    catalog.stored.delete('b');
    for (let round = 0; round < 3; round += 1) await feed.nextRound();
    expect(kinds(all.events)).toEqual(['SNAPSHOT a', 'CREATED b', 'CHANGED a', 'REMOVED b']);
  });

  it('follows the 1,000 newest of a large sandbox, and a named older one without a creation', async () => {
    const catalog = new FakeCatalog(manyDatasets(1_500));
    await using feed = feedOf(datasetSource, catalog);
    const all = await feed.follow();
    expect(all.events).toHaveLength(1_000);
    const named = await feed.follow({ ids: ['d0'] });
    expect(kinds(named.events)).toEqual(['SNAPSHOT d0']);
    catalog.put(dataset('d0', 0, 'another name'));
    catalog.put(dataset('d550', 550_000, 'another name'));
    for (let round = 0; round < 12; round += 1) await feed.nextRound();
    expect(kinds(named.events)).toEqual(['SNAPSHOT d0', 'CHANGED d0']);
    expect(kinds(all.events.slice(1_000)).toSorted()).toEqual(['CHANGED d0', 'CHANGED d550']);
  });

  it('emits what was created while only named datasets were read to a subscriber that resumes', async () => {
    const catalog = new FakeCatalog([dataset('a', 1), dataset('b', 2)]);
    await using feed = feedOf(datasetSource, catalog);
    const first = await feed.follow();
    const after = first.events.at(-1)?.cursor;
    await feed.follow({ ids: ['a'] });
    first.leave();
    await feed.nextRound();
    catalog.put(dataset('c', 3));
    catalog.put(dataset('b', 2, 'another name'));
    catalog.calls.length = 0;
    await feed.nextRound();
    expect(catalog.calls).toEqual(['get a']);
    const resumed = await feed.follow({ after });
    await feed.nextRound();
    expect(kinds(resumed.events).toSorted()).toEqual(['CHANGED b', 'CREATED c']);
  });
});

describe('a feed of batches', () => {
  it('completes a subscription when all batches that it names have ended', async () => {
    const catalog = new FakeCatalog([batch('a', 1), batch('b', 2)], ({ status }) => status === 'LOADING');
    await using feed = feedOf(batchSource, catalog);
    const named = await feed.follow({ ids: ['a', 'b'] });
    catalog.put(batch('a', 1, 'SUCCESS', 3));
    await feed.nextRound();
    expect(named.completed).toBe(false);
    catalog.put(batch('b', 2, 'FAILED', 4));
    await feed.nextRound();
    expect(kinds(named.events)).toEqual(['SNAPSHOT a', 'SNAPSHOT b', 'CHANGED a', 'CHANGED b']);
    expect(named.completed).toBe(true);
  });

  it('reports that it cannot cover more than 1,000 running batches', async () => {
    const ended = Array.from({ length: 100 }, (_, index) => batch(`e${index}`, 10_000 + index, 'SUCCESS', 0));
    const running = Array.from({ length: 1_050 }, (_, index) => batch(`r${index}`, index));
    const catalog = new FakeCatalog([...ended, ...running], ({ status }) => status === 'LOADING');
    await using feed = feedOf(batchSource, catalog);
    const all = await feed.follow();
    expect(all.events).toHaveLength(1_001);
    expect(kinds(all.events).at(-1)).toBe('STALE');
  });
});

it('two replicas share the rounds and the events of a feed of datasets', async () => {
  const catalog = new FakeCatalog([dataset('a', 1)]);
  const clock = new FakeClock();
  const elections = createMemoryElections();
  const log = createMemoryEventLog<Dataset>({ key: ({ id }) => id });
  const shared = { clock, elections, createLog: () => log, retentionMs: 0 };
  await using one = feedOf(datasetSource, catalog, shared);
  await using other = feedOf(datasetSource, catalog, shared);
  const followers = [await one.follow(), await other.follow()];
  catalog.calls.length = 0;
  catalog.put(dataset('b', 2));
  await clock.tick();
  await settle();
  expect(catalog.calls).toEqual(['list']);
  for (const { events } of followers) expect(kinds(events)).toEqual(['SNAPSHOT a', 'CREATED b']);
  expect([one.registry.stats().polling, other.registry.stats().polling]).toEqual([1, 0]);
});
