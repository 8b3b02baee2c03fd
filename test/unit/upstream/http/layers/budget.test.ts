import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitedError } from '../../../../../src/errors.ts';
import type { UpstreamRequest } from '../../../../../src/upstream/http/call.ts';
import { AcceptedCredentials } from '../../../../../src/upstream/http/layers/acceptance.ts';
import { withBudget } from '../../../../../src/upstream/http/layers/budget.ts';
import { PriorityQueue, type Waiter } from '../../../../../src/upstream/http/layers/priority-queue.ts';
import { createTenantBudgets } from '../../../../../src/upstream/http/layers/tenant-budget.ts';
import { createPassthroughCredential } from '../../../../../src/upstream/index.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { callerOf, limited, readRequest, settled, timedOut } from '../../layers.ts';
import { caller, countListeners, MetricsRecorder } from '../../platform-stub.ts';

/** A platform that records the time of each call, and responds at once unless the test makes it fail. */
function harness({ ratePerSecond = 10, burst = 1 } = {}) {
  const clock = new FakeClock();
  const metrics = new MetricsRecorder();
  const accepted = new AcceptedCredentials();
  accepted.accept(caller());
  const startMs = clock.now().getTime();
  const sent: { readonly path: string; readonly atMs: number }[] = [];
  let failure: Error | null = null;
  const send = withBudget({ clock, metrics, accepted, ratePerSecond, burst })(async ({ path }) => {
    sent.push({ path, atMs: clock.now().getTime() - startMs });
    if (failure !== null) throw failure;
    return path;
  });
  return {
    clock,
    metrics,
    sent,
    send,
    accepted,
    paths: () => sent.map(({ path }) => path),
    fail: (error: Error | null) => {
      failure = error;
    },
  };
}

const poll = (path: string, changes: Partial<UpstreamRequest> = {}) =>
  readRequest({ path, priority: 'poll', ...changes });
const interactive = (path: string, changes: Partial<UpstreamRequest> = {}) => readRequest({ path, ...changes });

describe('a budget', () => {
  it('permits a burst at once, and then as many calls as its rate', async () => {
    const { clock, sent, send } = harness({ ratePerSecond: 10, burst: 3 });
    const responses = Promise.all(['a', 'b', 'c', 'd', 'e'].map((path) => send(interactive(path))));
    expect(await clock.runUntil(responses)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 100, 200]);
    expect(clock.pending()).toBe(0);
  });

  it('is separate for each tenant', async () => {
    const { clock, sent, send } = harness();
    await send(interactive('a'));
    await send(interactive('b', { caller: callerOf('dev') }));
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 0]);
    expect(clock.pending()).toBe(0);
  });

  it('serves interactive calls before polls, and each in the order of arrival', async () => {
    const { clock, send, paths, metrics } = harness();
    await send(interactive('first'));
    const responses = Promise.all([
      send(poll('p1')),
      send(poll('p2')),
      send(interactive('i1')),
      send(interactive('i2')),
      clock.tick().then(() => send(interactive('i3'))),
    ]);
    await clock.runUntil(responses);
    expect(paths()).toEqual(['first', 'i1', 'i2', 'i3', 'p1', 'p2']);
    expect(metrics.budgetWaits).toContainEqual({ priority: 'poll', seconds: 0.4, granted: true });
    expect(metrics.budgetWaits).toHaveLength(5);
  });

  it('serves a poll after at most nine interactive calls', async () => {
    const { clock, send, paths } = harness();
    await send(interactive('first'));
    const responses = [send(poll('p1')), send(poll('p2'))];
    for (let index = 0; index < 30; index += 1) responses.push(send(interactive(`i${index}`)));
    await clock.runUntil(Promise.all(responses));
    expect(paths().indexOf('p1')).toBe(10);
    expect(paths().indexOf('p2')).toBe(20);
  });

  it('serves a promoted poll before other polls, but after interactive calls', async () => {
    const { clock, send, paths } = harness();
    await send(interactive('first'));
    const promote = new AbortController();
    const responses = [
      send(poll('p1')),
      send(poll('p2', { promoted: promote.signal })),
      send(interactive('i1')),
      send(poll('p3', { promoted: AbortSignal.abort() })),
    ];
    promote.abort();
    await clock.runUntil(Promise.all(responses));
    expect(paths()).toEqual(['first', 'i1', 'p3', 'p2', 'p1']);
  });
});

describe('a call that waits for a budget', () => {
  it('leaves with the reason of its signal, and the later calls move up', async () => {
    const { clock, send, paths, sent } = harness();
    await send(interactive('first'));
    const leaving = new AbortController();
    const left = expect(send(interactive('left', { signal: leaving.signal }))).rejects.toThrow('I left.');
    const staying = send(interactive('stays'));
    leaving.abort(new Error('I left.'));
    await left;
    await clock.runUntil(staying);
    expect(paths()).toEqual(['first', 'stays']);
    expect(sent[1]?.atMs).toBe(100);
  });

  it('fails at its deadline with the time after which there may be room', async () => {
    const { clock, send, metrics } = harness({ ratePerSecond: 2 });
    await send(interactive('first'));
    const others = [new AbortController(), new AbortController()];
    const waiting = others.map(({ signal }) => send(interactive('other', { signal })).then(undefined, () => 'left'));
    const late = new AbortController();
    const failure = send(interactive('late', { signal: late.signal })).then(undefined, (error: unknown) => error);
    await clock.advanceBy(250);
    late.abort(timedOut());
    expect(await failure).toMatchObject({
      constructor: RateLimitedError,
      retryable: true,
      retryAfterMs: 1_250,
      upstream: { service: 'export', status: null },
    });
    expect(metrics.budgetWaits).toEqual([{ priority: 'interactive', seconds: 0.25, granted: false }]);
    for (const other of others) other.abort(new Error('left'));
    await Promise.all(waiting);
  });

  it('leaves neither a timer nor a listener behind', async () => {
    const { clock, send } = harness();
    await send(interactive('first'));
    const leaving = new AbortController();
    const promoted = new AbortController();
    const counts = [countListeners(leaving.signal), countListeners(promoted.signal)];
    const left = send(poll('left', { signal: leaving.signal, promoted: promoted.signal })).then(undefined, () => {});
    await clock.sleeping();
    leaving.abort();
    await left;
    await settled();
    expect(clock.pending()).toBe(0);
    expect(counts.map((count) => count())).toEqual([0, 0]);
    // The line still works.
    await clock.runUntil(send(interactive('next')));
  });

  it('is not sent and uses no budget if its signal has already aborted', async () => {
    const { send, sent } = harness();
    await expect(send(interactive('gone', { signal: AbortSignal.abort(new Error('gone')) }))).rejects.toThrow('gone');
    await send(interactive('first'));
    expect(sent).toEqual([{ path: 'first', atMs: 0 }]);
  });

  it('is not overtaken by a call that arrives when there is room', async () => {
    const { clock, send, paths, fail } = harness({ ratePerSecond: 100, burst: 100 });
    // A rate that grows makes room a little before the time that was reckoned with.
    fail(limited());
    await send(interactive('refused')).then(undefined, () => {});
    fail(null);
    for (let index = 0; index < 5; index += 1) await send(interactive(`stock${index}`));
    const waits = send(interactive('waits'));
    await clock.advanceBy(196);
    const late = send(interactive('late'));
    await clock.runUntil(Promise.all([waits, late]));
    expect(paths().slice(-2)).toEqual(['waits', 'late']);
  });

  it('is rejected at once when ten thousand already wait', async () => {
    const { clock, send, sent } = harness();
    await send(interactive('first'));
    const leaving = Array.from({ length: 10_000 }, () => new AbortController());
    const waiting = leaving.map(({ signal }) => send(interactive('waits', { signal })).then(undefined, () => {}));
    await expect(send(interactive('one more'))).rejects.toMatchObject({
      constructor: RateLimitedError,
      retryAfterMs: 1_000_100,
    });
    for (const each of leaving) each.abort(new Error('All leave.'));
    await Promise.all(waiting);
    expect(sent).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });
});

describe('the credentials of one tenant', () => {
  const other = { ...caller(), credential: createPassthroughCredential({ authorization: 'Bearer b', apiKey: 'k' }) };

  it('are served in turn, so that many calls of one credential delay another by one turn', async () => {
    const { clock, send, paths, accepted } = harness();
    accepted.accept(other);
    await send(interactive('first'));
    const responses = Array.from({ length: 20 }, (_, index) => send(interactive(`many${index}`)));
    responses.push(send(interactive('other1', { caller: other })), send(interactive('other2', { caller: other })));
    await clock.runUntil(Promise.all(responses));
    expect(paths().slice(0, 6)).toEqual(['first', 'many0', 'other1', 'many1', 'other2', 'many2']);
  });

  it('share a full queue: a call of the credential with the most calls is rejected', async () => {
    const { send, accepted } = harness();
    accepted.accept(other);
    await send(interactive('first'));
    const leaving = Array.from({ length: 10_000 }, () => new AbortController());
    const outcomes = leaving.map(({ signal }, index) =>
      send(interactive(`${index}`, { signal })).then(undefined, (error: unknown) => error),
    );
    const late = new AbortController();
    const stays = send(interactive('late', { caller: other, signal: late.signal })).then(
      undefined,
      (error: unknown) => error,
    );
    expect(await outcomes.at(-1)).toBeInstanceOf(RateLimitedError);
    for (const each of [...leaving, late]) each.abort(new Error('left'));
    expect(await stays).toEqual(new Error('left'));
    await Promise.all(outcomes);
  });
});

describe('a credential that the platform has not accepted', () => {
  const invented = (token: string) => ({
    ...caller(),
    credential: createPassthroughCredential({ authorization: `Bearer ${token}`, apiKey: 'key' }),
  });

  it('waits in a separate share, and leaves accepted ones the rate of the tenant, whatever their number', async () => {
    const { clock, send, sent } = harness({ ratePerSecond: 20, burst: 20 });
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const flood = Array.from({ length: 120 }, (_, index) =>
      send(interactive('invented', { caller: invented(`x${index}`), signal: leaving.signal })).then(
        undefined,
        () => {},
      ),
    );
    const own = Array.from({ length: 20 }, () => send(interactive('own')));
    await clock.runUntil(Promise.all(own));
    const times = sent.filter(({ path }) => path === 'own').map(({ atMs }) => atMs);
    // Half of its burst at once, and then its whole rate.
    expect(times.slice(0, 10)).toEqual(Array(10).fill(0));
    expect(times.at(-1)).toBe(500);
    await clock.advanceBy(2_000);
    // Its burst and a quarter of the rate, and half of the tenant's burst once.
    const invented120 = sent.filter(({ path, atMs }) => path === 'invented' && atMs <= 500);
    expect(invented120.length).toBeLessThanOrEqual(5 + 10 + 3);
    leaving.abort(new Error('left'));
    await Promise.all(flood);
  });

  it('does not halve the budget of the tenant by a 429', async () => {
    const { clock, send, sent, fail } = harness({ ratePerSecond: 64, burst: 64 });
    fail(limited());
    for (const token of ['a', 'b', 'c'])
      await send(interactive('x', { caller: invented(token) })).then(undefined, () => {});
    fail(null);
    await clock.runUntil(Promise.all(Array.from({ length: 64 }, () => send(interactive('own')))));
    expect(sent.at(-1)?.atMs).toBe(0);
  });

  it('is served after those that the platform has never rejected', async () => {
    const { clock, send, paths, accepted } = harness({ ratePerSecond: 4 });
    for (const token of ['old1', 'old2']) accepted.reject(invented(token));
    await send(interactive('first', { caller: invented('x') }));
    const responses = ['old1', 'old2', 'new'].map((token) => send(interactive(token, { caller: invented(token) })));
    await clock.runUntil(Promise.all(responses));
    expect(paths()).toEqual(['first', 'new', 'old1', 'old2']);
  });

  it('moves to the budget of the tenant with all its calls once it is accepted', async () => {
    const { clock, send, sent, accepted } = harness({ ratePerSecond: 4, burst: 4 });
    const own = invented('mine');
    const first = send(interactive('first', { caller: own }));
    const others = ['a', 'b', 'c'].map((path) => send(interactive(path, { caller: own })));
    accepted.accept(own);
    await first;
    await Promise.all(others);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 0]);
    expect(clock.pending()).toBe(0);
  });

  it('is rejected at once when 1,000 calls of its tenant wait, or 2,000 of all tenants', async () => {
    const { send } = harness({ ratePerSecond: 4 });
    const refused: unknown[] = [];
    let count = 0;
    const call = (sandbox: string) => {
      const leaving = new AbortController();
      const { credential } = invented(`x${count}`);
      count += 1;
      const own = { tenant: callerOf(sandbox).tenant, credential };
      const response = send(interactive('x', { caller: own, signal: leaving.signal }));
      response.then(undefined, (error: unknown) => refused.push(error));
      return { response, leave: () => leaving.abort(new Error('left')) };
    };
    // The first one of each tenant goes at once.
    const calls = Array.from({ length: 1_001 }, () => call('s1'));
    await settled();
    expect(refused).toEqual([]);
    await expect(call('s1').response).rejects.toBeInstanceOf(RateLimitedError);
    await call('s2').response;
    calls.push(...Array.from({ length: 1_000 }, () => call('s2')));
    await settled();
    expect(refused).toHaveLength(1);
    await expect(call('s3').response).rejects.toBeInstanceOf(RateLimitedError);
    calls.at(-1)?.leave();
    await settled();
    expect(await call('s3').response).toBe('x');
    for (const each of calls) each.leave();
    await settled();
  });
});

describe('ended calls with unproven credentials', () => {
  it('are no longer counted, and their tenants release their shares', async () => {
    const { clock, send, sent } = harness({ ratePerSecond: 4 });
    const { credential } = { credential: createPassthroughCredential({ authorization: 'Bearer x', apiKey: 'k' }) };
    const callTo = (sandbox: string) => send(interactive(sandbox, { caller: { ...callerOf(sandbox), credential } }));
    // More calls than may wait together, and more tenants than may have a share of their own.
    for (let index = 0; index < 2_100; index += 1) {
      await callTo(`s${index}`);
      if (index % 50 === 0) await clock.advanceBy(60_000);
    }
    const before = sent.length;
    await clock.runUntil(Promise.all(['new-1', 'new-2', 'new-3'].map(callTo)));
    // Tenants that share their budget would wait for each other.
    expect(new Set(sent.slice(before).map(({ atMs }) => atMs)).size).toBe(1);
    expect(clock.pending()).toBe(0);
  });
});

describe('a 429', () => {
  const sending = async ({ clock, send }: ReturnType<typeof harness>, count: number, caller = callerOf('prod')) => {
    const responses = Array.from({ length: count }, () => send(interactive('x', { caller })).then(undefined, () => {}));
    await clock.runUntil(Promise.all(responses));
  };

  it('halves the rate once for all concurrent calls', async () => {
    const own = harness({ ratePerSecond: 64, burst: 64 });
    own.fail(limited());
    await sending(own, 64);
    own.fail(null);
    const before = own.sent.length;
    await sending(own, 64);
    const times = own.sent.slice(before).map(({ atMs }) => atMs);
    // Half of the rate and none in stock, growing by one a second.
    expect(times.at(-1)).toBeGreaterThan(1_900);
    expect(times.at(-1)).toBeLessThan(2_000);
  });

  it('halves the rate again in a later round', async () => {
    const own = harness({ ratePerSecond: 64, burst: 64 });
    own.fail(limited());
    await sending(own, 64);
    await sending(own, 1);
    own.fail(null);
    const before = own.sent.length;
    await sending(own, 64);
    const times = own.sent.slice(before).map(({ atMs }) => atMs);
    // A quarter of the rate, growing by one a second.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(3_400);
  });

  it('has no effect after a while', async () => {
    const own = harness({ ratePerSecond: 64, burst: 64 });
    own.fail(limited());
    await sending(own, 64);
    own.fail(null);
    await own.clock.advanceBy(120_000);
    const before = own.sent.length;
    await sending(own, 64);
    expect(new Set(own.sent.slice(before).map(({ atMs }) => atMs)).size).toBe(1);
  });

  it('of one tenant does not affect other tenants, whatever their number', async () => {
    const own = harness({ ratePerSecond: 64, burst: 64 });
    own.fail(limited());
    await sending(own, 64);
    own.fail(null);
    // Enough tenants that idle budgets are dropped; the budget of the limited tenant is kept.
    for (let index = 0; index < 200; index += 1) await sending(own, 1, callerOf(`s${index}`));
    const before = own.sent.length;
    await sending(own, 64);
    expect(own.sent.slice(before).at(-1)?.atMs).toBeGreaterThan(1_900);
  });
});

it('the numbers of the budgets are those of the tenant with the least budget, and contain all waiting calls', async () => {
  const { clock, metrics, send, accepted, fail } = harness({ ratePerSecond: 10, burst: 4 });
  const other = callerOf('other');
  accepted.accept(other);
  expect(metrics.budgets()).toEqual({ remainingShare: 1, rateShare: 1, waiting: 0 });
  await send(interactive('a'));
  await send(interactive('b', { caller: other }));
  await send(interactive('c', { caller: other }));
  expect(metrics.budgets()).toEqual({ remainingShare: 0.5, rateShare: 1, waiting: 0 });
  const calls = Promise.all(['d', 'e', 'f', 'g'].map((path) => send(interactive(path, { caller: other }))));
  const stranger = Promise.allSettled([1, 2, 3].map(() => send(interactive('x', { caller: callerOf('unproven') }))));
  await settled();
  expect(metrics.budgets()).toMatchObject({ remainingShare: 0, waiting: 2 });
  await clock.runUntil(Promise.all([calls, stranger]));
  await clock.advanceBy(1_000);
  expect(metrics.budgets()).toEqual({ remainingShare: 1, rateShare: 1, waiting: 0 });
  fail(limited());
  await expect(send(interactive('h'))).rejects.toThrow();
  expect(metrics.budgets()).toMatchObject({ rateShare: expect.closeTo(0.125, 5), waiting: 0 });
});

it('the budgets of idle tenants are dropped, and the budget of a tenant with waiting calls is kept', async () => {
  const clock = new FakeClock();
  const options = { clock, metrics: new MetricsRecorder(), ratePerSecond: 10, burst: 1, maxWaiting: 10 };
  const budgets = createTenantBudgets(options);
  const leaving = new AbortController();
  using busy = await budgets.of('busy').enter(readRequest());
  expect(busy).not.toBeNull();
  const waits = budgets.of('waits');
  for (const _ of [1, 2]) waits.enter(readRequest({ signal: leaving.signal })).catch(() => {});
  for (let index = 0; index < 10_000; index += 1) {
    using _permit = await budgets.of(`tenant-${index}`).enter(readRequest());
    await clock.advanceBy(index % 100 === 0 ? 1_000 : 0);
    expect(budgets.size).toBeLessThanOrEqual(256);
  }
  expect([budgets.has('busy'), budgets.of('waits') === waits]).toEqual([true, true]);
  leaving.abort();
});

it('the budget of a tenant is dropped after its waiting calls were cancelled', async () => {
  const clock = new FakeClock();
  const options = { clock, metrics: new MetricsRecorder(), ratePerSecond: 10, burst: 1, maxWaiting: 10 };
  const budgets = createTenantBudgets(options);
  const { fingerprint } = caller().credential;
  {
    using _first = await budgets.of('dismissed').enter(readRequest());
    const waiting = budgets.of('dismissed').enter(readRequest());
    budgets.of('dismissed').dismiss(fingerprint);
    expect(await waiting).toBeNull();
  }
  await clock.advanceBy(1_000);
  for (let index = 0; index < 64; index += 1) budgets.of(`tenant-${index}`);
  expect(budgets.has('dismissed')).toBe(false);
});

describe('the queue of a budget', () => {
  it('serves each waiting call exactly once, each priority in order, and a poll after at most nine others', () => {
    const moves = fc.array(fc.constantFrom('interactive', 'poll', 'next', 'next', 'leave'), { maxLength: 200 });
    fc.assert(
      fc.property(moves, (steps) => {
        const line = new PriorityQueue();
        const served: string[] = [];
        const waiting: (Waiter & { readonly id: string })[] = [];
        let overtaken = 0;
        const next = () => {
          const pollWaited = waiting.some(({ id }) => id.startsWith('poll'));
          const before = served.length;
          line.next();
          if (served.length === before) return;
          const id = served.at(-1) ?? '';
          waiting.splice(
            waiting.findIndex((waiter) => waiter.id === id),
            1,
          );
          overtaken = pollWaited && !id.startsWith('poll') ? overtaken + 1 : 0;
          expect(overtaken).toBeLessThanOrEqual(9);
        };
        for (const [index, step] of steps.entries()) {
          if (step === 'next') next();
          else if (step === 'leave') {
            const left = waiting.shift();
            if (left !== undefined) line.leave(left);
          } else {
            const id = `${step}-${String(index).padStart(3, '0')}`;
            const waiter = { id, member: 'one', go: () => void served.push(id) };
            waiting.push(waiter);
            line.join(waiter, step);
          }
          expect(line.size).toBe(waiting.length);
        }
        while (line.size > 0) next();
        expect(waiting).toEqual([]);
        expect(new Set(served).size).toBe(served.length);
        for (const kind of ['interactive', 'poll']) {
          const own = served.filter((id) => id.startsWith(kind));
          expect(own).toEqual(own.toSorted());
        }
      }),
    );
  });
});
