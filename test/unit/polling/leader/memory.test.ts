import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { LeaderElections } from '../../../../src/polling/leader/election.ts';
import { createMemoryElections } from '../../../../src/polling/leader/memory.ts';
import { tenantOf, turn } from '../fake-platform.ts';

const feed = { tenant: tenantOf(), kind: 'export-jobs' };

/** Joins a feed, and records the calls of its listener. */
function join(elections: LeaderElections, name = feed) {
  const notified: string[] = [];
  const election = elections.join(name, {
    received: ({ kind }) => notified.push(kind),
    termChanged: (holder) => notified.push(holder),
    unreachable: () => notified.push('unreachable'),
  });
  const controller = new AbortController();
  return { election, notified, controller, acquireLease: () => election.acquireLease(controller.signal) };
}

describe('the leader elections of one process', () => {
  it('lets one candidate poll at a time, and then the candidate that has waited longest', async () => {
    await using elections = createMemoryElections();
    const [one, two, three] = [join(elections), join(elections), join(elections)];
    const lease = await one.acquireLease();
    const waiting = [two.acquireLease(), three.acquireLease()];
    expect([one, two, three].map(({ election }) => election.term)).toEqual([1, 1, 1]);
    await lease.release();
    const second = await waiting[0];
    expect([second?.term, one.election.term]).toEqual([2, 2]);
    // The lease was released before.
    await lease.release();
    expect(two.election.term).toBe(2);
    await second?.release();
    expect((await waiting[1])?.term).toBe(3);
    expect(three.notified).toEqual(['elsewhere', 'none', 'elsewhere', 'none', 'here']);
  });

  it('keeps its candidates connected when a candidate that does not poll leaves', async () => {
    await using elections = createMemoryElections();
    const [polls, leaves] = [join(elections), join(elections)];
    const lease = await polls.acquireLease();
    await leaves.election[Symbol.asyncDispose]();
    expect([lease.lost.aborted, polls.election.term]).toEqual([false, 1]);
    const comes = join(elections);
    expect(comes.election.term).toBe(1);
    await comes.election.send({ kind: 'awaited' });
    await elections.send(feed, { kind: 'nudge' });
    expect(polls.notified).toEqual(['here', 'awaited', 'nudge']);
    expect(comes.notified).toEqual(['nudge']);
    await leaves.election.send({ kind: 'joined' });
    expect(leaves.notified).not.toContain('nudge');
  });

  it('passes the lease of a candidate that leaves to the next one', async () => {
    await using elections = createMemoryElections();
    const [leaves, waits] = [join(elections), join(elections)];
    const lease = await leaves.acquireLease();
    const next = waits.acquireLease();
    await leaves.election[Symbol.asyncDispose]();
    expect(lease.lost.aborted).toBe(true);
    expect((await next).term).toBe(2);
    expect(waits.notified).toEqual(['elsewhere', 'none', 'here']);
  });

  it('reports each holder once', async () => {
    await using elections = createMemoryElections();
    const [one, two] = [join(elections), join(elections)];
    const first = two.acquireLease();
    await first;
    void one.acquireLease().catch(() => undefined);
    await turn();
    expect([one.notified, two.notified]).toEqual([['elsewhere'], ['here']]);
    one.controller.abort();
  });

  it('does not elect a candidate that no longer waits, and leaves no listener on its signal', async () => {
    await using elections = createMemoryElections();
    const [one, two, three] = [join(elections), join(elections), join(elections)];
    const lease = await one.acquireLease();
    expect(getEventListeners(one.controller.signal, 'abort')).toEqual([]);
    const reason = new Error('nobody watches');
    const stopped = two.acquireLease();
    const next = three.acquireLease();
    two.controller.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    await expect(two.acquireLease()).rejects.toBe(reason);
    await lease.release();
    expect((await next).term).toBe(2);
  });

  it('does not connect the candidates of two kinds or two sandboxes', async () => {
    await using elections = createMemoryElections();
    const feeds = [feed, { ...feed, kind: 'schedules' }, { ...feed, tenant: tenantOf('dev') }];
    const joined = feeds.map((name) => join(elections, name));
    const terms = await Promise.all(joined.map(async ({ acquireLease }) => (await acquireLease()).term));
    expect(terms).toEqual([1, 2, 3]);
    await elections.send(feed, { kind: 'nudge' });
    expect(joined.map(({ notified }) => notified)).toEqual([['here', 'nudge'], ['here'], ['here']]);
  });

  it('ends all leases at its end', async () => {
    const elections = createMemoryElections();
    const joined = [join(elections), join(elections, { ...feed, kind: 'schedules' })];
    const leases = await Promise.all(joined.map(({ acquireLease }) => acquireLease()));
    await elections[Symbol.asyncDispose]();
    expect(leases.map(({ lost }) => lost.aborted)).toEqual([true, true]);
    expect(join(elections).election.term).toBe(null);
  });

  it('returns the scope of all other candidates', async () => {
    await using elections = createMemoryElections();
    const [one, two, three] = [join(elections), join(elections), join(elections)];
    expect(await one.election.otherScopes()).toBe(null);
    await one.election.publishScope({ everything: true, ids: new Set(['own']) });
    await two.election.publishScope({ everything: false, ids: new Set(['a']) });
    await three.election.publishScope({ everything: false, ids: new Set(['b']) });
    expect(await one.election.otherScopes()).toEqual({ everything: false, ids: new Set(['a', 'b']) });
    await two.election.publishScope(null);
    await three.election[Symbol.asyncDispose]();
    expect(await one.election.otherScopes()).toBe(null);
  });
});
