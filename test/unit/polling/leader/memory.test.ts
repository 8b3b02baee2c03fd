import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { PollCoordinator } from '../../../../src/polling/leader/election.ts';
import { createMemoryCoordinator } from '../../../../src/polling/leader/memory.ts';
import { tenantOf, turn } from '../fake-platform.ts';

const feed = { tenant: tenantOf(), kind: 'export-jobs' };

/** Joins a feed, and records the calls of its listener. */
function join(coordinator: PollCoordinator, name = feed) {
  const notified: string[] = [];
  const seat = coordinator.join(name, {
    received: ({ kind }) => notified.push(kind),
    termChanged: (holder) => notified.push(holder),
    unreachable: () => notified.push('unreachable'),
  });
  const controller = new AbortController();
  return { seat, notified, controller, acquireLease: () => seat.acquireLease(controller.signal) };
}

describe('the coordinator of one process', () => {
  it('lets one seat poll at a time, and then the one that has waited longest', async () => {
    await using coordinator = createMemoryCoordinator();
    const [one, two, three] = [join(coordinator), join(coordinator), join(coordinator)];
    const lease = await one.acquireLease();
    const waiting = [two.acquireLease(), three.acquireLease()];
    expect([one, two, three].map(({ seat }) => seat.term)).toEqual([1, 1, 1]);
    await lease.release();
    const second = await waiting[0];
    expect([second?.term, one.seat.term]).toEqual([2, 2]);
    // The lease was released before.
    await lease.release();
    expect(two.seat.term).toBe(2);
    await second?.release();
    expect((await waiting[1])?.term).toBe(3);
    expect(three.notified).toEqual(['elsewhere', 'nobody', 'elsewhere', 'nobody', 'here']);
  });

  it('keeps its seats connected when one that does not poll leaves', async () => {
    await using coordinator = createMemoryCoordinator();
    const [polls, leaves] = [join(coordinator), join(coordinator)];
    const lease = await polls.acquireLease();
    await leaves.seat[Symbol.asyncDispose]();
    expect([lease.lost.aborted, polls.seat.term]).toEqual([false, 1]);
    const comes = join(coordinator);
    expect(comes.seat.term).toBe(1);
    await comes.seat.send({ kind: 'awaited' });
    await coordinator.send(feed, { kind: 'nudge' });
    expect(polls.notified).toEqual(['here', 'awaited', 'nudge']);
    expect(comes.notified).toEqual(['nudge']);
    await leaves.seat.send({ kind: 'joined' });
    expect(leaves.notified).not.toContain('nudge');
  });

  it('gives the lease of a seat that leaves to the next one', async () => {
    await using coordinator = createMemoryCoordinator();
    const [leaves, waits] = [join(coordinator), join(coordinator)];
    const lease = await leaves.acquireLease();
    const next = waits.acquireLease();
    await leaves.seat[Symbol.asyncDispose]();
    expect(lease.lost.aborted).toBe(true);
    expect((await next).term).toBe(2);
    expect(waits.notified).toEqual(['elsewhere', 'nobody', 'here']);
  });

  it('reports each holder once', async () => {
    await using coordinator = createMemoryCoordinator();
    const [one, two] = [join(coordinator), join(coordinator)];
    const first = two.acquireLease();
    await first;
    void one.acquireLease().catch(() => undefined);
    await turn();
    expect([one.notified, two.notified]).toEqual([['elsewhere'], ['here']]);
    one.controller.abort();
  });

  it('does not elect a seat that no longer waits, and leaves no listener on its signal', async () => {
    await using coordinator = createMemoryCoordinator();
    const [one, two, three] = [join(coordinator), join(coordinator), join(coordinator)];
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

  it('does not connect the seats of two kinds or two sandboxes', async () => {
    await using coordinator = createMemoryCoordinator();
    const feeds = [feed, { ...feed, kind: 'schedules' }, { ...feed, tenant: tenantOf('dev') }];
    const seats = feeds.map((name) => join(coordinator, name));
    const terms = await Promise.all(seats.map(async ({ acquireLease }) => (await acquireLease()).term));
    expect(terms).toEqual([1, 2, 3]);
    await coordinator.send(feed, { kind: 'nudge' });
    expect(seats.map(({ notified }) => notified)).toEqual([['here', 'nudge'], ['here'], ['here']]);
  });

  it('ends all leases at its end', async () => {
    const coordinator = createMemoryCoordinator();
    const seats = [join(coordinator), join(coordinator, { ...feed, kind: 'schedules' })];
    const leases = await Promise.all(seats.map(({ acquireLease }) => acquireLease()));
    await coordinator[Symbol.asyncDispose]();
    expect(leases.map(({ lost }) => lost.aborted)).toEqual([true, true]);
    expect(join(coordinator).seat.term).toBe(null);
  });

  it('returns the scope of all other seats', async () => {
    await using coordinator = createMemoryCoordinator();
    const [one, two, three] = [join(coordinator), join(coordinator), join(coordinator)];
    expect(await one.seat.otherScopes()).toBe(null);
    await one.seat.publishScope({ everything: true, ids: new Set(['own']) });
    await two.seat.publishScope({ everything: false, ids: new Set(['a']) });
    await three.seat.publishScope({ everything: false, ids: new Set(['b']) });
    expect(await one.seat.otherScopes()).toEqual({ everything: false, ids: new Set(['a', 'b']) });
    await two.seat.publishScope(null);
    await three.seat[Symbol.asyncDispose]();
    expect(await one.seat.otherScopes()).toBe(null);
  });
});
