import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../../src/domain/batch.ts';
import type { Dataset } from '../../../../src/domain/dataset.ts';
import { ForbiddenError, RateLimitedError, UpstreamTimeoutError } from '../../../../src/errors.ts';
import { batchObjects, batchSource } from '../../../../src/polling/sources/batches.ts';
import type { CatalogCheckpoint, CatalogSource } from '../../../../src/polling/sources/catalog.ts';
import { datasetObjects, datasetSource } from '../../../../src/polling/sources/datasets.ts';
import type { RoundRequest } from '../../../../src/polling/sources/source.ts';
import { catalogPage } from '../../../../src/upstream/apis/catalog-page.ts';
import { batch, dataset, FakeCatalog } from './fake-catalog.ts';

const minute = 60_000;
const everything = { everything: true, ids: new Set<string>() };
const only = (...ids: readonly string[]) => ({ everything: false, ids: new Set(ids) });

type Overrides<Entity> = Partial<RoundRequest<Entity, CatalogCheckpoint>>;

/** Makes one round over a catalog, and returns its result with its calls. */
const roundOf =
  <Entity extends { readonly id: string; readonly createdAt: Date | null; readonly updatedAt: Date | null }>(
    source: CatalogSource<Entity>,
  ) =>
  async (catalog: FakeCatalog<Entity>, known: readonly Entity[], overrides: Overrides<Entity> = {}) => {
    catalog.calls.length = 0;
    const result = await source.read(catalog.reader, {
      known: new Map(known.map((one) => [one.id, one])),
      scope: everything,
      discover: false,
      checkpoint: null,
      unread: [],
      allowance: 1,
      now: new Date(0),
      signal: new AbortController().signal,
      ...overrides,
    });
    return { ...result, requests: [...catalog.calls] };
  };
const datasetRound = roundOf(datasetSource);
const batchRound = roundOf(batchSource);

const idsOf = (entities: readonly { readonly id: string }[]) => entities.map(({ id }) => id);
/** Datasets `d0` (oldest) to the newest, one per second. */
const manyDatasets = (count: number): Dataset[] =>
  Array.from({ length: count }, (_, index) => dataset(`d${index}`, index * 1_000));
const running = ({ status }: Batch) => status === 'LOADING';

describe('a round of Catalog objects that are all named', () => {
  it('reads them with one call per 100 ids, and does not read the list', async () => {
    const all = manyDatasets(250);
    const catalog = new FakeCatalog(all);
    const named = idsOf(all.slice(0, 150));
    const { requests, read, calls } = await datasetRound(catalog, [], { scope: only(...named), unread: named });
    expect(requests.toSorted()).toEqual(['get 100', 'get 50']);
    expect(calls).toEqual({ lists: 0, bulkGets: 2 });
    expect(idsOf(read)).toEqual(named);
  });

  it('reads known ones even without an allowance, and does not read ended batches', async () => {
    const catalog = new FakeCatalog([batch('a', 1), batch('b', 2, 'SUCCESS', 2)], running);
    const known = [...catalog.stored.values()];
    const { requests } = await batchRound(catalog, known, { scope: only('a', 'b'), allowance: 0 });
    expect(requests).toEqual(['get a']);
  });

  it('remembers others without reading them, and reports which of them run', async () => {
    const known = [batch('named', 5), batch('running', 4), batch('ended', 3, 'SUCCESS', 3)];
    const catalog = new FakeCatalog(known, running);
    const checkpoint = { ...(await batchRound(catalog, known)).checkpoint };
    const { requests, evicted, unfollowed } = await batchRound(catalog, known, { scope: only('named'), checkpoint });
    expect({ requests, evicted, unfollowed }).toEqual({
      requests: ['get named'],
      evicted: [],
      unfollowed: ['running'],
    });
    const unlisted = await batchRound(catalog, known, { scope: only('named') });
    expect(unlisted.evicted).toEqual(['ended']);
  });

  it('remembers at most the 1,000 newest others', async () => {
    const known = manyDatasets(1_102);
    const { evicted, unfollowed } = await datasetRound(new FakeCatalog(known), known, { scope: only('d0', 'd1') });
    expect(unfollowed).toHaveLength(1_000);
    expect(evicted).toHaveLength(100);
    expect(evicted).toContain('d2');
  });
});

describe('a round of all Catalog objects', () => {
  it('reads the newest page, and by id the least recently read of the objects behind it', async () => {
    const all = manyDatasets(400);
    const catalog = new FakeCatalog(all);
    const first = await datasetRound(catalog, all, { allowance: 2 });
    expect(first.requests).toEqual(['list', 'get 100', 'get 100']);
    const second = await datasetRound(catalog, all, { allowance: 1, checkpoint: first.checkpoint });
    const seen = new Set([...idsOf(first.read), ...idsOf(second.read)]);
    expect(seen.size).toBe(400);
    expect((await datasetRound(catalog, all, { allowance: 0, checkpoint: first.checkpoint })).requests).toEqual([
      'list',
    ]);
  });

  it('reports an object that the list no longer shows as absent only if a read by id does not find it', async () => {
    const known = [dataset('deleted', 3), dataset('hidden', 2), dataset('listed', 1)];
    const catalog = new FakeCatalog(known.slice(1));
    catalog.unlisted.add('hidden');
    const { absent, requests, read } = await datasetRound(catalog, known);
    expect({ absent, requests }).toEqual({ absent: ['deleted'], requests: ['list', 'get deleted hidden'] });
    expect(idsOf(read)).toEqual(['listed', 'hidden']);
  });

  it('reads an ended batch that the list omits once', async () => {
    const known = [batch('hidden', 2, 'SUCCESS', 2), batch('listed', 1, 'SUCCESS', 1)];
    const catalog = new FakeCatalog(known, running);
    catalog.unlisted.add('hidden');
    const { requests, checkpoint } = await batchRound(catalog, known);
    expect(requests).toEqual(['list', 'get hidden']);
    expect((await batchRound(catalog, known, { checkpoint })).requests).toEqual(['list']);
  });

  it('finds the 1,000 newest datasets in a search, and more is not an incomplete list', async () => {
    const catalog = new FakeCatalog(manyDatasets(1_500));
    const { requests, read, truncated } = await datasetRound(catalog, [], { discover: true });
    expect(requests).toEqual(['list', ...Array.from({ length: 10 }, (_, index) => `list ${(index + 1) * 90}`)]);
    expect(read).toHaveLength(1_000);
    expect(truncated).toBe(false);
  });

  it('continues behind unusable rows, and reads a known object by id that may be one of them', async () => {
    const all = manyDatasets(350);
    const catalog = new FakeCatalog(all);
    const bad = new Set(['d349', 'd262', 'd261', 'd260', 'd251', 'd200', 'd3']);
    for (const id of bad) catalog.spoiled.add(id);
    const { requests, read, truncated } = await datasetRound(catalog, all.slice(349), { discover: true });
    expect(requests).toEqual(['list', 'list 90', 'list 180', 'list 270', 'get d349']);
    expect(new Set(idsOf(read))).toEqual(new Set(idsOf(all).filter((id) => id === 'd349' || !bad.has(id))));
    expect(truncated).toBe(false);
  });

  it('finds the running batches in a search by status, and reports that there are too many', async () => {
    const ended = Array.from({ length: 150 }, (_, index) => batch(`e${index}`, 10_000 + index, 'SUCCESS', 0));
    const few = new FakeCatalog([...ended, batch('old', 1)], running);
    const found = await batchRound(few, [], { discover: true });
    expect(found.requests).toEqual(['list', 'running']);
    expect(idsOf(found.read)).toContain('old');
    expect(found.truncated).toBe(false);
    const many = new FakeCatalog(
      [...ended, ...Array.from({ length: 1_001 }, (_, index) => batch(`r${index}`, index))],
      running,
    );
    expect((await batchRound(many, [], { discover: true })).truncated).toBe(true);
  });

  it.each([
    { gone: 1, requests: ['list', 'list 90', 'list 180', 'list 270'] },
    { gone: 60, requests: ['list', 'list 90', 'list 180', 'list 90', 'list 180', 'list 270'] },
    { gone: 150, requests: ['list', 'list 90', 'list 180', 'list 90', 'list', 'list 90', 'list 180'] },
  ])('omits no dataset of a search when $gone are removed while it reads', async ({ gone, requests }) => {
    const all = manyDatasets(350);
    const catalog = new FakeCatalog(all);
    catalog.beforeList = () => {
      if (catalog.calls.length !== 3) return;
      for (const { id } of all.toReversed().slice(0, gone)) catalog.stored.delete(id);
    };
    const round = await datasetRound(catalog, [], { discover: true });
    expect(idsOf(round.read)).toEqual(expect.arrayContaining([...catalog.stored.keys()]));
    expect(round.requests).toEqual(requests);
  });

  it('omits no running batch of a search when batches end while it reads', async () => {
    const ended = Array.from({ length: 100 }, (_, index) => batch(`e${index}`, 10_000 + index, 'SUCCESS', 0));
    const all = Array.from({ length: 250 }, (_, index) => batch(`r${index}`, index));
    const catalog = new FakeCatalog([...ended, ...all], running);
    catalog.beforeList = () => {
      if (catalog.calls.length !== 3) return;
      for (const { id } of all.slice(-30)) catalog.put(batch(id, 0, 'SUCCESS', 1));
    };
    const { read } = await batchRound(catalog, [], { discover: true });
    expect(idsOf(read)).toEqual(expect.arrayContaining(idsOf(all)));
  });

  it.each([
    { lags: 1, truncated: false },
    { lags: 99, truncated: true },
  ])('notices $lags pages of a lagging replica: truncated is $truncated', async ({ lags, truncated }) => {
    const all = manyDatasets(180);
    const known = all.slice(0, 50);
    const { checkpoint } = await datasetRound(new FakeCatalog(known), known);
    const catalog = new FakeCatalog(all);
    catalog.beforeList = () => {
      const isLagging = catalog.calls.length > 1 && catalog.calls.length <= 1 + lags;
      catalog.stored.clear();
      for (const one of isLagging ? known : all) catalog.put(one);
    };
    const round = await datasetRound(catalog, known, { checkpoint });
    expect(round.truncated).toBe(truncated);
    if (!truncated) expect(idsOf(round.read)).toEqual(expect.arrayContaining(idsOf(all.slice(50))));
    // Objects of the gap are new when a later round finds them.
    else expect(datasetSource.hasAppeared(dataset('d60', 60_000), round.checkpoint)).toBe(true);
  });

  it('ends a search although each page shows other objects', async () => {
    const catalog = new FakeCatalog(manyDatasets(350));
    let made = 0;
    catalog.beforeList = () => {
      catalog.stored.clear();
      for (let count = 0; count < 2_000; count += 1) {
        made += 1;
        catalog.put(dataset(`other ${made}`, made));
      }
    };
    const { calls } = await datasetRound(catalog, [], { discover: true });
    expect(calls['lists']).toBeLessThanOrEqual(31);
  });

  it('does not search if the newest page is the end of the list', async () => {
    const catalog = new FakeCatalog([batch('a', 1)], running);
    expect((await batchRound(catalog, [], { discover: true })).requests).toEqual(['list']);
  });

  it('reads pages until one shows a known object, if the newest page shows none', async () => {
    const all = manyDatasets(350);
    const known = all.slice(0, 150);
    const { checkpoint } = await datasetRound(new FakeCatalog(known), known);
    const catalog = new FakeCatalog(all);
    const { requests, read } = await datasetRound(catalog, known, { checkpoint, allowance: 0 });
    expect(requests).toEqual(['list', 'list 90', 'list 180']);
    expect(read).toHaveLength(280);
    const gone = await datasetRound(new FakeCatalog(manyDatasets(1_400).slice(200)), known, {
      checkpoint,
      allowance: 0,
    });
    expect(gone.truncated).toBe(true);
  });

  it('evicts ended batches that are too old for new subscribers, and running ones behind the newest 1,000', async () => {
    const now = new Date(48 * 60 * minute);
    const newest = Array.from({ length: 100 }, (_, index) => batch(`n${index}`, now.getTime() + index, 'SUCCESS', 0));
    const recent = batch('recent', 1, 'SUCCESS', now.getTime() - minute);
    const old = batch('old', 2, 'SUCCESS', 3);
    const others = Array.from({ length: 1_001 }, (_, index) => batch(`r${index}`, 10 + index));
    const known = [...newest, recent, old, ...others];
    const catalog = new FakeCatalog(known, running);
    const { evicted, unfollowed } = await batchRound(catalog, known, { now, allowance: 0 });
    expect(evicted.toSorted()).toEqual(['old', 'r0']);
    expect(unfollowed).toEqual([]);
    const named = await batchRound(catalog, known, {
      now,
      allowance: 0,
      scope: { everything: true, ids: new Set(['old', 'r0']) },
    });
    expect(named.evicted).toEqual([]);
  });

  it('counts an unknown object as created if it is newer than the last object on the last newest page', async () => {
    const all = manyDatasets(150);
    const { checkpoint } = await datasetRound(new FakeCatalog(all), all);
    expect(datasetSource.hasAppeared(dataset('new', 51_000), checkpoint)).toBe(true);
    expect(datasetSource.hasAppeared(dataset('old', 49_000), checkpoint)).toBe(false);
    expect(datasetSource.hasAppeared(dataset('undated', null), checkpoint)).toBe(false);
    expect(datasetSource.hasAppeared(dataset('new', 51_000), null)).toBe(false);
    const named = await datasetRound(new FakeCatalog(all), [], { scope: only('d1'), unread: ['d1'] });
    expect(datasetSource.hasAppeared(dataset('new', 51_000), named.checkpoint)).toBe(false);
    const kept = await datasetRound(new FakeCatalog(all), all, { scope: only('d1'), checkpoint });
    expect(datasetSource.hasAppeared(dataset('new', 51_000), kept.checkpoint)).toBe(true);
  });
});

describe('a failed read of Catalog objects', () => {
  it('concerns only the object that causes it, as far as the allowance permits', async () => {
    const all = manyDatasets(40);
    const catalog = new FakeCatalog(all);
    catalog.broken.add('d7');
    const named = { scope: only(...idsOf(all)), unread: idsOf(all) };
    const { failed, read, incomplete } = await datasetRound(catalog, [], { ...named, allowance: 20 });
    expect([...failed.keys()]).toEqual(['d7']);
    expect(read).toHaveLength(39);
    expect(incomplete).toMatchObject({ code: 'PLATFORM_ERROR' });
    const bounded = await datasetRound(catalog, [], { ...named, allowance: 1 });
    expect(bounded.requests).toHaveLength(3);
    expect(bounded.calls).toEqual({ lists: 0, bulkGets: 3 });
    expect(bounded.failed.size).toBe(20);
  });

  it('concerns only the object that Catalog returns as an error, even if it is a rejection', async () => {
    const catalog = new FakeCatalog([dataset('a', 1), dataset('b', 2)]);
    catalog.unreadable.set('b', new ForbiddenError({ message: 'not this one' }));
    const named = ['a', 'b', 'missing'];
    const round = await datasetRound(catalog, [], { scope: only(...named), unread: named });
    expect(idsOf(round.read)).toEqual(['a']);
    expect([...round.failed.keys()]).toEqual(['b']);
    expect(round.absent).toEqual(['missing']);
    expect(round.incomplete).toMatchObject({ code: 'FORBIDDEN' });
    expect(round.requests).toEqual(['get a b missing']);
  });

  it('fails the round if nothing else was read, and otherwise only delays the next one', async () => {
    const catalog = new FakeCatalog([dataset('a', 1)]);
    catalog.failure = new RateLimitedError({ message: 'too many calls', retryAfterMs: 5_000 });
    const named = { scope: only('a'), unread: ['a'] };
    await expect(datasetRound(catalog, [], named)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    const { failed, incomplete } = await datasetRound(catalog, [], { unread: ['missing'] });
    expect([...failed.keys()]).toEqual(['missing']);
    expect(incomplete).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 5_000 });
  });

  it('is not repeated in halves if it does not concern one object', async () => {
    const catalog = new FakeCatalog(manyDatasets(3));
    catalog.failure = new UpstreamTimeoutError({ message: 'late' });
    const { requests } = await datasetRound(catalog, [], { unread: ['x', 'y'], allowance: 5 });
    expect(requests).toEqual(['list', 'get x y']);
  });

  it('fails the round with a rejected credential, so that another subscriber reads', async () => {
    const catalog = new FakeCatalog([dataset('a', 1)]);
    catalog.failure = new ForbiddenError({ message: 'no' });
    await expect(datasetRound(catalog, [], { unread: ['x'] })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('a batch', () => {
  it('that has ended does not run again, and keeps a known outcome', () => {
    const ended = batch('a', 1, 'SUCCESS', 2);
    const follows = (next: Batch) => batchSource.mayFollow(ended, next);
    expect(follows(batch('a', 1, 'LOADING'))).toBe(false);
    expect(follows(batch('a', 1, 'UNKNOWN', 2))).toBe(false);
    expect(follows(batch('a', 1, 'DELETED', 2))).toBe(true);
    expect(batchSource.mayFollow(batch('a', 1), ended)).toBe(true);
    expect(batchSource.endedAt(ended)).toEqual(new Date(2));
    expect(batchSource.endedAt(batch('a', 1))).toBeNull();
  });

  it('is searched for by all statuses that are not terminal', async () => {
    const lists: object[] = [];
    const api = {
      list: async (options: object) => {
        lists.push(options);
        return catalogPage([]);
      },
      getMany: async () => ({ found: [], failed: [], calls: 0 }),
    };
    await batchObjects(api).listRunning?.({ start: 100, limit: 100 });
    expect(lists).toEqual([
      {
        start: 100,
        limit: 100,
        statuses: ['LOADING', 'LOADED', 'QUEUED', 'PROCESSING', 'STAGING', 'STAGED', 'RETRYING', 'STALLED'],
      },
    ]);
  });
});

it.each([
  ['datasets', datasetObjects],
  ['batches', batchObjects],
] as const)('a read of %s by id passes on the limits of the round', async (_, objects) => {
  const reads: unknown[] = [];
  const getMany = async (...args: unknown[]) => {
    reads.push(args);
    return { found: [], failed: [], calls: 1 };
  };
  await objects({ list: async () => catalogPage([]), getMany }).getMany(['a', 'b'], { maxSplits: 3 });
  expect(reads).toEqual([[['a', 'b'], { maxSplits: 3 }]]);
});

it('the checkpoint for other replicas does not contain the order of reads', async () => {
  const all = manyDatasets(150);
  const { checkpoint } = await datasetRound(new FakeCatalog(all), all);
  expect(checkpoint.readAt.size).toBe(50);
  expect(datasetSource.lasting(checkpoint)).toEqual({ ...checkpoint, round: 0, readAt: new Map() });
});
