import { describe, expect, it } from 'vitest';
import { exportJob } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

describe('more new jobs than the newest page shows', () => {
  it('are all followed, although a lagging replica answers for the second page', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    const { platform } = setup;
    platform.put(...Array.from({ length: 300 }, (_, index) => exportJob(`old-${index}`, 1_000 + index, 'SUCCEEDED')));
    const follower = await setup.follow({ endedWithinSeconds: 0 });
    const created = Array.from({ length: 150 }, (_, index) => exportJob(`new-${index}`, 100_000 + index));
    platform.put(...created);
    // The replica that answers for the pages behind the newest one does not know the new jobs yet.
    platform.failure = ({ kind, cursor }) => {
      for (const job of created) {
        if (kind === 'list' && cursor !== undefined) platform.unlisted.add(job.id);
        else platform.unlisted.delete(job.id);
      }
      return null;
    };
    await setup.pass(30_000);
    expect(follower.view.size).toBe(100);
    platform.failure = () => null;
    platform.unlisted.clear();
    await setup.pass(90_000);
    expect([...follower.view.keys()].toSorted()).toEqual(created.map(({ id }) => id).toSorted());
    expect(follower.kinds.filter((kind) => !kind.startsWith('CREATED'))).toEqual([]);
  });
});
