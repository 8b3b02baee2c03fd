import { describe, expect, it } from 'vitest';
import {
  ForbiddenError,
  NotFoundError,
  PlatformError,
  UnauthenticatedError,
  UpstreamUnreachableError,
} from '../../../src/errors.ts';
import { exportJob } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

const outage = () => new PlatformError({ status: 503, message: 'The platform is out of order.' });
const manyEnded = (count: number, fromMs: number) =>
  Array.from({ length: count }, (_, index) => exportJob(`ended-${index}`, fromMs + index, 'SUCCEEDED'));

describe('a watched job that cannot be read', () => {
  it('is stale only for its watchers after the second consecutive failure, and recovers', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), exportJob('other', 5_000), ...manyEnded(150, 10));
    const watcher = await setup.follow({ ids: ['old'] });
    const other = await setup.follow({ ids: ['other'] });
    const everything = await setup.follow();
    const seen = [watcher, other, everything].map(({ kinds }) => kinds.length);
    const news = () => [watcher, other, everything].map(({ kinds }, index) => kinds.slice(seen[index]));
    setup.platform.failure = ({ kind }) => (kind === 'get' ? outage() : null);
    await setup.nextRound();
    expect(news()).toEqual([[], [], []]);
    await setup.nextRound();
    expect(news()).toEqual([['STALE'], [], ['STALE']]);
    await setup.pass(60_000);
    expect(news()).toEqual([['STALE'], [], ['STALE']]);
    setup.platform.failure = () => null;
    setup.platform.set('old', 'SUCCEEDED');
    await setup.pass(30_000);
    const recovered = ['STALE', 'RECOVERED', 'CHANGED old SUCCEEDED'];
    expect(news()).toEqual([recovered, [], recovered]);
  });

  it('is not stale when a successful reading lies between two failures', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), ...manyEnded(150, 10));
    const follower = await setup.follow({ ids: ['old'] });
    for (let time = 0; time < 3; time += 1) {
      setup.platform.failure = ({ kind }) => (kind === 'get' ? outage() : null);
      await setup.nextRound();
      setup.platform.failure = () => null;
      await setup.nextRound();
    }
    expect(follower.kinds).toEqual(['SNAPSHOT old PROCESSING']);
  });

  it('recovers for its remaining watchers when it is removed', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), ...manyEnded(150, 10));
    const follower = await setup.follow();
    setup.platform.failure = ({ kind }) => (kind === 'get' ? outage() : null);
    await setup.pass(30_000);
    setup.platform.failure = () => null;
    setup.platform.delete('old');
    await setup.pass(60_000);
    expect(follower.kinds.slice(1)).toEqual(['STALE', 'RECOVERED', 'REMOVED old PROCESSING']);
  });

  it.each([
    { what: 'only the job', error: outage() },
    { what: 'all jobs', error: new UpstreamUnreachableError({ message: 'no answer' }) },
  ])('fails a subscriber that waits for it, if the error concerns $what', async ({ error }) => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), exportJob('older', 0), ...manyEnded(150, 10));
    setup.platform.failure = ({ kind, id }) => (kind === 'get' && id === 'old' ? error : null);
    await expect(setup.subscribe({ ids: ['old'] })).rejects.toBe(error);
    expect((await setup.follow({ ids: ['older'] })).kinds).toEqual(['SNAPSHOT older PROCESSING']);
  });

  it('does not keep a subscriber of the whole sandbox from beginning', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), exportJob('other', 2), ...manyEnded(1_200, 10));
    const named = await setup.follow({ ids: ['old', 'other'] });
    await setup.follow({ ids: ['other'] });
    named.leave();
    await setup.nextRound();
    setup.platform.failure = ({ kind, id }) => (kind === 'get' && id === 'old' ? outage() : null);
    const follower = await setup.follow();
    await setup.pass(10_000);
    expect(follower.kinds).toEqual(['SNAPSHOT other PROCESSING', 'SNAPSHOT old PROCESSING', 'STALE']);
  });
});

describe('a list that cannot be read', () => {
  it('does not concern named jobs, and is stale for watchers of the list', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    const named = await setup.follow({ ids: ['a'] });
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await setup.pass(60_000);
    setup.platform.set('a', 'QUEUED');
    await setup.pass(60_000);
    expect(named.kinds).toEqual(['SNAPSHOT a PROCESSING', 'CHANGED a QUEUED']);
    await expect(setup.subscribe()).rejects.toMatchObject({ code: 'PLATFORM_ERROR' });
    setup.platform.failure = () => null;
    const everything = await setup.follow();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await setup.pass(60_000);
    expect(everything.kinds).toEqual(['SNAPSHOT b PROCESSING', 'SNAPSHOT a QUEUED', 'STALE']);
  });
});

describe('a job that only its watcher can read', () => {
  const limited = (error: ForbiddenError | UnauthenticatedError | null) => {
    const setup = new WatchSetup();
    const { platform } = setup;
    platform.put(exportJob('old', 1), ...manyEnded(150, 10));
    platform.unlisted.add('old');
    if (error === null) platform.hides = ({ by, id }) => by === 'limited' && id === 'old';
    else platform.failure = ({ kind, by }) => (kind === 'get' && by === 'limited' ? error : null);
    return setup;
  };
  const verdicts = [
    { verdict: '404', error: null },
    { verdict: '403', error: new ForbiddenError({ message: 'not this one' }) },
    { verdict: '401', error: new UnauthenticatedError({ message: 'no' }) },
  ];

  it.each(verdicts)('is read with the credential of the watcher after a $verdict', async ({ error }) => {
    await using setup = limited(error);
    await setup.follow({ matches: () => false }, 'limited');
    const watcher = await setup.follow({ ids: ['old'] }, 'owner');
    expect(watcher.kinds).toEqual(['SNAPSHOT old PROCESSING']);
    setup.platform.set('old', 'SUCCEEDED');
    await setup.pass(30_000);
    expect([watcher.kinds.at(-1), watcher.ended]).toEqual(['CHANGED old SUCCEEDED', 'completed']);
  });

  it.each(verdicts)('is followed with it when the polling credential receives a $verdict later', async ({ error }) => {
    await using setup = limited(null);
    setup.platform.hides = () => false;
    await setup.follow({ matches: () => false }, 'limited');
    const watcher = await setup.follow({ ids: ['old'] }, 'owner');
    if (error === null) setup.platform.hides = ({ by, id }) => by === 'limited' && id === 'old';
    else setup.platform.failure = ({ kind, by }) => (kind === 'get' && by === 'limited' ? error : null);
    await setup.pass(30_000);
    setup.platform.set('old', 'SUCCEEDED');
    await setup.pass(30_000);
    expect(watcher.kinds).toEqual(['SNAPSHOT old PROCESSING', 'CHANGED old SUCCEEDED']);
  });

  it('is unknown when no watcher can read it either, after one call for each of their credentials', async () => {
    await using setup = limited(null);
    setup.platform.hides = ({ kind, id }) => kind === 'get' && id === 'old';
    await setup.follow({ matches: () => false }, 'limited');
    setup.platform.calls.length = 0;
    const failures = ['one', 'two'].map((by) => setup.follow({ ids: ['old'] }, by).catch((error: unknown) => error));
    for (const failure of await Promise.all(failures)) expect(failure).toBeInstanceOf(NotFoundError);
    expect(setup.platform.calls.flatMap(({ kind, by }) => (kind === 'get' ? [by] : []))).toEqual([
      'limited',
      'one',
      'two',
    ]);
  });
});
