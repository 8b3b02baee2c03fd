import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../../src/domain/export-job.ts';
import { platformId } from '../../../../src/domain/ids.ts';
import { ForbiddenError, type GatewayError, PlatformError, RateLimitedError } from '../../../../src/errors.ts';
import { type ExportJobCheckpoint, noRotation } from '../../../../src/polling/sources/export-job-plan.ts';
import { exportJobSource } from '../../../../src/polling/sources/export-jobs.ts';
import type { RoundCalls, RoundResult } from '../../../../src/polling/sources/source.ts';
import { exportJob, FakePlatform } from '../fake-platform.ts';

type Result = RoundResult<ExportJob, ExportJobCheckpoint>;

/** Consecutive rounds, each with the state that the last one left, as in a feed. */
class Rounds {
  readonly platform = new FakePlatform();
  known: ReadonlyMap<string, ExportJob> = new Map();
  checkpoint: ExportJobCheckpoint | null = null;
  allowance = 20;
  unread: readonly string[] = [];

  async read(ids: readonly string[] | null = null, discover = false): Promise<Result> {
    const { signal } = new AbortController();
    const scope = { everything: ids === null, ids: new Set(ids) };
    const { known, checkpoint, allowance, unread } = this;
    this.platform.calls.length = 0;
    const request = { known, scope, discover, checkpoint, allowance, unread, now: this.platform.clock.now(), signal };
    const result = await exportJobSource.read(this.platform.reader(), request);
    const next = new Map(known);
    for (const job of result.read) next.set(job.id, job);
    for (const id of [...result.absent, ...result.evicted]) next.delete(id);
    this.known = next;
    this.checkpoint = result.checkpoint;
    return result;
  }

  get gets(): readonly (string | undefined)[] {
    return this.platform.calls.filter(({ kind }) => kind === 'get').map(({ id }) => id);
  }
}

const many = (name: string, count: number, fromMs: number, status: ExportJob['status']) =>
  Array.from({ length: count }, (_, index) => exportJob(`${name}-${index}`, fromMs + index, status));
const ids = (jobs: readonly ExportJob[]) => jobs.map(({ id }) => id);
/** A job of an unknown status for which the platform reports an end. */
const evaporated = (id: string, createdAtMs: number): ExportJob => {
  const totalTime = { startedAt: null, endedAt: new Date(createdAtMs), durationMs: null };
  return exportJob(id, createdAtMs, 'UNKNOWN', { metrics: { ...exportJob(id, 0).metrics, totalTime } });
};

describe('a round over export jobs', () => {
  it('reads one page of a long list when no older job is watched', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('ended', 500, 10, 'SUCCEEDED'));
    const { calls, read } = await rounds.read();
    expect(calls).toEqual({ pages: 1, gets: 0 });
    expect(read).toHaveLength(100);
  });

  it('uses only running jobs of deep pages, and searches at least the newest thousand jobs', async () => {
    const rounds = new Rounds();
    rounds.platform.put(
      exportJob('beyond', 1),
      exportJob('running', 5_500),
      ...many('ended', 3_000, 5_000, 'SUCCEEDED').filter(({ id }) => id !== 'ended-500'),
    );
    const { calls, read } = await rounds.read(null, true);
    expect(calls).toEqual({ pages: 2, gets: 0 });
    expect(read).toHaveLength(100);
    rounds.platform.put(exportJob('running', 7_500), evaporated('odd', 7_501));
    const again = await rounds.read(null, true);
    expect(again.calls).toEqual({ pages: 3, gets: 0 });
    expect(ids(again.read)).toContain('running');
    expect(ids(again.read)).not.toContain('odd');
  });

  it('continues the search while pages show running jobs, up to a limit that it reports', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 19_100, 1, 'PROCESSING'));
    const all = await rounds.read(null, true);
    expect([all.calls, all.truncated, all.read.length]).toEqual([{ pages: 20, gets: 0 }, false, 19_100]);
    rounds.platform.put(exportJob('one more', 0));
    const more = await rounds.read(null, true);
    expect([more.calls['pages'], more.truncated]).toEqual([20, true]);
  });

  it('stops at the end of the list', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('ended', 250, 10, 'SUCCEEDED'));
    expect((await rounds.read(null, true)).calls).toEqual({ pages: 2, gets: 0 });
  });

  it('reads smaller pages if the platform rejects large ones', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 350, 1, 'PROCESSING'));
    const error = new PlatformError({ message: 'limit', status: 400 });
    rounds.platform.failure = ({ kind, limit }) => (kind === 'list' && limit !== 100 ? error : null);
    const { read, calls } = await rounds.read(null, true);
    expect([read.length, calls['pages']]).toEqual([350, 5]);
    expect((await rounds.read(null, true)).calls['pages']).toBe(4);
  });

  it('follows ten thousand running jobs by a sweep over deep pages, within its allowance', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 10_000, 1, 'PROCESSING'));
    await rounds.read(null, true);
    rounds.allowance = 1;
    const seen = new Set<string>();
    for (let round = 0; round < 10; round += 1) {
      const { calls, read } = await rounds.read();
      expect(calls).toEqual({ pages: 2, gets: 0 });
      for (const { id } of read) seen.add(id);
    }
    expect(seen.size).toBe(10_000);
  });

  it('detects in a sweep that a job is missing from the list', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 1_500, 1, 'PROCESSING'));
    await rounds.read(null, true);
    rounds.platform.delete('running-700');
    rounds.allowance = 3;
    expect((await rounds.read()).absent).toEqual(['running-700']);
  });

  it('reads jobs by id, in turn, if that takes fewer calls than a sweep', async () => {
    const rounds = new Rounds();
    const running = many('running', 8, 1, 'PROCESSING');
    rounds.platform.put(...running, ...many('ended', 12_000, 100, 'SUCCEEDED'));
    rounds.known = new Map(running.map((job) => [job.id, job]));
    // The first sweep determines its number of pages.
    expect((await rounds.read()).calls).toEqual({ pages: 13, gets: 0 });
    const asked: (string | undefined)[] = [];
    for (let round = 0; round < 3; round += 1) {
      expect((await rounds.read()).calls).toEqual({ pages: 1, gets: 5 });
      asked.push(...rounds.gets);
    }
    expect(asked.slice(0, 8).toSorted()).toEqual(ids(running).toSorted());
    expect(new Set(asked.slice(5, 13)).size).toBe(8);
  });

  it.each([0, 1, 4, 9])(
    'reads no more followed jobs by id than %i calls and the limit of five permit',
    async (allowance) => {
      const rounds = new Rounds();
      const running = many('running', 7, 1, 'PROCESSING');
      rounds.platform.put(...running, ...many('ended', 150, 100, 'SUCCEEDED'));
      rounds.known = new Map(running.map((job) => [job.id, job]));
      rounds.checkpoint = (await rounds.read()).checkpoint;
      // A sweep would take more calls than reading them by id.
      rounds.checkpoint = { ...rounds.checkpoint, rotation: { ...rounds.checkpoint.rotation, pagesPerSweep: 7 } };
      rounds.allowance = allowance;
      expect((await rounds.read()).calls).toEqual({ pages: 1, gets: Math.min(5, allowance) });
    },
  );

  it('reads unread ids by id, or finds many of them on one deep page', async () => {
    const rounds = new Rounds();
    const old = many('old', 25, 1, 'FAILED');
    rounds.platform.put(...old, ...many('ended', 150, 100, 'SUCCEEDED'));
    rounds.unread = [...ids(old.slice(0, 20)), 'nobody'].slice(1);
    const few = await rounds.read(rounds.unread);
    expect([few.calls, few.absent]).toEqual([{ pages: 1, gets: 20 }, ['nobody']]);
    rounds.unread = ids(old);
    const manyIds = await rounds.read(rounds.unread);
    expect(manyIds.calls).toEqual({ pages: 2, gets: 0 });
    expect(ids(manyIds.read)).toEqual(expect.arrayContaining(ids(old)));
  });

  it('forgets ended jobs that fell off the newest page, unless a subscriber names them', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('ended', 100, 10, 'SUCCEEDED'));
    await rounds.read(['ended-1']);
    expect(rounds.known.size).toBe(100);
    rounds.platform.put(...many('new', 100, 1_000, 'SUCCEEDED'));
    await rounds.read(['ended-1']);
    await rounds.read(['ended-1']);
    expect(rounds.known.size).toBe(101);
    expect(rounds.gets).toEqual([]);
    await rounds.read(['other']);
    expect(rounds.known.size).toBe(100);
  });

  it('checks an ended job that the list omits once, and does not treat it as new when it is back', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('hidden', 10, 'FAILED'), exportJob('other', 11, 'FAILED'));
    await rounds.read();
    rounds.platform.unlisted.add('hidden');
    const { absent } = await rounds.read();
    expect([rounds.gets, absent]).toEqual([['hidden'], []]);
    await rounds.read();
    await rounds.read();
    expect(rounds.gets).toEqual([]);
    expect(rounds.known.has('hidden')).toBe(true);
  });

  it('checks an ended job of an unknown status that the list omits once', async () => {
    const rounds = new Rounds();
    rounds.platform.put(evaporated('hidden', 10), exportJob('other', 11, 'FAILED'));
    await rounds.read();
    rounds.platform.unlisted.add('hidden');
    await rounds.read();
    expect(rounds.gets).toEqual(['hidden']);
    await rounds.read();
    expect(rounds.gets).toEqual([]);
  });

  it('reports absent jobs', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('a', 10), exportJob('b', 11, 'FAILED'), exportJob('c', 12));
    await rounds.read();
    rounds.platform.delete('a');
    rounds.platform.delete('b');
    expect((await rounds.read()).absent).toEqual(['a', 'b']);
  });

  it('keeps the jobs of the list when reads by id are rejected, and reports the failure', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('a', 1), exportJob('b', 2), ...many('ended', 150, 10, 'SUCCEEDED'));
    rounds.known = new Map(rounds.platform.jobs.slice(0, 2).map((job) => [job.id, job]));
    const error = new RateLimitedError({ message: 'slow down' });
    rounds.platform.failure = ({ kind }) => (kind === 'get' ? error : null);
    const result = await rounds.read();
    expect(result.incomplete).toBe(error);
    expect([...result.failed.keys()]).toEqual(['a', 'b']);
    expect(result.calls).toEqual({ pages: 1, gets: 1 });
    expect(result.read).toHaveLength(100);
  });

  it('reads the other jobs by id after a 403, which may concern one job', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('a', 1), exportJob('b', 2), ...many('ended', 150, 10, 'SUCCEEDED'));
    rounds.unread = ['a', 'b'];
    await rounds.read(['a', 'b']);
    rounds.unread = [];
    const forbidden = new ForbiddenError({ message: 'not this one' });
    rounds.platform.failure = ({ id }) => (id === 'a' ? forbidden : null);
    const result = await rounds.read(['a', 'b']);
    expect([...result.failed]).toEqual([['a', forbidden]]);
    expect(ids(result.read)).toContain('b');
  });

  it('fails if a page is rejected for another reason than its size, or although it is small', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 350, 1, 'PROCESSING'));
    const outage = new PlatformError({ message: 'out of order', status: 500 });
    rounds.platform.failure = ({ limit }) => (limit === 100 ? null : outage);
    await expect(rounds.read(null, true)).rejects.toBe(outage);
    expect(rounds.platform.calls).toHaveLength(2);
    const slowly = new RateLimitedError({ message: 'slow down' });
    rounds.platform.failure = ({ limit }) => (limit === 100 ? null : slowly);
    await expect(rounds.read(null, true)).rejects.toBe(slowly);
    expect(rounds.platform.calls).toHaveLength(2);
    const rejected = new PlatformError({ message: 'limit', status: 400 });
    rounds.platform.failure = ({ cursor }) => (cursor === undefined ? null : rejected);
    await expect(rounds.read(null, true)).rejects.toBe(rejected);
    expect(rounds.platform.calls.map(({ limit }) => limit)).toEqual([100, 1_000, 100]);
  });

  it('reads few named jobs by id if the list cannot be read, and follows the list again afterwards', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('a', 1), exportJob('b', 2), ...many('ended', 150, 10, 'SUCCEEDED'));
    const outage = new PlatformError({ message: 'out of order', status: 500 });
    rounds.platform.failure = ({ kind }) => (kind === 'list' ? outage : null);
    rounds.unread = ['a', 'b', 'gone'];
    const first = await rounds.read(['a', 'b', 'gone']);
    expect([ids(first.read), first.absent, first.incomplete]).toEqual([['a', 'b'], ['gone'], outage]);
    expect(first.calls).toEqual({ pages: 1, gets: 3 });
    rounds.unread = [];
    rounds.platform.set('b', 'SUCCEEDED');
    const second = await rounds.read(['b']);
    expect([ids(second.read), second.unfollowed]).toEqual([['b'], ['a']]);
    rounds.platform.failure = () => null;
    const listed = await rounds.read(['a']);
    expect(listed.calls).toEqual({ pages: 1, gets: 1 });
    expect(exportJobSource.hasAppeared(exportJob('ended-149', 159), second.checkpoint)).toBe(false);
    expect(exportJobSource.hasAppeared(exportJob('new', 500), listed.checkpoint)).toBe(true);
  });

  it.each<
    [string, { failure?: GatewayError; ids?: readonly string[] | null; gets?: boolean; allowance?: number }, number]
  >([
    ['the whole sandbox is watched', { ids: null }, 0],
    ['no named job runs', { ids: ['ended'] }, 0],
    ['too many jobs are named', { ids: ['a', 'b', 'c', 'd', 'e', 'f'] }, 0],
    ['the calls of the round do not suffice', { allowance: 1 }, 0],
    ['the platform requests a pause', { failure: new RateLimitedError({ message: 'slow down' }) }, 0],
    ['the credential is rejected', { failure: new ForbiddenError({ message: 'no' }) }, 0],
    ['a named job cannot be read either', { gets: false }, 1],
  ])('fails if the list cannot be read and %s', async (_, options, gets) => {
    const { failure = new PlatformError({ message: 'out of order', status: 500 }) } = options;
    const rounds = new Rounds();
    rounds.platform.put(
      ...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => exportJob(id, 1)),
      exportJob('ended', 1, 'FAILED'),
    );
    const { ids: named = ['a', 'b'] } = options;
    await rounds.read(named);
    rounds.allowance = options.allowance ?? 20;
    const broken = new PlatformError({ message: 'broken', status: 500 });
    rounds.platform.failure = ({ kind }) => (kind === 'list' ? failure : options.gets === false ? broken : null);
    await expect(rounds.read(named)).rejects.toBe(failure);
    expect(rounds.gets).toHaveLength(gets);
  });

  it('fails if a job cannot be read because of a defect', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('a', 1));
    rounds.unread = ['other'];
    const defect = new TypeError('a defect');
    rounds.platform.through = (call) => (rounds.platform.calls.length === 0 ? call() : Promise.reject(defect));
    await expect(rounds.read(['other'])).rejects.toBe(defect);
  });

  it('searches exactly a thousand jobs if none of them runs', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('ended', 3_000, 1, 'SUCCEEDED'));
    const rejected = new PlatformError({ message: 'limit', status: 400 });
    rounds.platform.failure = ({ limit }) => (limit === 100 ? null : rejected);
    await rounds.read(null, true);
    expect(rounds.platform.calls.filter(({ limit }) => limit === 100)).toHaveLength(10);
  });

  it('reads one deep page instead of the whole list for many ids that the platform does not have', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('ended', 3_000, 1, 'SUCCEEDED'));
    rounds.unread = Array.from({ length: 25 }, (_, index) => `nobody-${index}`);
    const { calls, absent } = await rounds.read(rounds.unread);
    expect([calls, absent.length]).toEqual([{ pages: 2, gets: 25 }, 25]);
  });

  it('alternates between a missing job and a sweep if it has only one call', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 3_000, 1, 'PROCESSING'), exportJob('hidden', 2_999_999));
    await rounds.read(null, true);
    rounds.platform.unlisted.add('hidden');
    rounds.allowance = 1;
    const made: unknown[] = [];
    for (let round = 0; round < 4; round += 1) made.push((await rounds.read()).calls);
    expect(made.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toEqual([
      { pages: 1, gets: 1 },
      { pages: 1, gets: 1 },
      { pages: 2, gets: 0 },
      { pages: 2, gets: 0 },
    ]);
    expect(made[0]).not.toEqual(made[1]);
    expect(rounds.checkpoint?.unlisted).toEqual(new Set());
  });

  it('reserves one of its calls for missing jobs, and uses all of them for a sweep if there are none', async () => {
    const rounds = new Rounds();
    const hidden = many('hidden', 3, 2_999_000, 'PROCESSING');
    rounds.platform.put(...many('running', 6_000, 1, 'PROCESSING'), ...hidden);
    await rounds.read(null, true);
    rounds.allowance = 3;
    expect((await rounds.read()).calls).toEqual({ pages: 4, gets: 0 });
    for (const { id } of hidden) rounds.platform.unlisted.add(id);
    expect((await rounds.read()).calls).toEqual({ pages: 3, gets: 1 });
  });

  it('sweeps only as far as the oldest running job', async () => {
    const rounds = new Rounds();
    const running = many('running', 8, 10_000, 'PROCESSING');
    rounds.platform.put(
      ...many('old', 5_000, 1, 'SUCCEEDED'),
      ...running,
      ...many('ended', 1_500, 20_000, 'SUCCEEDED'),
    );
    rounds.known = new Map(running.map((job) => [job.id, job]));
    for (let round = 0; round < 2; round += 1) {
      const { calls, read } = await rounds.read();
      expect(calls).toEqual({ pages: 3, gets: 0 });
      expect(ids(read)).toEqual(expect.arrayContaining(ids(running)));
    }
  });

  it('does not read a page of a sweep again that it has read in the same round', async () => {
    const rounds = new Rounds();
    rounds.platform.put(...many('running', 6_000, 1, 'PROCESSING'));
    await rounds.read(null, true);
    rounds.allowance = 1;
    await rounds.read();
    rounds.allowance = 2;
    rounds.platform.put(...many('new', 3_000, 100_000, 'SUCCEEDED'));
    await rounds.read();
    const cursors = rounds.platform.calls.flatMap(({ kind, cursor }) => (kind === 'list' ? (cursor ?? []) : []));
    expect(cursors.length).toBeGreaterThan(2);
    expect(cursors).toEqual([...new Set(cursors)].toSorted((a, b) => b - a));
  });

  it('rejects a named id that the platform knows in another form', async () => {
    const { platform } = new Rounds();
    platform.put(exportJob('old', 1), ...many('ended', 100, 10, 'SUCCEEDED'));
    const own = platform.reader();
    const reader = {
      ...own,
      exportJobs: (calls: RoundCalls) => {
        const { list, get } = own.exportJobs(calls);
        return { list, get: () => get(platformId('old')) };
      },
    };
    const result = await exportJobSource.read(reader, {
      known: new Map(),
      scope: { everything: false, ids: new Set(['OLD']) },
      discover: false,
      checkpoint: null,
      allowance: 5,
      unread: ['OLD'],
      now: platform.clock.now(),
      signal: new AbortController().signal,
    });
    expect(new Map<string, unknown>(result.failed).get('OLD')).toMatchObject({
      code: 'NOT_FOUND',
      message: 'The platform knows this job as old, not as OLD.',
    });
    expect(result.absent).toEqual([]);
  });

  it('also uses recently ended jobs of deep pages when it searches for running jobs', async () => {
    const rounds = new Rounds();
    const updatedAt = rounds.platform.clock.now();
    rounds.platform.put(
      exportJob('lately', 1, 'SUCCEEDED', { updatedAt }),
      exportJob('long ago', 2, 'SUCCEEDED'),
      ...many('ended', 200, 10, 'SUCCEEDED'),
    );
    const searched: readonly string[] = ids((await rounds.read(null, true)).read);
    expect([searched.includes('lately'), searched.includes('long ago')]).toEqual([true, false]);
    rounds.unread = Array.from({ length: 25 }, (_, index) => `nobody-${index}`);
    rounds.known = new Map();
    expect(ids((await rounds.read(rounds.unread)).read)).not.toContain('lately');
  });

  it('remembers only followed jobs among those that it read by id', async () => {
    const rounds = new Rounds();
    rounds.platform.put(exportJob('old', 1), exportJob('ended', 2, 'FAILED'), ...many('page', 150, 10, 'SUCCEEDED'));
    rounds.unread = ['old', 'ended', 'nobody'];
    const first = await rounds.read(['old', 'ended', 'nobody']);
    expect(new Set(first.checkpoint.rotation.readAt.keys())).toEqual(new Set(['old', 'ended']));
    expect(first.checkpoint.unlisted).toEqual(new Set());
    rounds.unread = [];
    rounds.platform.delete('old');
    const second = await rounds.read(['old', 'ended', 'nobody']);
    expect(second.absent).toEqual(['old']);
    expect(new Set(second.checkpoint.rotation.readAt.keys())).toEqual(new Set(['ended']));
    expect(exportJobSource.lasting(second.checkpoint)).toEqual({ ...second.checkpoint, rotation: noRotation });
  });

  it('ends with the reason of its signal as soon as the signal aborts', async () => {
    const rounds = new Rounds();
    rounds.platform.hold();
    const controller = new AbortController();
    const reading = exportJobSource.read(rounds.platform.reader(), {
      known: new Map(),
      scope: { everything: true, ids: new Set() },
      discover: false,
      checkpoint: null,
      allowance: 1,
      unread: [],
      now: rounds.platform.clock.now(),
      signal: controller.signal,
    });
    const reason = new Error('the owner left');
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });
});
