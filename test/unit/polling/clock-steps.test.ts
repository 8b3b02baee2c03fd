import { describe, expect, it } from 'vitest';
import { exportJob, settle } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

const minute = 60_000;

describe.each([
  { step: 'back by ten minutes', byMs: -10 * minute },
  { step: 'forward by ten minutes', byMs: 10 * minute },
])('a wall clock that is set $step', ({ byMs }) => {
  it('changes neither rounds nor their events', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    setup.clock.setWallClock(byMs);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.pass(3_000);
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED']);
    expect(setup.platform.count('list')).toBe(2);
  });

  it('changes neither the linger of a feed nor the time for which its log is kept', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const first = await setup.follow();
    first.leave();
    await settle();
    setup.clock.setWallClock(byMs);
    await setup.pass(2_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 1 });
    await setup.pass(1_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 1 });
    setup.clock.setWallClock(byMs);
    await setup.pass(599_000);
    const again = await setup.follow({ after: first.cursor });
    expect(again.kinds).toEqual([]);
  });
});

describe('replicas whose wall clocks differ', () => {
  it('emit each change in the first round after a takeover', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    setup.clock.setWallClock(2 * minute);
    const first = await one.follow();
    const follower = await other.follow();
    setup.clock.setWallClock(-2 * minute);
    setup.platform.set('a', 'SUCCEEDED');
    first.leave();
    await settle();
    expect(follower.kinds).toEqual(['SNAPSHOT a NEW', 'CHANGED a SUCCEEDED']);
  });
});
