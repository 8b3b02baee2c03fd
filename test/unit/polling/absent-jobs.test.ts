import { describe, expect, it } from 'vitest';
import { NotFoundError } from '../../../src/errors.ts';
import { exportJob, settle } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

const manyEnded = (count: number, fromMs: number) =>
  Array.from({ length: count }, (_, index) => exportJob(`ended-${index}`, fromMs + index, 'SUCCEEDED'));

/** Sets up a running job that is read by id, because the newest page does not show it. */
async function setupOldJob(options: ConstructorParameters<typeof WatchSetup>[0] = {}) {
  const setup = new WatchSetup(options);
  setup.platform.put(exportJob('old', 1), ...manyEnded(150, 10));
  return setup;
}

describe('a job that one reading does not find', () => {
  it('stays when the next reading finds it', async () => {
    await using setup = await setupOldJob();
    const named = await setup.follow({ ids: ['old'] });
    const everything = await setup.follow();
    const hidden = setup.platform.hide('old');
    await setup.nextRound();
    hidden.end();
    await setup.pass(2_000);
    setup.platform.set('old', 'SUCCEEDED');
    await setup.pass(5_000);
    expect(named.kinds).toEqual(['SNAPSHOT old PROCESSING', 'CHANGED old SUCCEEDED']);
    expect(named.ended).toBe('completed');
    expect(everything.kinds).toEqual(['SNAPSHOT old PROCESSING', 'CHANGED old SUCCEEDED']);
  });

  it('is removed when the second consecutive reading, soon after the first, does not find it either', async () => {
    await using setup = await setupOldJob();
    const follower = await setup.follow({ ids: ['old'] });
    await setup.pass(120_000);
    setup.platform.delete('old');
    await setup.nextRound();
    expect(follower.kinds).toEqual(['SNAPSHOT old PROCESSING']);
    await setup.pass(1_999);
    expect(follower.kinds).toHaveLength(1);
    await setup.pass(1);
    expect(follower.kinds).toEqual(['SNAPSHOT old PROCESSING', 'REMOVED old PROCESSING']);
  });

  it.each(['nudges', 'subscribers that wait'])(
    'is not removed by two readings of one moment, after %s',
    async (cause) => {
      await using setup = await setupOldJob({ ownRights: false });
      const follower = await setup.follow({ ids: ['old'] });
      await setup.pass(10_000);
      const hidden = setup.platform.hide('old');
      for (let time = 0; time < 5; time += 1) {
        if (cause === 'nudges') setup.nudge();
        else await expect(setup.subscribe({ ids: [`unknown-${time}`] })).rejects.toBeInstanceOf(NotFoundError);
        await settle();
      }
      hidden.end();
      await setup.pass(60_000);
      expect(follower.kinds).toEqual(['SNAPSHOT old PROCESSING']);
    },
  );

  it('is not removed by two readings with a successful one between them', async () => {
    await using setup = await setupOldJob();
    const follower = await setup.follow();
    for (let time = 0; time < 3; time += 1) {
      const hidden = setup.platform.hide('old');
      await setup.nextRound();
      hidden.end();
      await setup.nextRound();
    }
    expect(follower.kinds).toEqual(['SNAPSHOT old PROCESSING']);
  });

  it('is not removed by one reading with each of two credentials', async () => {
    await using setup = await setupOldJob();
    const first = await setup.follow({}, 'first');
    const second = await setup.follow({}, 'second');
    setup.platform.hide('old');
    await setup.nextRound();
    first.leave();
    await settle();
    await setup.pass(2_000);
    expect(second.kinds).toEqual(['SNAPSHOT old PROCESSING']);
    await setup.pass(2_000);
    expect(second.kinds).toEqual(['SNAPSHOT old PROCESSING', 'REMOVED old PROCESSING']);
  });

  it('is not removed when only the polling credential cannot see it, and is followed with another credential', async () => {
    await using setup = await setupOldJob();
    const limited = await setup.follow({}, 'limited');
    const owner = await setup.follow({ ids: ['old'] }, 'owner');
    setup.platform.hides = ({ by, id }) => by === 'limited' && id === 'old';
    setup.platform.put(exportJob('young', 5_000));
    await setup.pass(60_000);
    setup.platform.set('old', 'SUCCEEDED');
    await setup.pass(30_000);
    expect(owner.kinds).toEqual(['SNAPSHOT old PROCESSING', 'CHANGED old SUCCEEDED']);
    expect(limited.kinds).not.toContain('REMOVED old PROCESSING');
  });

  it('is removed when no credential can see it', async () => {
    await using setup = await setupOldJob();
    const followers = await Promise.all(['one', 'two', 'three'].map((by) => setup.follow({ ids: ['old'] }, by)));
    setup.platform.delete('old');
    await setup.pass(30_000);
    for (const { kinds } of followers) expect(kinds).toEqual(['SNAPSHOT old PROCESSING', 'REMOVED old PROCESSING']);
  });

  it('is not removed by one reading of each of two replicas', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('old', 1), ...manyEnded(150, 10));
    const first = await one.follow();
    const second = await other.follow();
    const hidden = setup.platform.hide('old');
    await setup.nextRound();
    first.leave();
    await settle();
    expect(second.kinds).toEqual(['SNAPSHOT old PROCESSING']);
    hidden.end();
    await setup.pass(4_000);
    expect(second.kinds).toEqual(['SNAPSHOT old PROCESSING']);
  });

  it('is created again for its watchers when it reappears, and is followed', async () => {
    await using setup = await setupOldJob();
    const everything = await setup.follow();
    const named = await setup.follow({ ids: ['old', 'ended-149'] });
    setup.platform.put(exportJob('other', 5_000));
    const both = await setup.follow({ ids: ['old', 'other'] });
    const hidden = setup.platform.hide('old');
    await setup.pass(10_000);
    hidden.end();
    await setup.pass(70_000);
    setup.platform.set('old', 'FAILED');
    await setup.pass(30_000);
    const again = ['REMOVED old PROCESSING', 'CREATED old PROCESSING', 'CHANGED old FAILED'];
    expect(everything.kinds.filter((kind) => kind.includes('old')).slice(1)).toEqual(again);
    expect(both.kinds.slice(2)).toEqual(again);
    expect(named.kinds.at(-1)).toBe('REMOVED old PROCESSING');
    expect(named.ended).toBe('completed');
  });

  it('is read with growing pauses, and is given up after some readings if no subscriber names it', async () => {
    await using setup = await setupOldJob();
    await setup.follow();
    setup.platform.delete('old');
    await setup.pass(3_600_000);
    expect(setup.platform.count('get')).toBeLessThan(10);
    expect(setup.platform.count('get')).toBeGreaterThan(3);
  });
});

describe('a named job that the platform does not have', () => {
  it('fails only its subscriber, and is read again for the next one', async () => {
    await using setup = await setupOldJob();
    const owner = await setup.follow({ ids: ['old'] }, 'owner');
    await expect(setup.subscribe({ ids: ['old', 'new'] })).rejects.toBeInstanceOf(NotFoundError);
    setup.platform.put(exportJob('new', 5));
    const next = await setup.follow({ ids: ['new'] });
    expect(next.kinds).toEqual(['SNAPSHOT new PROCESSING']);
    expect([owner.kinds, owner.ended]).toEqual([['SNAPSHOT old PROCESSING'], null]);
  });

  it('fails a new subscriber although its state was remembered, and is removed after the second reading', async () => {
    await using setup = await setupOldJob({ ownRights: false });
    setup.platform.put(exportJob('other', 2));
    const first = await setup.follow();
    await setup.follow({ ids: ['other'] });
    first.leave();
    await setup.nextRound();
    setup.platform.delete('old');
    setup.platform.calls.length = 0;
    await expect(setup.subscribe({ ids: ['old'] })).rejects.toBeInstanceOf(NotFoundError);
    expect(setup.platform.calls.filter(({ id }) => id === 'old')).toHaveLength(1);
    const resumed = await setup.follow({ ids: ['old'], after: first.cursor });
    await setup.pass(2_000);
    expect(resumed.kinds).toEqual(['REMOVED old PROCESSING']);
    expect(resumed.ended).toBe('completed');
  });

  it('is read for each new subscriber, even while a resumed subscriber waits for it', async () => {
    await using setup = await setupOldJob();
    const first = await setup.follow({ ids: ['old'] });
    const waiting = await setup.follow({ ids: ['old', 'unknown'], after: first.cursor });
    await setup.pass(10_000);
    await expect(setup.subscribe({ ids: ['unknown'] })).rejects.toBeInstanceOf(NotFoundError);
    setup.platform.put(exportJob('unknown', 5, 'NEW'));
    expect((await setup.follow({ ids: ['unknown'] })).kinds).toEqual(['SNAPSHOT unknown NEW']);
    expect(waiting.kinds).toEqual(['CREATED unknown NEW']);
  });
});
