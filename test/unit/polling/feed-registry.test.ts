import { describe, expect, it } from 'vitest';
import type { Tenant } from '../../../src/domain/tenant.ts';
import {
  ForbiddenError,
  NotFoundError,
  PlatformError,
  RateLimitedError,
  ShuttingDownError,
  TokenExpiredError,
  UnauthenticatedError,
} from '../../../src/errors.ts';
import { namesakeOf } from '../../support/tenants.ts';
import type { Ask } from './fake-platform.ts';
import { exportJob, settle, tenantOf } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

const outage = () => new PlatformError({ status: 503, message: 'The platform is out of order.' });
const refused = () => new UnauthenticatedError({ message: 'The platform does not accept the token.' });

describe('the first events of a subscription', () => {
  it('are the running jobs, newest first, when the whole sandbox is watched', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2, 'SUCCEEDED'), exportJob('c', 3, 'NEW'));
    const follower = await setup.follow();
    expect(follower.kinds).toEqual(['SNAPSHOT c NEW', 'SNAPSHOT a PROCESSING']);
  });

  it('are the matching jobs that have not ended or ended recently, when there is a filter', async () => {
    await using setup = new WatchSetup();
    const updatedAt = new Date(setup.clock.now().getTime() - 900_000);
    const ended = exportJob('b', 2, 'SUCCEEDED', { updatedAt });
    setup.platform.put(exportJob('a', 1), ended, exportJob('c', 3), exportJob('d', 4, 'SUCCEEDED'));
    const options = { matches: ({ id }: { readonly id: string }) => id !== 'c' };
    const follower = await setup.follow({ ...options, endedWithinSeconds: 900 });
    expect(follower.kinds).toEqual(['SNAPSHOT b SUCCEEDED', 'SNAPSHOT a PROCESSING']);
    expect((await setup.follow(options)).kinds).toEqual(['SNAPSHOT a PROCESSING']);
  });

  it('include the jobs that the gateway saw end, even if the platform reports an older time', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    await setup.follow();
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    const begin = async () => (await setup.follow({ endedWithinSeconds: 60 })).kinds;
    expect(await begin()).toEqual(['SNAPSHOT a SUCCEEDED']);
    await setup.pass(59_000);
    expect(await begin()).toEqual(['SNAPSHOT a SUCCEEDED']);
    await setup.pass(2_000);
    expect(await begin()).toEqual([]);
  });

  it('are the named jobs in the requested order, each once', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2, 'SUCCEEDED'), exportJob('c', 3));
    const follower = await setup.follow({ ids: ['b', 'c', 'a', 'b'] });
    expect(follower.kinds).toEqual(['SNAPSHOT b SUCCEEDED', 'SNAPSHOT c PROCESSING', 'SNAPSHOT a PROCESSING']);
  });

  it('include named jobs that no page shows, read once for all concurrent subscribers', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), ...manyEnded(150, 10));
    const followers = await Promise.all(Array.from({ length: 20 }, () => setup.follow({ ids: ['old'] })));
    expect(followers.map(({ kinds }) => kinds)).toEqual(Array.from({ length: 20 }, () => ['SNAPSHOT old PROCESSING']));
    expect(setup.platform.count('get')).toBe(1);
  });

  it('show the current state of a known job that was not followed before', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), exportJob('other', 2), ...manyEnded(98, 10));
    await setup.follow({ ids: ['other'] });
    setup.platform.put(exportJob('young', 1_000));
    await setup.nextRound();
    setup.platform.set('old', 'SUCCEEDED');
    expect((await setup.follow({ ids: ['old'] })).kinds).toEqual(['SNAPSHOT old SUCCEEDED']);
    expect((await setup.follow({ ids: ['young'] })).kinds).toEqual(['SNAPSHOT young PROCESSING']);
    expect(setup.platform.calls.filter(({ kind, id }) => kind === 'get' && id === 'young')).toEqual([]);
  });

  it('are followed by STALE when the platform has not been readable for a while', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    await setup.follow();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await setup.nextRound();
    await setup.nextRound();
    const late = await setup.follow();
    expect(late.kinds).toEqual(['SNAPSHOT a PROCESSING', 'STALE']);
  });
});

describe('a subscription', () => {
  it('is rejected when the subscriber fails to prove its right, before anything is read', async () => {
    await using setup = new WatchSetup();
    setup.platform.failure = ({ kind }) => (kind === 'prove' ? new ForbiddenError({ message: 'no' }) : null);
    await expect(setup.subscribe()).rejects.toBeInstanceOf(ForbiddenError);
    expect(setup.platform.count('list')).toBe(0);
  });

  it('emits its state again at the configured interval, without a call to the platform', async () => {
    await using setup = new WatchSetup({ pollMinMs: 600_000, pollMaxMs: 600_000, confirmStateMs: 30_000 });
    setup.platform.put(exportJob('a', 1, 'PROCESSING'), exportJob('b', 2, 'PROCESSING'));
    const everything = await setup.follow();
    const named = await setup.follow({ ids: ['a'] });
    const asked = setup.platform.calls.length;
    await setup.pass(30_000);
    expect(everything.kinds.slice(2)).toEqual(['SNAPSHOT b PROCESSING', 'SNAPSHOT a PROCESSING']);
    expect(named.kinds).toEqual(['SNAPSHOT a PROCESSING', 'SNAPSHOT a PROCESSING']);
    everything.leave();
    await setup.pass(30_000);
    expect([everything.kinds.length, named.kinds.length]).toEqual([4, 3]);
    expect(setup.platform.calls.length).toBe(asked);
    named.leave();
    await setup.pass(5_000);
    expect(setup.clock.pending()).toBe(0);
  });

  it('is proved again for as long as it lasts, and ends when its right is lost', async () => {
    await using setup = new WatchSetup({ pollMinMs: 600_000, pollMaxMs: 600_000, authorizationLeaseMs: 60_000 });
    const first = await setup.follow({}, 'first');
    const second = await setup.follow({}, 'second');
    setup.platform.failure = ({ kind, by }) =>
      kind === 'prove' && by === 'second' ? new ForbiddenError({ message: 'no' }) : null;
    await setup.pass(59_000);
    expect([first.ended, second.ended]).toEqual([null, null]);
    // The first rejection, and the rejection that confirms it.
    await setup.pass(1_000);
    expect([first.ended, second.ended]).toEqual([null, null]);
    await setup.pass(1_000);
    expect([first.ended, second.ended]).toEqual([null, { error: expect.any(ForbiddenError) }]);
    expect(setup.registry.stats().subscribers).toBe(1);
  });

  it('ends when its credential is rejected in a round and two proofs confirm that', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'PROCESSING'));
    const first = await setup.follow({}, 'first');
    const second = await setup.follow({}, 'second');
    setup.platform.failure = ({ by }) => (by === 'first' ? new UnauthenticatedError({ message: 'no' }) : null);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    await setup.clock.advanceBy(999);
    const notified = ['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED'];
    for (const { ended, kinds } of [first, second]) expect([ended, kinds]).toEqual([null, notified]);
    await setup.clock.advanceBy(1);
    setup.platform.delete('a');
    await setup.pass(10_000);
    expect([first.ended, first.kinds]).toEqual([{ error: expect.any(TokenExpiredError) }, notified]);
    expect([second.ended, second.kinds.slice(0, 2)]).toEqual([null, notified]);
  });

  it('continues when its credential is rejected in a round and by one proof, but not by the next', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'PROCESSING'));
    const follower = await setup.follow();
    let rejections = 2;
    setup.platform.failure = () => {
      rejections -= 1;
      return rejections < 0 ? null : new UnauthenticatedError({ message: 'no' });
    };
    await setup.nextRound();
    expect(rejections).toBeLessThanOrEqual(0);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.pass(10_000);
    expect([follower.ended, follower.kinds]).toEqual([null, ['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED']]);
  });

  it('ends if its credential is rejected in its first round, while another subscription continues', async () => {
    await using setup = new WatchSetup();
    setup.platform.failure = ({ by }) =>
      by === 'first' && setup.platform.count('list') > 0 ? new UnauthenticatedError({ message: 'no' }) : null;
    const [first, second] = await Promise.all([setup.follow({}, 'first'), setup.follow({}, 'second')]);
    await setup.pass(1_000);
    expect([first.ended, second.ended]).toEqual([{ error: expect.any(TokenExpiredError) }, null]);
    expect(setup.registry.stats().subscribers).toBe(1);
  });

  it('fails when its credential is rejected twice elsewhere while it waits for a round', async () => {
    await using setup = new WatchSetup();
    setup.platform.hold();
    const waiting = setup.subscribe();
    await settle();
    await setup.pass(5_000);
    setup.platform.failure = () => new UnauthenticatedError({ message: 'no' });
    const lost = expect(waiting).rejects.toBeInstanceOf(TokenExpiredError);
    await expect(setup.subscribe()).rejects.toBeInstanceOf(UnauthenticatedError);
    await setup.pass(1_000);
    await lost;
    await settle();
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, subscribers: 0 });
    expect(setup.clock.pending()).toBe(0);
  });

  it('makes one call for all subscribers with the same credential at about the same time', async () => {
    await using setup = new WatchSetup();
    const [first, second] = [await setup.follow(), await setup.follow()];
    for (const follower of [first, second]) follower.leave();
    await setup.follow();
    expect(setup.platform.count('prove')).toBe(1);
  });

  it('is proved in each tenant of a token, although concurrent subscribers share a proof', async () => {
    await using setup = new WatchSetup();
    const token = 'token';
    const tenants = [tenantOf('prod'), tenantOf('dev'), namesakeOf(tenantOf('prod'))];
    const subscribe = (tenant: Tenant) => {
      const reader = setup.platform.reader(token);
      const proof = reader.proof && {
        ...reader.proof,
        prove: async (signal: AbortSignal) => {
          await reader.proof?.prove(signal);
          if (tenant !== tenants[0]) throw new ForbiddenError({ message: 'no' });
        },
      };
      const { signal } = new AbortController();
      return setup.registry.connect(tenant, { ...reader, proof }).subscribe({ ids: null, matches: null, signal });
    };
    const outcomes = await Promise.allSettled([...tenants, ...tenants].map(subscribe));
    const expected = ['fulfilled', 'rejected', 'rejected'];
    expect(outcomes.map(({ status }) => status)).toEqual([...expected, ...expected]);
    // A proof is shared within five seconds, but only in its own tenant.
    setup.platform.calls.length = 0;
    const later = await Promise.allSettled(tenants.map(subscribe));
    expect(later.map(({ status }) => status)).toEqual(expected);
    expect(setup.platform.count('prove')).toBe(2);
  });

  it('is proved for every subscriber, even if the feed already runs', async () => {
    await using setup = new WatchSetup();
    await setup.follow({}, 'first');
    setup.platform.failure = ({ kind, by }) =>
      kind === 'prove' && by === 'second' ? new ForbiddenError({ message: 'no' }) : null;
    await expect(setup.subscribe({}, 'second')).rejects.toBeInstanceOf(ForbiddenError);
    expect(setup.registry.stats().subscribers).toBe(1);
  });

  it('fails with the error of the first round and leaves no feed behind', async () => {
    await using setup = new WatchSetup();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await expect(setup.subscribe()).rejects.toBeInstanceOf(PlatformError);
    await settle();
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 0, subscribers: 0 });
    expect(setup.clock.pending()).toBe(0);
  });

  it('fails for an unknown id and leaves no feed behind', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    await expect(setup.subscribe({ ids: ['a', 'nobody'] })).rejects.toMatchObject({
      constructor: NotFoundError,
      id: 'nobody',
    });
    await setup.pass(5_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, subscribers: 0 });
    expect(setup.clock.pending()).toBe(0);
  });

  it('ends at once when its signal aborts during the first round, which is aborted too', async () => {
    await using setup = new WatchSetup();
    setup.platform.hold();
    const controller = new AbortController();
    const subscribing = setup.subscribe({}, 'someone', controller);
    subscribing.catch(() => undefined);
    await settle();
    expect(setup.platform.inFlight).toBe(1);
    const reason = new Error('the client left');
    controller.abort(reason);
    await expect(subscribing).rejects.toBe(reason);
    await settle();
    expect(setup.platform.inFlight).toBe(0);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 0, subscribers: 0 });
    expect(setup.clock.pending()).toBe(0);
  });
});

describe('changes', () => {
  it('reach every subscriber in order', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const followers = await Promise.all([setup.follow(), setup.follow({ ids: ['a'] })]);
    setup.platform.set('a', 'PROCESSING');
    await setup.nextRound();
    setup.platform.put(exportJob('b', 2, 'NEW'));
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    const own = ['SNAPSHOT a NEW', 'CHANGED a PROCESSING', 'CHANGED a SUCCEEDED'];
    expect(followers.map(({ kinds }) => kinds)).toEqual([[...own, 'CREATED b NEW'], own]);
    expect(followers[0]?.events[2]).toMatchObject({ previous: { status: 'PROCESSING' } });
  });

  it('cost the platform the same for one subscriber and for a thousand', async () => {
    const callsFor = async (subscribers: number) => {
      await using setup = new WatchSetup();
      setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
      const asks: readonly Ask[] = [{}, { ids: ['a'] }, { matches: ({ id }) => id === 'b' }];
      await setup.follow();
      for (let count = 1; count < subscribers; count += 1) await setup.subscribe(asks[count % asks.length]);
      for (const status of ['QUEUED', 'PROCESSING'] as const) {
        setup.platform.set('a', status);
        await setup.nextRound();
      }
      await setup.pass(60_000);
      return {
        calls: setup.platform.calls.filter(({ kind }) => kind !== 'prove'),
        subscribers: setup.registry.stats().subscribers,
      };
    };
    const one = await callsFor(1);
    const thousand = await callsFor(1_000);
    expect(one.calls.length).toBeGreaterThan(5);
    expect(thousand).toEqual({ calls: one.calls, subscribers: 1_000 });
  });

  it('cost one page per round, even if jobs are created and the list is long', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(...manyEnded(150, 10));
    const follower = await setup.follow();
    setup.platform.calls.length = 0;
    setup.platform.put(...Array.from({ length: 98 }, (_, index) => exportJob(`new-${index}`, 1_000 + index, 'NEW')));
    await setup.nextRound();
    expect(follower.kinds).toHaveLength(98);
    expect(setup.platform.calls).toHaveLength(1);
  });

  it('include every new job when more were created than a page contains', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(...manyEnded(150, 10));
    const follower = await setup.follow();
    setup.platform.put(
      ...Array.from({ length: 250 }, (_, index) => exportJob(`new-${index}`, 1_000 + index, 'FAILED')),
    );
    await setup.nextRound();
    expect(follower.kinds).toEqual(Array.from({ length: 250 }, (_, index) => `CREATED new-${index} FAILED`));
  });

  it('reach a filter when a job enters, changes inside or leaves it', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const follower = await setup.follow({ matches: ({ status }) => status === 'PROCESSING' });
    for (const status of ['QUEUED', 'PROCESSING', 'CANCELLING', 'CANCELLED'] as const) {
      setup.platform.set('a', status);
      await setup.nextRound();
    }
    expect(follower.kinds).toEqual(['CHANGED a PROCESSING', 'CHANGED a CANCELLING']);
  });

  it('include a new job for watchers of the whole sandbox that another subscriber named first', async () => {
    await using setup = new WatchSetup();
    const everything = await setup.follow();
    setup.platform.put(exportJob('new', 5, 'NEW'));
    const named = await setup.follow({ ids: ['new'] });
    expect(named.kinds).toEqual(['SNAPSHOT new NEW']);
    await setup.nextRound();
    expect(everything.kinds).toEqual(['CREATED new NEW']);
  });

  it('do not include an old job for watchers of the whole sandbox that another subscriber names', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1, 'FAILED'), ...manyEnded(150, 10));
    const everything = await setup.follow();
    expect((await setup.follow({ ids: ['old'] })).kinds).toEqual(['SNAPSHOT old FAILED']);
    await setup.nextRound();
    expect(everything.kinds).toEqual([]);
  });

  it('never revert the end of a job', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    const follower = await setup.follow();
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    setup.platform.set('a', 'PROCESSING');
    await setup.nextRound();
    expect(follower.kinds.slice(2)).toEqual(['CHANGED a SUCCEEDED']);
  });

  it('are separate for each tenant', async () => {
    await using setup = new WatchSetup();
    const controller = new AbortController();
    await setup.follow();
    const watch = setup.registry.connect(tenantOf('dev'), setup.platform.reader());
    await watch.subscribe({ ids: null, matches: null, signal: controller.signal });
    expect(setup.registry.stats().feeds).toBe(2);
    expect(setup.platform.count('list')).toBe(2);
  });
});

describe('a subscription to named jobs', () => {
  it('completes when the last of them has ended', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    const follower = await setup.follow({ ids: ['a', 'b'] });
    setup.platform.set('a', 'FAILED');
    await setup.nextRound();
    expect(follower.ended).toBe(null);
    setup.platform.set('b', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds.slice(2)).toEqual(['CHANGED a FAILED', 'CHANGED b SUCCEEDED']);
    expect(follower.ended).toBe('completed');
    expect(setup.registry.stats().subscribers).toBe(0);
  });

  it('completes after the snapshot when all of them had ended before', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'SUCCEEDED'));
    const follower = await setup.follow({ ids: ['a'] });
    expect(follower.kinds).toEqual(['SNAPSHOT a SUCCEEDED']);
    expect(follower.ended).toBe('completed');
  });

  it('completes when two consecutive readings do not find the job', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    const follower = await setup.follow({ ids: ['a'] });
    setup.platform.delete('a');
    await setup.nextRound();
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING']);
    await setup.pass(2_000);
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'REMOVED a PROCESSING']);
    expect(follower.ended).toBe('completed');
    expect(setup.platform.count('get')).toBe(2);
  });

  it('keeps a job that the list omits but the platform still knows', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    const follower = await setup.follow({ ids: ['a'] });
    setup.platform.unlisted.add('a');
    await setup.nextRound();
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING']);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED']);
  });

  it('follows an old job by name and costs nothing once it has ended', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), exportJob('young', 1_000), ...manyEnded(150, 10));
    const follower = await setup.follow({ ids: ['old', 'young'] });
    await setup.nextRound();
    expect(setup.platform.count('get')).toBe(2);
    setup.platform.set('old', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds.at(-1)).toBe('CHANGED old SUCCEEDED');
    setup.platform.calls.length = 0;
    await setup.nextRound();
    expect(setup.platform.calls.map(({ kind }) => kind)).toEqual(['list']);
  });
});

describe('a platform that cannot be read', () => {
  it('is reported after two consecutive failed rounds, and when it is back', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    const fail = () => {
      setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    };
    fail();
    await setup.nextRound();
    expect(follower.kinds).toHaveLength(1);
    setup.platform.failure = () => null;
    await setup.nextRound();
    fail();
    for (let round = 0; round < 4; round += 1) await setup.nextRound();
    expect(follower.kinds.slice(1)).toEqual(['STALE']);
    setup.platform.failure = () => null;
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds.slice(1)).toEqual(['STALE', 'RECOVERED', 'CHANGED a SUCCEEDED']);
  });

  it('is called with growing pauses, and not before the end of the pause that it requested', async () => {
    await using setup = new WatchSetup();
    await setup.follow();
    setup.platform.failure = ({ kind }) =>
      kind === 'list' ? new RateLimitedError({ message: 'slow down', retryAfterMs: 45_000 }) : null;
    await setup.nextRound();
    const calls = setup.platform.count('list');
    setup.nudge();
    await setup.pass(44_999);
    expect(setup.platform.count('list')).toBe(calls);
    await setup.pass(1);
    expect(setup.platform.count('list')).toBe(calls + 1);
  });

  it('makes only the job stale that cannot be read', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('old', 1), exportJob('older', 0), ...manyEnded(150, 10));
    const follower = await setup.follow({ ids: ['older', 'old'] });
    setup.platform.failure = ({ kind, id }) => (kind === 'get' && id === 'older' ? outage() : null);
    setup.platform.set('old', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds.at(-1)).toBe('CHANGED old SUCCEEDED');
  });
});

describe('the log', () => {
  it('contains a warning when more jobs were created between two rounds than one round reads', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(...manyEnded(150, 10));
    await setup.follow();
    setup.platform.put(
      ...Array.from({ length: 19_200 }, (_, index) => exportJob(`new-${index}`, 1_000 + index, 'FAILED')),
    );
    await setup.nextRound();
    expect(setup.warnings).toMatchObject([{ kind: 'export-jobs', sandbox: 'prod', pages: 20 }]);
    await setup.nextRound();
    expect(setup.warnings).toHaveLength(1);
  });

  it('contains which replica polls, and every round with its calls, the next pause and its reason', async () => {
    const lines: unknown[] = [];
    const logger = { debug: (line: unknown) => lines.push(line), warn: () => undefined };
    await using setup = new WatchSetup({ logger });
    setup.platform.put(exportJob('a', 1));
    await setup.follow();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await setup.nextRound();
    expect(lines).toMatchObject([
      { kind: 'export-jobs', sandbox: 'prod', term: 1 },
      { kind: 'export-jobs', sandbox: 'prod', pages: 1, gets: 0, changes: 0, nextInMs: 3_000, why: 'quiet' },
      { kind: 'export-jobs', sandbox: 'prod', failures: 1, code: 'PLATFORM_ERROR', nextInMs: 4_000, why: 'failed' },
    ]);
  });
});

describe('nudge', () => {
  it('makes a round at once and then shortens the pauses', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    await setup.follow();
    await setup.pass(300_000);
    const calls = setup.platform.count('list');
    setup.nudge();
    setup.nudge();
    await settle();
    expect(setup.platform.count('list')).toBe(calls + 1);
    await setup.pass(20_000);
    expect(setup.platform.count('list')).toBe(calls + 11);
  });

  it('during a round makes exactly one more, after it', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    await setup.follow();
    const release = setup.platform.hold();
    await setup.nextRound();
    const calls = setup.platform.count('list');
    for (let count = 0; count < 3; count += 1) setup.nudge();
    await settle();
    expect(setup.platform.count('list')).toBe(calls);
    release();
    await settle();
    expect(setup.platform.count('list')).toBe(calls + 1);
    expect(setup.platform.mostInFlight).toBe(1);
  });

  it('does nothing without subscribers', async () => {
    await using setup = new WatchSetup();
    setup.nudge();
    const follower = await setup.follow();
    follower.leave();
    setup.platform.calls.length = 0;
    setup.nudge();
    await settle();
    expect(setup.platform.calls).toEqual([]);
  });
});

describe('a feed without subscribers', () => {
  it('stops reading at once and is closed within five seconds', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    await setup.nextRound();
    follower.leave();
    setup.platform.calls.length = 0;
    await settle();
    expect(follower.ended).toBe('completed');
    expect(setup.registry.stats()).toMatchObject({ feeds: 1, subscribers: 0 });
    await setup.pass(5_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 1 });
    expect(setup.clock.pending()).toBe(0);
    await setup.pass(600_000);
    expect(setup.platform.calls).toEqual([]);
  });

  it('serves the next subscriber without a new round while it lingers, and then continues at its pace', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    (await setup.follow()).leave();
    await setup.pass(1_000);
    const next = await setup.follow();
    expect(next.kinds).toEqual(['SNAPSHOT a PROCESSING']);
    expect(setup.platform.count('list')).toBe(1);
    await setup.pass(2_000);
    expect(setup.platform.count('list')).toBe(2);
  });
});

describe('a stopped feed', () => {
  it('reads again before it serves a subscriber', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    (await setup.follow({ ids: ['a'] })).leave();
    await setup.pass(10_000);
    setup.platform.set('a', 'SUCCEEDED');
    expect((await setup.follow({ ids: ['a'] })).kinds).toEqual(['SNAPSHOT a SUCCEEDED']);
  });

  it('is not treated as stopped when it runs again', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    (await setup.follow()).leave();
    await setup.pass(10_000);
    const follower = await setup.follow();
    await setup.pass(700_000);
    const { signal } = new AbortController();
    await setup.registry
      .connect(tenantOf('dev'), setup.platform.reader())
      .subscribe({ ids: null, matches: null, signal });
    setup.platform.set('a', 'SUCCEEDED');
    await setup.pass(30_000);
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED']);
  });
});

describe('leaving', () => {
  it('ends a stream when its token expires, even without events, and leaves no timer', async () => {
    await using setup = new WatchSetup();
    const expiresAt = new Date(setup.clock.now().getTime() + 60_000);
    const ending = [await setup.follow({ expiresAt }), await setup.follow({ expiresAt })];
    const staying = await setup.follow();
    expect(setup.clock.pending('deadline')).toBe(1);
    await setup.pass(59_999);
    expect(ending.map(({ ended }) => ended)).toEqual([null, null]);
    await setup.pass(1);
    const expired = { error: expect.any(TokenExpiredError) };
    expect([...ending, staying].map(({ ended }) => ended)).toEqual([expired, expired, null]);
    expect(setup.clock.pending('deadline')).toBe(0);
    expect(setup.registry.stats().subscribers).toBe(1);
  });

  it('frees the timer of a token whose subscriber has left', async () => {
    await using setup = new WatchSetup();
    const expiresAt = new Date(setup.clock.now().getTime() + 60_000);
    const follower = await setup.follow({ expiresAt });
    follower.leave();
    expect(setup.clock.pending('deadline')).toBe(0);
  });

  it('ends a silent stream at once, by signal or by return', async () => {
    await using setup = new WatchSetup();
    const controller = new AbortController();
    const bySignal = (await setup.subscribe({}, 'someone', controller))[Symbol.asyncIterator]();
    const byReturn = (await setup.subscribe())[Symbol.asyncIterator]();
    const nexts = [bySignal.next(), byReturn.next()];
    controller.abort();
    await byReturn.return?.();
    for (const next of nexts) expect(await next).toEqual({ done: true, value: undefined });
    expect(setup.registry.stats().subscribers).toBe(0);
  });

  it('frees a subscription from which nothing was ever taken', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const iterator = (await setup.subscribe())[Symbol.asyncIterator]();
    await iterator.return?.();
    expect(setup.registry.stats().subscribers).toBe(0);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});

describe('closing', () => {
  it('ends streams with an error, so that clients do not mistake it for the end of the work, and leaves no timer', async () => {
    const setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    await setup.registry.close();
    await settle();
    expect(follower.ended).toMatchObject({ error: expect.any(ShuttingDownError) });
    expect(setup.clock.pending()).toBe(0);
  });

  it('rejects later subscriptions', async () => {
    const setup = new WatchSetup();
    await setup.registry.close();
    await expect(setup.subscribe()).rejects.toBeInstanceOf(ShuttingDownError);
    expect(setup.platform.calls).toEqual([]);
  });

  it('does not wait for a proof in progress', async () => {
    const setup = new WatchSetup();
    const reader = {
      ...setup.platform.reader(),
      proof: {
        credential: 'someone',
        prove: () => new Promise<void>(() => undefined),
        proveOne: () => new Promise<boolean>(() => undefined),
      },
    };
    const { signal } = new AbortController();
    const subscribing = setup.registry.connect(tenantOf(), reader).subscribe({ ids: null, matches: null, signal });
    await setup.registry.close();
    await expect(subscribing).rejects.toBeInstanceOf(ShuttingDownError);
  });

  it('ends a first round in progress', async () => {
    const setup = new WatchSetup();
    setup.platform.hold();
    const subscribing = setup.subscribe();
    subscribing.catch(() => undefined);
    await settle();
    expect(setup.platform.inFlight).toBe(1);
    await setup.registry.close();
    await expect(subscribing).rejects.toBeInstanceOf(ShuttingDownError);
    expect(setup.clock.pending()).toBe(0);
  });
});

describe('the polling credential', () => {
  it('belongs to one of the present subscribers', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    await setup.follow({}, 'first');
    await setup.follow({}, 'second');
    await setup.nextRound();
    expect(listedBy(setup)).toEqual(['first', 'first']);
  });

  it('changes within the round when it is rejected', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const followers = await Promise.all(['first', 'second'].map((by) => setup.follow({}, by)));
    setup.platform.failure = ({ kind, by }) => (kind === 'list' && by === 'first' ? refused() : null);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    await setup.nextRound();
    expect(listedBy(setup)).toEqual(['first', 'first', 'second', 'second']);
    expect(followers.map(({ kinds }) => kinds.at(-1))).toEqual(['CHANGED a SUCCEEDED', 'CHANGED a SUCCEEDED']);
  });

  it('is tried again when all are rejected, a few in one round', async () => {
    await using setup = new WatchSetup();
    const names = Array.from({ length: 10 }, (_, index) => `subscriber ${index}`);
    for (const by of names) await setup.follow({}, by);
    setup.platform.failure = ({ kind }) => (kind === 'list' ? refused() : null);
    setup.platform.calls.length = 0;
    await setup.nextRound();
    expect(listedBy(setup)).toEqual(names.slice(0, 4));
    await setup.nextRound();
    await setup.nextRound();
    setup.platform.calls.length = 0;
    setup.platform.failure = ({ kind, by }) => (kind === 'list' && by !== names[1] ? refused() : null);
    await setup.nextRound();
    expect(listedBy(setup)).toEqual(names.slice(0, 2));
  });

  it('is rejected once for all subscribers with its credential, and no other subscriber is rejected', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    for (let index = 0; index < 5; index += 1) await setup.follow({ ids: ['a'] }, 'expired');
    setup.platform.failure = ({ kind, by }) => (kind === 'list' && by === 'expired' ? refused() : null);
    setup.platform.calls.length = 0;
    expect((await setup.follow({}, 'valid')).kinds).toEqual(['SNAPSHOT a PROCESSING']);
    expect(listedBy(setup)).toEqual(['expired', 'valid']);
  });

  it('that was not rejected keeps its subscriber waiting while a round rejects as many others as it tries', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    for (let index = 0; index < 6; index += 1) await setup.follow({ ids: ['a'] }, `expired ${index}`);
    setup.platform.failure = ({ kind, by }) => (kind === 'list' && by !== 'valid' ? refused() : null);
    setup.platform.calls.length = 0;
    expect((await setup.follow({}, 'valid')).kinds).toEqual(['SNAPSHOT a PROCESSING']);
    expect(setup.platform.count('list')).toBe(7);
    await expect(setup.follow({}, 'expired 0')).resolves.toBeDefined();
  });

  it('is not used again when its owner has left between rounds', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const first = await setup.follow({}, 'first');
    await setup.follow({}, 'second');
    first.leave();
    await setup.nextRound();
    expect(listedBy(setup)).toEqual(['first', 'second']);
  });

  it('is not used again when its owner leaves during a round, which another one repeats', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const first = await setup.follow({}, 'first');
    const second = await setup.follow({}, 'second');
    setup.platform.set('a', 'SUCCEEDED');
    const release = setup.platform.hold();
    await setup.nextRound();
    first.leave();
    await settle();
    release();
    await settle();
    expect(listedBy(setup)).toEqual(['first', 'first', 'second']);
    expect(second.kinds.at(-1)).toBe('CHANGED a SUCCEEDED');
  });

  it('does not cause a storm of calls when many owners leave', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const crowd = await Promise.all(Array.from({ length: 20 }, (_, index) => setup.follow({}, `${index}`)));
    const release = setup.platform.hold();
    await setup.nextRound();
    const before = setup.platform.count('list');
    for (const follower of crowd.slice(0, 19)) {
      follower.leave();
      await settle();
    }
    expect(setup.platform.count('list') - before).toBeLessThanOrEqual(1);
    release();
    await setup.pass(2_000);
    expect(listedBy(setup).at(-1)).toBe('19');
  });

  it('does not cause a storm of calls when many owners leave during the first round', async () => {
    await using setup = new WatchSetup();
    setup.platform.hold();
    const crowd = Array.from({ length: 20 }, () => new AbortController());
    for (const [index, controller] of crowd.entries())
      setup.subscribe({}, `${index}`, controller).catch(() => undefined);
    await settle();
    for (const controller of crowd.slice(0, 19)) {
      controller.abort();
      await settle();
    }
    expect(setup.platform.count('list')).toBeLessThanOrEqual(2);
  });
});

describe('a subscriber that names a job during a round', () => {
  it('begins with the state that the next round reads', async () => {
    await using setup = new WatchSetup();
    const follower = await setup.follow();
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const release = setup.platform.hold();
    await setup.nextRound();
    const joining = setup.follow({ ids: ['a'] }, 'second');
    await settle();
    setup.platform.set('a', 'PROCESSING');
    release();
    expect((await joining).kinds).toEqual(['SNAPSHOT a NEW']);
    await setup.nextRound();
    expect(follower.kinds).toEqual(['CREATED a NEW', 'CHANGED a PROCESSING']);
  });
});

function listedBy({ platform }: WatchSetup): readonly string[] {
  return platform.calls.filter(({ kind }) => kind === 'list').map(({ by }) => by);
}

function manyEnded(count: number, fromMs: number) {
  return Array.from({ length: count }, (_, index) => exportJob(`ended-${index}`, fromMs + index, 'SUCCEEDED'));
}
