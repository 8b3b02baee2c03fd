import { describe, expect, it } from 'vitest';
import { ForbiddenError, PlatformError, RateLimitedError, UpstreamUnreachableError } from '../../../src/errors.ts';
import { LogFencedError } from '../../../src/events/log.ts';
import { PlatformHolds } from '../../../src/polling/holds.ts';
import { exportJobSource } from '../../../src/polling/sources/export-jobs.ts';
import { uncountedPolls } from '../../support/uncounted-metrics.ts';
import { exportJob, FakePlatform, settle, tenantOf } from './fake-platform.ts';
import { attempt, OtherReplicas } from './other-replicas.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

/** Collects log lines with their level. */
function logbook() {
  const lines: (readonly [level: string, message: unknown, details: unknown])[] = [];
  const note = (level: string) => (details: unknown, message?: string) => void lines.push([level, message, details]);
  return {
    logger: { debug: note('debug'), warn: note('warn') },
    /** Returns level and details of each line with this message. */
    of: (message: string) =>
      lines.filter((line) => line[1] === message).map(([level, , details]) => ({ level, details })),
  };
}

const where = { kind: 'export-jobs', sandbox: 'prod' };
const subscriptionsUnavailable = () =>
  new UpstreamUnreachableError({ message: 'Live views are temporarily unavailable.' });
const outage = () => new PlatformError({ status: 503, message: 'The platform is out of order.' });

describe('the log about other replicas', () => {
  it.each(['send', 'publishScope'] as const)('contains each failed attempt to reach them: %s', async (what) => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    const err = subscriptionsUnavailable();
    others.failures[what] = err;
    await others.write([exportJob('a', 1)]);
    await setup.follow();
    expect(of('could not notify other replicas')).toMatchObject([{ level: 'debug', details: { ...where, err } }]);
  });

  it('contains that their scope is unknown, in which case the lease is kept', async () => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    const err = subscriptionsUnavailable();
    const following = setup.follow();
    await settle();
    await others.elect(1);
    others.failures.others = err;
    (await following).leave();
    await settle();
    expect(of('could not notify other replicas')).toContainEqual({
      level: 'debug',
      details: expect.objectContaining({ err }),
    });
    expect(others.released).toBe(false);
  });

  it('contains a warning when the candidate cannot be released', async () => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    const err = subscriptionsUnavailable();
    others.failures.leave = err;
    await others.write([exportJob('a', 1)]);
    (await setup.follow()).leave();
    await settle();
    await setup.pass(3_000);
    expect(of('could not leave the leader election')).toMatchObject([{ level: 'warn', details: { ...where, err } }]);
  });

  it('contains nothing while they can be reached', async () => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    await others.write([exportJob('a', 1)]);
    (await setup.follow()).leave();
    await settle();
    await setup.pass(3_000);
    expect([...of('could not notify other replicas'), ...of('could not leave the leader election')]).toEqual([]);
  });
});

describe('the log and the metrics of a lease', () => {
  it('contain its end when the last subscriber has left', async () => {
    const { logger, of } = logbook();
    const changes: string[] = [];
    const metrics = {
      ...uncountedPolls,
      leaseChanged: ({ change }: { readonly change: string }) => void changes.push(change),
    };
    await using setup = new WatchSetup({ logger, metrics });
    (await setup.follow()).leave();
    await settle();
    await setup.pass(2_000);
    expect(changes).toEqual(['gained']);
    await setup.pass(1_000);
    expect(changes).toEqual(['gained', 'released']);
    expect(of('poll lease released')).toMatchObject([{ details: { ...where, term: 1, why: 'no subscribers' } }]);
  });

  it('contain the rejection of its readers, and its loss', async () => {
    const { logger, of } = logbook();
    await using setup = new ReplicaSetup({ logger });
    const [one, other] = setup.replicas;
    await one.follow({}, 'one');
    await other.follow({}, 'other');
    setup.platform.failure = ({ by }) => (by === 'one' ? new ForbiddenError({ message: 'no' }) : null);
    await setup.nextRound();
    expect(of('poll lease released')).toMatchObject([
      { details: { ...where, term: 1, why: 'credential rejected by the platform' } },
    ]);
    await setup.expire();
    await setup.notice();
    expect(of('poll lease lost')).toMatchObject([{ details: { ...where, term: 2 } }]);
  });

  it('contain a loss before its first use, after which nothing is read', async () => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    await attempt(setup.subscribe());
    await others.elect(2, AbortSignal.abort());
    expect(of('poll lease lost')).toMatchObject([{ details: { term: 2 } }]);
    expect(setup.platform.calls).toEqual([]);
  });

  it('contain its loss when the event log has a later lease, and no event is written', async () => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    const following = setup.follow();
    await settle();
    await others.elect(1);
    await following;
    setup.platform.failure = outage;
    await setup.nextRound();
    others.writeFailure = new LogFencedError();
    await setup.nextRound();
    expect(of('poll lease lost')).toMatchObject([{ details: { ...where, term: 1 } }]);
    expect(others.released).toBe(true);
    expect(of('event log not written')).toEqual([]);
  });
});

describe('the log of a round', () => {
  it('contains the number of changed entities, without a recovery of the feed', async () => {
    const { logger, of } = logbook();
    await using setup = new WatchSetup({ logger });
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    const follower = await setup.follow();
    setup.platform.failure = outage;
    await setup.nextRound();
    await setup.nextRound();
    setup.platform.failure = () => null;
    await setup.nextRound();
    setup.platform.set('a', 'SUCCEEDED');
    setup.platform.set('b', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds.slice(2)).toEqual(['STALE', 'RECOVERED', 'CHANGED a SUCCEEDED', 'CHANGED b SUCCEEDED']);
    const rounds = of('poll round').map(({ details }) => details);
    expect(rounds).toMatchObject([{ changes: 0 }, { changes: 0 }, { changes: 2 }]);
    expect(rounds[2]).toMatchObject({ ...where, running: false });
  });

  it('contains a platform failure at debug level, and a defect as a warning', async () => {
    const { logger, of } = logbook();
    await using setup = new WatchSetup({ logger });
    await setup.follow();
    setup.platform.failure = outage;
    await setup.nextRound();
    setup.platform.failure = () => null;
    await setup.nextRound();
    const err = new TypeError('a defect');
    setup.platform.through = () => Promise.reject(err);
    await setup.nextRound();
    expect(of('poll round failed')).toMatchObject([
      { level: 'debug', details: { ...where, failures: 1, code: 'PLATFORM_ERROR' } },
      { level: 'warn', details: { ...where, failures: 1, err } },
    ]);
  });

  it('contains a warning when the event log rejects an event although it is reachable', async () => {
    const { logger, of } = logbook();
    const others = new OtherReplicas();
    await using setup = others.setup({ logger });
    const following = setup.follow();
    await settle();
    await others.elect(1);
    await following;
    setup.platform.failure = outage;
    await setup.nextRound();
    const err = new TypeError('a defect');
    others.writeFailure = err;
    await setup.nextRound();
    expect(of('event log not written')).toMatchObject([{ level: 'warn', details: { ...where, err } }]);
  });
});

describe('a subscriber that waits for a round', () => {
  it('is rejected together with subscribers of other replicas when the platform rejects all readers', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    await one.follow({}, 'one');
    await other.follow({}, 'other');
    setup.platform.failure = ({ kind }) => (kind === 'prove' ? null : new ForbiddenError({ message: 'no' }));
    setup.platform.put(exportJob('a', 1));
    const waiting = await attempt(other.subscribe({ ids: ['a'] }));
    expect(waiting.outcome).toBe('waits');
    await setup.pass(60_000);
    expect(waiting.outcome).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is rejected with all subscribers that name an unreadable id, on all replicas', async () => {
    const others = new OtherReplicas();
    await using setup = others.setup();
    setup.platform.failure = ({ id }) => (id === 'broken' ? outage() : null);
    const broken = await attempt(setup.subscribe({ ids: ['broken'] }));
    const everything = await attempt(setup.subscribe());
    await others.elect(2);
    expect(broken.outcome).toMatchObject({ code: 'PLATFORM_ERROR' });
    expect(everything.outcome).toBe('has begun');
    expect(others.sent).toContainEqual({
      kind: 'failed',
      id: 'broken',
      failure: {
        code: 'PLATFORM_ERROR',
        message: 'The platform is out of order.',
        retryable: true,
        retryAfterMs: null,
        upstream: null,
      },
    });
  });

  it('keeps waiting while another replica may poll, although the platform requested a pause from its own replica', async () => {
    const platform = new FakePlatform();
    const holds = new PlatformHolds({ clock: platform.clock, logger: { debug: () => undefined } });
    const others = new OtherReplicas();
    await using setup = others.setup({ platform, holds });
    holds.of(tenantOf(), exportJobSource.service).extend(platform.clock.monotonicMs() + 60_000);
    const waiting = await attempt(setup.subscribe({ ids: ['a'] }));
    await setup.pass(5_000);
    expect(waiting.outcome).toBe('waits');
    await others.elect(2);
    expect(waiting.outcome).toBeInstanceOf(RateLimitedError);
    expect(waiting.outcome).toMatchObject({
      message: 'The platform asked the gateway to wait before it reads the state again.',
      retryAfterMs: 55_000,
    });
  });
});

describe('a feed without a lease holder', () => {
  it('becomes stale after the same time however often that is reported, and not at all if a holder comes in time', async () => {
    const unattended: boolean[] = [];
    const others = new OtherReplicas();
    const createLog = () => ({ ...others.createLog(), markUnattended: (on: boolean) => void unattended.push(on) });
    await using setup = new WatchSetup({ elections: others.elections, createLog, ownRights: false });
    await others.write([exportJob('a', 1)]);
    await setup.follow();
    await others.moveTo(1);
    unattended.length = 0;
    await others.moveTo(null);
    await setup.pass(7_000);
    await others.moveTo(null);
    await setup.pass(999);
    expect(unattended).toEqual([]);
    await setup.pass(1);
    expect(unattended).toEqual([true]);
    await others.moveTo(2);
    await others.moveTo(null);
    await others.moveTo(null);
    await others.moveTo(3);
    await setup.pass(60_000);
    expect(unattended).toEqual([true, false, false]);
  });
});
