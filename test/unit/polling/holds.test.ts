import { describe, expect, it } from 'vitest';
import { PlatformError, RateLimitedError } from '../../../src/errors.ts';
import { PlatformHolds } from '../../../src/polling/holds.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { namesakeOf } from '../../support/tenants.ts';
import { exportJob, settle, tenantOf } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

const silent = createLogger({ level: 'silent' });
const limited = (retryAfterMs?: number) => new RateLimitedError({ message: 'slow down', retryAfterMs });

describe('a platform that requests a pause', () => {
  it.each([
    { what: 'names a time', retryAfterMs: 60_000, leftMs: 55_000 },
    { what: 'names none', retryAfterMs: undefined, leftMs: 1_000 },
  ])('is not called for new subscribers in the meantime, if it $what', async ({ retryAfterMs, leftMs }) => {
    await using setup = new WatchSetup();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? limited(retryAfterMs) : null);
    await expect(setup.subscribe()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await setup.pass(retryAfterMs === undefined ? 3_000 : 5_000);
    for (let time = 0; time < 40; time += 1) {
      await expect(setup.subscribe()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: leftMs });
    }
    expect(setup.platform.count('list')).toBe(1);
    setup.platform.failure = () => null;
    await setup.pass(leftMs);
    setup.platform.put(exportJob('a', 1));
    expect((await setup.follow()).kinds).toEqual(['SNAPSHOT a PROCESSING']);
  });

  it('is not called in the meantime although another call of the same round fails otherwise', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    setup.platform.put(exportJob('running', 1));
    await setup.follow({ ids: ['running'] });
    setup.platform.failure = ({ kind, id }) => {
      if (kind === 'list') return null;
      return id === 'limited' ? limited(60_000) : new PlatformError({ message: 'broken', status: 500 });
    };
    await expect(setup.subscribe({ ids: ['limited', 'broken'] })).rejects.toThrow();
    const calls = setup.platform.calls.length;
    await setup.pass(55_000);
    expect(setup.platform.calls).toHaveLength(calls);
  });

  it('is not called for a subscriber of another replica either', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1), exportJob('b', 2));
    await one.follow({ ids: ['a'] });
    setup.platform.failure = ({ kind }) => (kind === 'list' ? limited(60_000) : null);
    await setup.nextRound();
    const calls = setup.platform.count('list');
    setup.platform.put(exportJob('new', 3));
    await expect(other.subscribe({ ids: ['new'] })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await expect(other.subscribe()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect((await other.follow({ ids: ['b'] })).kinds).toEqual(['SNAPSHOT b PROCESSING']);
    expect(setup.platform.count('list')).toBe(calls);
  });

  it('is not called by another replica that begins to poll in the meantime', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    const first = await one.follow();
    const second = await other.follow({}, 'other');
    setup.platform.failure = ({ kind }) => (kind === 'list' ? limited(60_000) : null);
    await setup.nextRound();
    setup.platform.failure = () => null;
    const calls = setup.platform.count('list');
    setup.platform.set('a', 'SUCCEEDED');
    first.leave();
    await setup.pass(55_000);
    expect(setup.platform.count('list')).toBe(calls);
    await setup.pass(10_000);
    expect(setup.platform.calls.at(-1)).toMatchObject({ kind: 'list', by: 'other' });
    expect(second.kinds.at(-1)).toBe('CHANGED a SUCCEEDED');
  });

  it('is not called by another replica although the first stops while it stores the pause', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    let store = () => {};
    setup.storing = new Promise((resolve) => {
      store = resolve;
    });
    setup.platform.failure = ({ kind }) => (kind === 'list' ? limited(60_000) : null);
    await expect(one.subscribe()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    let isClosed = false;
    const closing = one.registry.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(isClosed).toBe(false);
    store();
    await closing;
    await expect(other.subscribe()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 60_000 });
    expect(setup.platform.count('list')).toBe(1);
  });

  it('is called by another replica that cannot read the pause, so that its live views go on', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    const first = await one.follow();
    const second = await other.follow({}, 'other');
    setup.holds = null;
    setup.platform.failure = ({ kind }) => (kind === 'list' ? limited(60_000) : null);
    await setup.nextRound();
    setup.platform.failure = () => null;
    setup.platform.set('a', 'SUCCEEDED');
    first.leave();
    await setup.pass(10_000);
    expect(second.kinds.at(-1)).toBe('CHANGED a SUCCEEDED');
  });

  it('delays only the calls of one tenant', async () => {
    await using setup = new WatchSetup();
    setup.platform.failure = ({ kind, by }) => (kind === 'list' && by === 'first' ? limited(60_000) : null);
    await expect(setup.subscribe({}, 'first')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    for (const tenant of [tenantOf('dev'), namesakeOf(tenantOf())]) {
      const watch = setup.registry.connect(tenant, setup.platform.reader('second'));
      const { signal } = new AbortController();
      await watch.subscribe({ ids: null, matches: null, signal });
    }
    expect(setup.platform.count('list')).toBe(3);
  });

  it('is not called by a nudge', async () => {
    await using setup = new WatchSetup();
    await setup.follow();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? limited(60_000) : null);
    await setup.nextRound();
    const calls = setup.platform.count('list');
    setup.nudge();
    await settle();
    expect(setup.platform.count('list')).toBe(calls);
  });
});

describe('holds', () => {
  it('are kept by tenant and service, with the latest end, and evicted when they are over', () => {
    const clock = new FakeClock();
    const holds = new PlatformHolds({ clock, logger: silent });
    const nowMs = clock.monotonicMs();
    const hold = holds.of(tenantOf(), 'export');
    hold.extend(nowMs + 10);
    hold.extend(nowMs + 5);
    expect(holds.of(tenantOf(), 'export').untilMs).toBe(nowMs + 10);
    for (const other of [holds.of(tenantOf(), 'segmentation'), holds.of(namesakeOf(tenantOf()), 'export')])
      expect(other.untilMs).toBe(0);
    expect(holds.size).toBe(1);
  });

  it('leave nothing in memory', async () => {
    const clock = new FakeClock();
    const holds = new PlatformHolds({ clock, logger: silent });
    for (let time = 0; time < 100; time += 1) {
      holds.of(tenantOf(`sandbox-${time}`), 'export').extend(clock.monotonicMs() + 10);
      await clock.advanceBy(10);
    }
    expect(holds.size).toBe(1);
  });
});
