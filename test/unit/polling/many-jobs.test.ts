import { describe, expect, it } from 'vitest';
import { isPullSource, type PullSource } from '../../../src/runtime/pull-source.ts';
import { exportJob, type Follower, turn } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** Both tests compare tens of thousands of jobs, which takes seconds if several processes share a core. */
const timeout = 60_000;

/** Waits until a subscriber has received as many events, which takes several turns of the event loop. */
async function received({ events }: Follower, count: number): Promise<void> {
  while (events.length < count) await turn();
}

describe('a list that is too long for one round', { timeout }, () => {
  it('is stale for watchers of the list, and recovers when it can be read to its end', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(
      ...Array.from({ length: 19_101 }, (_, index) => exportJob(`job-${index}`, 1_000 + index, 'PROCESSING')),
    );
    const everything = await setup.follow();
    const named = await setup.follow({ ids: ['job-19100'] });
    await received(everything, 19_101);
    expect(everything.kinds).toHaveLength(19_101);
    expect(everything.kinds.at(-1)).toBe('STALE');
    expect(named.kinds).toEqual(['SNAPSHOT job-19100 PROCESSING']);
    expect(setup.warnings).toMatchObject([{ kind: 'export-jobs', sandbox: 'prod', pages: 20 }]);
    setup.platform.delete('job-19000');
    await setup.pass(330_000);
    expect(everything.kinds.filter((kind) => !/job/.test(kind))).toEqual(['STALE', 'RECOVERED']);
    // The job was beyond the reach of a round, and is now within it.
    expect(everything.kinds).toContain('CREATED job-0 PROCESSING');
  });
});

describe('ten thousand running jobs', { timeout }, () => {
  it('are followed with every change within 60 seconds, at no more than 60 calls a minute', async () => {
    await using setup = new WatchSetup();
    const count = 10_000;
    setup.platform.put(...Array.from({ length: count }, (_, index) => exportJob(`job-${index}`, 1_000 + index, 'NEW')));
    const follower = await setup.follow();
    await received(follower, count);
    expect(follower.kinds).toHaveLength(count);
    setup.platform.calls.length = 0;
    for (let minute = 0; minute < 5; minute += 1) {
      const before = setup.platform.calls.length;
      const changed = Array.from({ length: 40 }, (_, index) => `job-${(index * 250 + minute * 7) % count}`);
      const status = minute % 2 === 0 ? 'PROCESSING' : 'QUEUED';
      for (const id of changed) setup.platform.set(id, status);
      setup.platform.delete(`job-${9_000 - 1 - minute}`);
      await setup.pass(60_000);
      const seen = follower.kinds.slice(count);
      for (const id of changed) expect(seen).toContain(`CHANGED ${id} ${status}`);
      expect(setup.platform.calls.length - before).toBeLessThanOrEqual(60);
    }
    await setup.pass(120_000);
    expect(follower.kinds.filter((kind) => kind.startsWith('REMOVED'))).toHaveLength(5);
  });
});

describe('the snapshots of many subscribers', () => {
  it.each(['iterate', 'listen'])('leave time for other work when the subscribers %s', async (how) => {
    await using setup = new WatchSetup();
    const [jobs, subscribers] = [600, 10];
    setup.platform.put(...Array.from({ length: jobs }, (_, index) => exportJob(`job-${index}`, 1_000 + index)));
    await setup.follow({ ids: ['job-0'] });
    const streams = await Promise.all(Array.from({ length: subscribers }, () => setup.subscribe()));
    let total = 0;
    for (const stream of streams) {
      if (how === 'listen' && isPullSource(stream)) listen(stream, () => (total += 1));
      else void iterate(stream, () => (total += 1));
    }
    const eventsByTurn = [total];
    while (total < jobs * subscribers) {
      const before = total;
      await turn();
      eventsByTurn.push(total - before);
    }
    expect(Math.max(...eventsByTurn)).toBeLessThanOrEqual(2_000);
  });
});

function listen(stream: PullSource<unknown>, onEvent: () => void): void {
  const onReadable = () => {
    try {
      while (stream.read() !== null) onEvent();
    } catch {
      // The end of the registry ends the stream with an error.
    }
  };
  stream.listen({ onReadable });
  onReadable();
}

async function iterate(stream: AsyncIterable<unknown>, onEvent: () => void): Promise<void> {
  try {
    for await (const _ of stream) onEvent();
  } catch {
    // The end of the registry ends the stream with an error.
  }
}
