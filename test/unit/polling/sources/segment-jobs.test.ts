import { describe, expect, it } from 'vitest';
import { platformId, type SegmentJobId } from '../../../../src/domain/ids.ts';
import { isTerminalJob } from '../../../../src/domain/job.ts';
import type { SegmentJob, SegmentJobStatus } from '../../../../src/domain/segment-job.ts';
import { ForbiddenError, type GatewayError, PlatformError, RateLimitedError } from '../../../../src/errors.ts';
import { type SegmentJobReader, segmentJobSource } from '../../../../src/polling/sources/segment-jobs.ts';
import { inChunks } from '../../../../src/runtime/in-chunks.ts';
import { readInBulk } from '../../../../src/upstream/apis/bulk-read.ts';

type Round = Awaited<ReturnType<typeof segmentJobSource.read>>;

const job = (id: string, createdAtMs: number, status: SegmentJobStatus = 'SUCCEEDED'): SegmentJob => ({
  id: platformId(id),
  status,
  rawStatus: status,
  source: 'api',
  scheduleId: null,
  segments: [],
  metrics: null,
  errors: [],
  requestId: null,
  createdAt: new Date(createdAtMs),
  updatedAt: new Date(createdAtMs),
  requestedAt: new Date(createdAtMs),
  observedAt: new Date(createdAtMs),
});

/** A job of an unknown status for which the platform reports an end. */
const evaporated = (id: string, createdAtMs: number): SegmentJob => {
  const totalTime = { startedAt: null, endedAt: new Date(createdAtMs), durationMs: null };
  return {
    ...job(id, createdAtMs, 'UNKNOWN'),
    metrics: { totalTime, profileSegmentationTime: null, totalProfiles: null },
  };
};

/** Jobs in memory, listed newest first. Calls are recorded. */
function platformOf(...jobs: readonly SegmentJob[]) {
  const stored = new Map<string, SegmentJob>(jobs.map((each) => [each.id, each]));
  const calls: string[] = [];
  const unreadable = new Set<string>();
  /** Ids because of which the platform rejects a bulk read. */
  const rejected = new Set<string>();
  /** Thrown by every bulk read. */
  const bulk: { failure: GatewayError | null } = { failure: null };
  const unlisted = new Set<string>();
  /** Called with each call before it is answered. */
  const on: { call: (call: string) => void } = { call: () => undefined };
  const reader: SegmentJobReader = {
    proof: null,
    segmentJobs: () => ({
      list: async ({ limit, status, start = 0 }) => {
        const call = ['list', status, start || undefined].filter((part) => part !== undefined).join(' ');
        calls.push(call);
        on.call(call);
        const matching = [...stored.values()]
          .filter((each) => !unlisted.has(each.id) && (status === undefined || each.status === status))
          .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
        const end = start + limit;
        return { jobs: matching.slice(start, end), next: matching.length > end ? end : null, total: null };
      },
      getMany: (all, limits) =>
        readInBulk<SegmentJobId, SegmentJob>(
          inChunks(all, 100),
          async (ids, collector) => {
            calls.push(`bulk-get ${ids.toSorted().join(' ')}`);
            if (bulk.failure !== null) throw bulk.failure;
            if (ids.some((id) => rejected.has(id))) throw new PlatformError({ message: 'invalid id', status: 400 });
            for (const id of ids) {
              const job = stored.get(id);
              if (unreadable.has(id)) collector.fail(id, new PlatformError({ message: 'broken', status: 500 }));
              else if (job !== undefined) collector.found.push(job);
            }
          },
          limits,
        ),
    }),
  };
  return { stored, calls, unreadable, rejected, bulk, unlisted, on, reader };
}

const read = (
  platform: ReturnType<typeof platformOf>,
  options: {
    before?: Round;
    discover?: boolean;
    ids?: readonly string[];
    unread?: readonly string[];
    allowance?: number;
  } = {},
): Promise<Round> => {
  const { before, discover = false, ids, unread = [], allowance = 20 } = options;
  return segmentJobSource.read(platform.reader, {
    known: new Map((before?.read ?? []).map((each) => [each.id, each])),
    scope: { everything: ids === undefined, ids: new Set(ids) },
    discover,
    checkpoint: before?.checkpoint ?? null,
    unread,
    allowance,
    now: new Date(10_000_000),
    signal: new AbortController().signal,
  });
};

/** A full newest page of ended jobs, all younger than time 1,000. */
const fullPage = Array.from({ length: 100 }, (_, index) => job(`page-${index}`, 1_000 + index));
const idsOf = (jobs: readonly SegmentJob[]): string[] => jobs.map(({ id }) => id);

describe('a round of segment jobs', () => {
  it('is one list call when all running jobs are on the newest page', async () => {
    const platform = platformOf(job('a', 1, 'PROCESSING'), job('b', 2));
    const round = await read(platform, { discover: true });
    expect(idsOf(round.read)).toEqual(['a', 'b']);
    await read(platform, { before: round });
    expect(platform.calls).toEqual(['list', 'list']);
  });

  it('searches for older running jobs by status, once', async () => {
    const platform = platformOf(...fullPage, job('old', 5, 'PROCESSING'), job('queued', 6, 'QUEUED'), job('done', 7));
    const round = await read(platform, { discover: true });
    expect(platform.calls).toEqual(['list', 'list NEW', 'list QUEUED', 'list PROCESSING', 'list CANCELLING']);
    expect(idsOf(round.read)).toEqual(expect.arrayContaining(['old', 'queued']));
    expect(idsOf(round.read)).not.toContain('done');
  });

  it('searches a status with several pages until it finds no further job, because ends of jobs shift its rows', async () => {
    const old = Array.from({ length: 150 }, (_, index) => job(`old-${index}`, index, 'PROCESSING'));
    const platform = platformOf(...fullPage, ...old);
    let ends = 0;
    platform.on.call = (call) => {
      if (call !== 'list PROCESSING 100' || ends === 2) return;
      ends += 1;
      platform.stored.set(`old-${150 - ends}`, job(`old-${150 - ends}`, 150 - ends));
    };
    const round = await read(platform, { discover: true });
    expect(idsOf(round.read)).toEqual(expect.arrayContaining(idsOf(old)));
    expect(platform.calls.filter((call) => call === 'list PROCESSING')).toHaveLength(3);
    expect(platform.calls.filter((call) => call === 'list QUEUED')).toHaveLength(1);
  });

  it('reads all running jobs behind the page by one bulk read', async () => {
    const platform = platformOf(...fullPage, job('x', 5, 'PROCESSING'), job('y', 6, 'QUEUED'));
    const before = await read(platform, { discover: true });
    platform.stored.set('x', job('x', 5, 'SUCCEEDED'));
    platform.calls.length = 0;
    const round = await read(platform, { before });
    expect(platform.calls).toEqual(['list', 'bulk-get x y']);
    expect(round.read.find(({ id }) => id === 'x')?.status).toBe('SUCCEEDED');
    expect(round.evicted).toEqual(['x']);
  });

  it('keeps an ended job behind the page that a subscriber names, and no longer reads it', async () => {
    const platform = platformOf(...fullPage, job('x', 5, 'SUCCEEDED'));
    const known = { ...(await read(platform)), read: [...platform.stored.values()] };
    platform.calls.length = 0;
    const round = await read(platform, { before: known, ids: ['x'] });
    expect(platform.calls).toEqual(['list']);
    expect(round.evicted).not.toContain('x');
  });

  it('does not follow an ended job of an unknown status behind the page, and forgets it', async () => {
    const platform = platformOf(...fullPage, evaporated('x', 5), job('y', 6, 'UNKNOWN'));
    const known = { ...(await read(platform)), read: [...platform.stored.values()] };
    platform.calls.length = 0;
    const round = await read(platform, { before: known });
    // The other job may still change.
    expect(platform.calls).toEqual(['list', 'bulk-get y']);
    expect(round.evicted).toEqual(['x']);
  });

  it('checks an ended job of an unknown status that the list omits once', async () => {
    const hidden = evaporated('hidden', 5);
    const platform = platformOf(job('a', 6), hidden);
    const first = await read(platform);
    platform.unlisted.add('hidden');
    const second = await read(platform, { before: first });
    await read(platform, { before: { ...second, read: [hidden] } });
    expect(platform.calls).toEqual(['list', 'list', 'bulk-get hidden', 'list']);
  });

  it('reports a job as absent only when the bulk read does not return it', async () => {
    const platform = platformOf(job('a', 1, 'PROCESSING'), job('b', 2), job('c', 3, 'NEW'));
    const before = await read(platform);
    platform.stored.delete('a');
    platform.stored.delete('b');
    const round = await read(platform, { before });
    expect(round.absent.toSorted()).toEqual(['a', 'b']);
    expect(platform.calls.at(-1)).toBe('bulk-get a b');
  });

  it('reports an unreadable job as failed, neither absent nor changed', async () => {
    const platform = platformOf(...fullPage, job('x', 5, 'PROCESSING'));
    const before = await read(platform, { discover: true });
    platform.unreadable.add('x');
    const round = await read(platform, { before });
    expect(round.absent).toEqual([]);
    expect([...round.failed.keys()]).toEqual(['x']);
    expect(idsOf(round.read)).not.toContain('x');
    expect(round.incomplete).toBeInstanceOf(PlatformError);
  });

  it('reads all other jobs if the platform rejects a bulk read because of one id', async () => {
    const running = Array.from({ length: 20 }, (_, index) => job(`r${index}`, index, 'PROCESSING'));
    const platform = platformOf(...fullPage, ...running);
    const before = await read(platform, { discover: true });
    platform.rejected.add('invented');
    const round = await read(platform, { before, unread: ['invented'], ids: ['invented'] });
    expect([...round.failed.keys()]).toEqual(['invented']);
    expect(round.absent).toEqual([]);
    expect(idsOf(round.read)).toEqual(expect.arrayContaining(running.map(({ id }) => id)));
    expect(round.incomplete).toMatchObject({ code: 'PLATFORM_ERROR' });
    const bounded = await read(platform, { before, unread: ['invented'], ids: ['invented'], allowance: 1 });
    expect(bounded.calls).toMatchObject({ bulkGets: 3 });
    expect(bounded.failed.size).toBeLessThanOrEqual(11);
  });

  it('returns the jobs of the page if no bulk read is possible', async () => {
    const platform = platformOf(...fullPage, job('x', 5, 'PROCESSING'));
    const before = await read(platform, { discover: true });
    platform.bulk.failure = new RateLimitedError({ message: 'too many calls', retryAfterMs: 5_000 });
    const round = await read(platform, { before });
    expect(idsOf(round.read)).toHaveLength(fullPage.length);
    expect([...round.failed.keys()]).toEqual(['x']);
    expect(round.incomplete).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 5_000 });
    platform.bulk.failure = new ForbiddenError({ message: 'no' });
    await expect(read(platform, { before })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('continues behind the newest page when none of its jobs is known', async () => {
    const platform = platformOf(job('a', 1));
    const before = await read(platform);
    for (const each of fullPage) platform.stored.set(each.id, each);
    platform.calls.length = 0;
    const round = await read(platform, { before });
    expect(platform.calls).toEqual(['list', 'list 100']);
    expect([round.read.length, round.truncated]).toEqual([101, false]);
    platform.calls.length = 0;
    await read(platform, { before: round });
    expect(platform.calls).toEqual(['list']);
  });

  it.each([
    { running: 2_000, truncated: false },
    { running: 2_101, truncated: true },
  ])(
    'reports whether $running running jobs are more than a search reads: $truncated',
    async ({ running, truncated }) => {
      const old = Array.from({ length: running }, (_, index) => job(`old-${index}`, 1, 'PROCESSING'));
      const platform = platformOf(...fullPage, ...old);
      const round = await read(platform, { discover: true });
      expect(round.truncated).toBe(truncated);
      expect(round.calls['lists']).toBeLessThanOrEqual(1 + 2 * 23 + 1);
    },
  );

  it('reads the least recently read jobs first, as many as its calls permit', async () => {
    const old = Array.from({ length: 250 }, (_, index) => job(`old-${index}`, 1, 'PROCESSING'));
    const platform = platformOf(...fullPage, ...old);
    let before = await read(platform, { discover: true });
    const seen = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const next = await read(platform, { before, allowance: 1 });
      for (const id of idsOf(next.read)) if (id.startsWith('old-')) seen.add(id);
      before = { ...next, read: before.read };
    }
    expect(seen.size).toBe(250);
  });

  it('reads an unknown id by a bulk read, before all others', async () => {
    const platform = platformOf(...fullPage, job('x', 5, 'SUCCEEDED'));
    const round = await read(platform, { ids: ['x', 'nobody'], unread: ['x', 'nobody'] });
    expect(platform.calls).toEqual(['list', 'bulk-get nobody x']);
    expect([idsOf(round.read).includes('x'), round.absent]).toEqual([true, ['nobody']]);
  });

  it('distinguishes a new job from an older job that was not followed before', async () => {
    const platform = platformOf(...fullPage, job('old', 5));
    const { checkpoint } = await read(platform);
    expect(segmentJobSource.hasAppeared(job('new', 5_000), checkpoint)).toBe(true);
    expect(segmentJobSource.hasAppeared(job('old', 5), checkpoint)).toBe(false);
    expect(segmentJobSource.hasAppeared(job('new', 5_000), null)).toBe(false);
  });

  it('counts its calls', async () => {
    const old = Array.from({ length: 150 }, (_, index) => job(`old-${index}`, 1, 'PROCESSING'));
    const platform = platformOf(...fullPage, ...old);
    const before = await read(platform, { discover: true });
    expect(before.calls).toEqual({ lists: 8, bulkGets: 0 });
    const round = await read(platform, { before });
    expect(round.calls).toEqual({ lists: 1, bulkGets: 2 });
    for (let index = 0; index < 100; index += 1)
      platform.stored.set(`new-${index}`, job(`new-${index}`, 5_000 + index));
    expect((await read(platform, { before: round })).calls).toEqual({ lists: 2, bulkGets: 2 });
  });

  it('stops reading pages when one of the newest jobs is known', async () => {
    const platform = platformOf(...fullPage, job('old', 5));
    const before = await read(platform);
    for (let index = 0; index < 50; index += 1) platform.stored.set(`new-${index}`, job(`new-${index}`, 5_000 + index));
    platform.calls.length = 0;
    await read(platform, { before });
    expect(platform.calls[0]).toBe('list');
    expect(platform.calls.filter((call) => call.startsWith('list'))).toEqual(['list']);
  });

  it('reads to the end of a list without a known job, and no page twice if the platform repeats pages', async () => {
    const platform = platformOf(job('gone', 1));
    const before = await read(platform);
    platform.stored.clear();
    for (let index = 0; index < 350; index += 1)
      platform.stored.set(`new-${index}`, job(`new-${index}`, 5_000 + index));
    platform.calls.length = 0;
    const round = await read(platform, { before });
    expect(platform.calls).toEqual(['list', 'list 100', 'list 200', 'list 300']);
    expect([round.read.length, round.truncated]).toEqual([350, true]);

    const circling = platformOf(job('gone', 1));
    const first = await read(circling);
    const page = Array.from({ length: 100 }, (_, index) => job(`new-${index}`, 5_000 + index));
    let lists = 0;
    const api = {
      list: async () => {
        lists += 1;
        return { jobs: page, next: 100, total: null };
      },
      getMany: async () => ({ found: [], failed: [], calls: 0 }),
    };
    const endless = await segmentJobSource.read(
      { proof: null, segmentJobs: () => api },
      {
        known: new Map(first.read.map((each) => [each.id, each])),
        scope: { everything: true, ids: new Set() },
        discover: false,
        checkpoint: first.checkpoint,
        unread: [],
        allowance: 20,
        now: new Date(10_000_000),
        signal: new AbortController().signal,
      },
    );
    expect([lists, endless.truncated]).toEqual([3, true]);
  });

  it('reports a gap when a lagging replica answers the second page, and knows its jobs as new afterwards', async () => {
    const known = [job('known', 1, 'PROCESSING')];
    const platform = platformOf(...known);
    const before = await read(platform);
    const created = [...Array.from({ length: 30 }, (_, index) => job(`gap-${index}`, 10 + index)), ...fullPage];
    for (const each of created) platform.stored.set(each.id, each);
    platform.on.call = (call) => {
      if (call === 'list 100') for (const { id } of created) platform.stored.delete(id);
    };
    const round = await read(platform, { before });
    expect([round.read.length, round.truncated]).toEqual([101, true]);
    expect(segmentJobSource.hasAppeared(job('gap-0', 10), round.checkpoint)).toBe(true);
  });

  it('reads the named jobs by one bulk read if the list cannot be read, and follows the list again afterwards', async () => {
    const platform = platformOf(job('a', 1, 'PROCESSING'), job('b', 2, 'PROCESSING'), ...fullPage);
    const outage = new PlatformError({ message: 'out of order', status: 500 });
    const fail = (call: string) => {
      if (call === 'list') throw outage;
    };
    platform.on.call = fail;
    const first = await read(platform, { ids: ['a', 'b', 'gone'], unread: ['a', 'b', 'gone'] });
    expect([idsOf(first.read), first.absent, first.incomplete]).toEqual([['a', 'b'], ['gone'], outage]);
    expect(platform.calls).toEqual(['list', 'bulk-get a b gone']);
    platform.on.call = () => undefined;
    platform.calls.length = 0;
    const listed = await read(platform, { ids: ['a', 'b'], before: first });
    // Nothing is known about the list, so that it has no gap.
    expect(platform.calls).toEqual(['list', 'bulk-get a b']);
    expect(segmentJobSource.hasAppeared(job('page-99', 1_099), first.checkpoint)).toBe(false);
    expect(segmentJobSource.hasAppeared(job('new', 5_000), listed.checkpoint)).toBe(true);
  });

  it.each<[string, { failure?: GatewayError; ids?: readonly string[]; bulk?: GatewayError; count?: number }]>([
    ['the whole sandbox is watched', {}],
    ['more jobs run than one call can read', { ids: ['a'], count: 101 }],
    [
      'the platform requests a pause',
      { ids: ['a'], failure: new RateLimitedError({ message: 'slow', retryAfterMs: 1 }) },
    ],
    ['the bulk read fails too', { ids: ['a'], bulk: new PlatformError({ message: 'broken', status: 500 }) }],
  ])('fails if the list cannot be read and %s', async (_, options) => {
    const { failure = new PlatformError({ message: 'out of order', status: 500 }), count = 0 } = options;
    const many = Array.from({ length: count }, (_each, index) => job(`many-${index}`, 5 + index, 'PROCESSING'));
    const platform = platformOf(job('a', 1, 'PROCESSING'), ...many);
    const before = await read(platform, { discover: true });
    platform.on.call = (call) => {
      if (call === 'list') throw failure;
    };
    platform.bulk.failure = options.bulk ?? null;
    const request = { before, ...(options.ids === undefined ? {} : { ids: options.ids }) };
    await expect(read(platform, request)).rejects.toBe(failure);
  });

  it('reports new jobs on several pages, because a lagging replica may omit some of them without a sign', async () => {
    const old = Array.from({ length: 250 }, (_, index) => job(`old-${index}`, 1 + index));
    const platform = platformOf(...old);
    const before = await read(platform);
    expect(before.spansPages).toBe(false);
    const lost = job('lost', 900, 'PROCESSING');
    for (const each of [lost, ...fullPage]) platform.stored.set(each.id, each);
    platform.on.call = (call) => {
      if (call === 'list 100') for (const { id } of [lost, ...fullPage]) platform.stored.delete(id);
    };
    const known = { ...before, read: old };
    const round = await read(platform, { before: known });
    expect([round.truncated, round.spansPages, idsOf(round.read).includes('lost')]).toEqual([false, true, false]);
    platform.on.call = () => undefined;
    for (const each of [lost, ...fullPage]) platform.stored.set(each.id, each);
    const search = await read(platform, { before: { ...round, read: [...old, ...round.read] }, discover: true });
    expect([search.spansPages, idsOf(search.read).includes('lost')]).toEqual([false, true]);
  });

  it('uses the job of a page although another list shows it too', async () => {
    const platform = platformOf(...fullPage.slice(1), job('runs', 2_000, 'PROCESSING'), job('old', 1));
    const list = platform.reader.segmentJobs({ signal: new AbortController().signal }).list;
    const reader: SegmentJobReader = {
      proof: null,
      segmentJobs: (calls) => ({
        ...platform.reader.segmentJobs(calls),
        list: async (options) => {
          if (options.status === 'PROCESSING') return { jobs: [job('runs', 2_000, 'NEW')], next: null, total: null };
          return await list(options);
        },
      }),
    };
    const round = await segmentJobSource.read(reader, {
      known: new Map(),
      scope: { everything: true, ids: new Set() },
      discover: true,
      checkpoint: null,
      unread: [],
      allowance: 20,
      now: new Date(10_000_000),
      signal: new AbortController().signal,
    });
    expect(round.read.filter(({ id }) => id === 'runs')).toMatchObject([{ status: 'PROCESSING' }]);
  });

  it('does not read a named id separately if a page shows it', async () => {
    const platform = platformOf(job('a', 1));
    await read(platform, { unread: ['a'] });
    expect(platform.calls).toEqual(['list']);
  });

  it('reads an ended job that is missing from the page once by its id, and not again while it exists', async () => {
    const platform = platformOf(...fullPage.slice(1), job('hidden', 5_000), job('old', 1));
    const first = await read(platform);
    const list = platform.reader.segmentJobs({ signal: new AbortController().signal }).list;
    const hiding: typeof platform = {
      ...platform,
      reader: {
        proof: null,
        segmentJobs: (calls) => ({
          ...platform.reader.segmentJobs(calls),
          list: async (options) => {
            const { jobs, ...rest } = await list(options);
            return { ...rest, jobs: jobs.filter(({ id }) => id !== 'hidden') };
          },
        }),
      },
    };
    const second = await read(hiding, { before: first, ids: ['hidden'] });
    expect(platform.calls.at(-1)).toBe('bulk-get hidden');
    expect(second.absent).toEqual([]);
    platform.calls.length = 0;
    const third = await read(hiding, { before: { ...second, read: first.read }, ids: ['hidden'] });
    await read(hiding, { before: { ...third, read: first.read }, ids: ['hidden'] });
    expect(platform.calls).toEqual(['list', 'list']);
  });

  it('keeps ended jobs behind the page for at least an hour, if the whole sandbox is watched', async () => {
    const platform = platformOf(...fullPage, job('recent', 500));
    const before = await read(platform);
    const known = { ...before, read: [...before.read, job('recent', 500)] };
    const ask = (options: { ids?: readonly string[] }) => read(platform, { before: known, ...options });
    // The tests read at 10,000 seconds, and jobs end at their creation time.
    expect((await ask({})).evicted).toEqual(['recent']);
    const ended = { ...job('recent', 500), updatedAt: new Date(9_999_000) };
    const kept = { ...before, read: [...before.read, ended] };
    expect((await read(platform, { before: kept })).evicted).toEqual([]);
    expect((await read(platform, { before: kept, ids: ['other'] })).evicted).toEqual(['recent']);
  });

  it('hands over to the next lease holder only data that all replicas share', async () => {
    const old = Array.from({ length: 3 }, (_, index) => job(`old-${index}`, 1, 'PROCESSING'));
    const platform = platformOf(...fullPage, ...old);
    const before = await read(platform, { discover: true });
    const { checkpoint } = await read(platform, { before });
    expect([checkpoint.round, checkpoint.readAt.size]).toEqual([2, 3]);
    expect(segmentJobSource.lasting(checkpoint)).toEqual({ ...checkpoint, round: 0, readAt: new Map() });
  });

  it('sorts jobs newest first', () => {
    const [old, recent] = [job('old', 1), job('recent', 2)];
    expect([old, recent].toSorted(segmentJobSource.newestFirst)).toEqual([recent, old]);
    expect([recent, old].toSorted(segmentJobSource.newestFirst)).toEqual([recent, old]);
  });

  it('determines the same ends as the domain', () => {
    for (const status of ['NEW', 'SUCCEEDED', 'UNKNOWN'] as const) {
      expect(segmentJobSource.isTerminal(job('a', 1, status))).toBe(isTerminalJob({ status, metrics: null }));
    }
  });

  it('never treats another status as newer than a known end', () => {
    const [ended, failed, unknown] = [job('a', 1), job('a', 1, 'FAILED'), evaporated('a', 1)];
    expect([job('a', 1, 'NEW'), unknown, failed].map((next) => segmentJobSource.mayFollow(ended, next))).toEqual([
      false,
      false,
      true,
    ]);
    expect([ended, unknown].map((next) => segmentJobSource.mayFollow(unknown, next))).toEqual([true, true]);
  });
});
