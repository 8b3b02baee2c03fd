import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitedError } from '../../../src/errors.ts';
import { withBudget } from '../../../src/upstream/budget.ts';
import type { UpstreamRequest } from '../../../src/upstream/call.ts';
import { WaitingLine } from '../../../src/upstream/waiting-line.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { callerOf, limited, readRequest, settled, timedOut } from './layers.ts';
import { countListeners, MetricsRecorder } from './platform-stub.ts';

/** A platform that notes which call came when, and answers at once unless it is told to fail. */
function harness({ ratePerSecond = 10, burst = 1 } = {}) {
  const clock = new FakeClock();
  const metrics = new MetricsRecorder();
  const startMs = clock.now().getTime();
  const sent: { readonly path: string; readonly atMs: number }[] = [];
  let failure: Error | null = null;
  const send = withBudget({ clock, metrics, ratePerSecond, burst })(async ({ path }) => {
    sent.push({ path, atMs: clock.now().getTime() - startMs });
    if (failure !== null) throw failure;
    return path;
  });
  return {
    clock,
    metrics,
    sent,
    send,
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
  it('lets a burst through at once, and then as many calls as its rate', async () => {
    const { clock, sent, send } = harness({ ratePerSecond: 10, burst: 3 });
    const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map((path) => send(interactive(path))));
    expect(await clock.runUntil(answers)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 100, 200]);
    expect(clock.pending()).toBe(0);
  });

  it('is one per tenant', async () => {
    const { clock, sent, send } = harness();
    await send(interactive('a'));
    await send(interactive('b', { caller: callerOf('dev') }));
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 0]);
    expect(clock.pending()).toBe(0);
  });

  it('serves interactive calls before polls, and each in the order in which they came', async () => {
    const { clock, send, paths, metrics } = harness();
    await send(interactive('first'));
    const answers = Promise.all([
      send(poll('p1')),
      send(poll('p2')),
      send(interactive('i1')),
      send(interactive('i2')),
      clock.tick().then(() => send(interactive('i3'))),
    ]);
    await clock.runUntil(answers);
    expect(paths()).toEqual(['first', 'i1', 'i2', 'i3', 'p1', 'p2']);
    expect(metrics.budgetWaits).toContainEqual({ priority: 'poll', seconds: 0.4, granted: true });
    expect(metrics.budgetWaits).toHaveLength(5);
  });

  it('lets a poll go after nine interactive calls at the latest', async () => {
    const { clock, send, paths } = harness();
    await send(interactive('first'));
    const answers = [send(poll('p1')), send(poll('p2'))];
    for (let index = 0; index < 30; index += 1) answers.push(send(interactive(`i${index}`)));
    await clock.runUntil(Promise.all(answers));
    expect(paths().indexOf('p1')).toBe(10);
    expect(paths().indexOf('p2')).toBe(20);
  });

  it('lets a poll that is hastened go before other polls, behind interactive calls', async () => {
    const { clock, send, paths } = harness();
    await send(interactive('first'));
    const hasten = new AbortController();
    const answers = [
      send(poll('p1')),
      send(poll('p2', { hastened: hasten.signal })),
      send(interactive('i1')),
      send(poll('p3', { hastened: AbortSignal.abort() })),
    ];
    hasten.abort();
    await clock.runUntil(Promise.all(answers));
    expect(paths()).toEqual(['first', 'i1', 'p3', 'p2', 'p1']);
  });
});

describe('who waits for a budget', () => {
  it('leaves with the reason of its signal, and lets the others move up', async () => {
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

  it('is told at its deadline when there may be room', async () => {
    const { clock, send, metrics } = harness({ ratePerSecond: 2 });
    await send(interactive('first'));
    const others = [new AbortController(), new AbortController()];
    const waiting = others.map(({ signal }) => send(interactive('other', { signal })).catch(() => 'left'));
    const late = new AbortController();
    const failure = send(interactive('late', { signal: late.signal })).catch((error: unknown) => error);
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
    const hastened = new AbortController();
    const counts = [countListeners(leaving.signal), countListeners(hastened.signal)];
    const left = send(poll('left', { signal: leaving.signal, hastened: hastened.signal })).catch(() => {});
    await clock.sleeping();
    leaving.abort();
    await left;
    await settled();
    expect(clock.pending()).toBe(0);
    expect(counts.map((count) => count())).toEqual([0, 0]);
    // The line still works.
    await clock.runUntil(send(interactive('next')));
  });

  it('before it came makes no call and takes nothing', async () => {
    const { send, sent } = harness();
    await expect(send(interactive('gone', { signal: AbortSignal.abort(new Error('gone')) }))).rejects.toThrow('gone');
    await send(interactive('first'));
    expect(sent).toEqual([{ path: 'first', atMs: 0 }]);
  });

  it('is not overtaken by one who comes just when there is room', async () => {
    const { clock, send, paths, fail } = harness({ ratePerSecond: 100, burst: 100 });
    // A rate that grows makes room a little before the time that was reckoned with.
    fail(limited());
    await send(interactive('refused')).catch(() => {});
    fail(null);
    for (let index = 0; index < 5; index += 1) await send(interactive(`stock${index}`));
    const waits = send(interactive('waits'));
    await clock.advanceBy(196);
    const late = send(interactive('late'));
    await clock.runUntil(Promise.all([waits, late]));
    expect(paths().slice(-2)).toEqual(['waits', 'late']);
  });

  it('is refused at once when ten thousand wait already', async () => {
    const { clock, send, sent } = harness();
    await send(interactive('first'));
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const waiting = Array.from({ length: 10_000 }, () =>
      send(interactive('waits', { signal: leaving.signal })).catch(() => {}),
    );
    await expect(send(interactive('one more'))).rejects.toMatchObject({
      constructor: RateLimitedError,
      retryAfterMs: 1_000_100,
    });
    leaving.abort(new Error('All leave.'));
    await Promise.all(waiting);
    expect(sent).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });
});

describe('a 429', () => {
  const sending = async ({ clock, send }: ReturnType<typeof harness>, count: number, caller = callerOf('prod')) => {
    const answers = Array.from({ length: count }, () => send(interactive('x', { caller })).catch(() => {}));
    await clock.runUntil(Promise.all(answers));
  };

  it('halves the rate, once for all calls that were under way together', async () => {
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

  it('in a later round halves it again', async () => {
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

  it('is forgotten after a while', async () => {
    const own = harness({ ratePerSecond: 64, burst: 64 });
    own.fail(limited());
    await sending(own, 64);
    own.fail(null);
    await own.clock.advanceBy(120_000);
    const before = own.sent.length;
    await sending(own, 64);
    expect(new Set(own.sent.slice(before).map(({ atMs }) => atMs)).size).toBe(1);
  });

  it('of one tenant costs no other tenant anything, however many come and go', async () => {
    const own = harness({ ratePerSecond: 64, burst: 64 });
    own.fail(limited());
    await sending(own, 64);
    own.fail(null);
    // Enough tenants to make the idle ones be forgotten; the one that was limited is not.
    for (let index = 0; index < 200; index += 1) await sending(own, 1, callerOf(`s${index}`));
    const before = own.sent.length;
    await sending(own, 64);
    expect(own.sent.slice(before).at(-1)?.atMs).toBeGreaterThan(1_900);
  });
});

describe('the waiting line', () => {
  it('serves everybody who stays exactly once, each kind in order, and no poll waits longer than nine others', () => {
    const moves = fc.array(fc.constantFrom('interactive', 'poll', 'next', 'next', 'leave'), { maxLength: 200 });
    fc.assert(
      fc.property(moves, (steps) => {
        const line = new WaitingLine();
        const served: string[] = [];
        const waiting: { readonly id: string; readonly go: () => void }[] = [];
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
            const waiter = { id, go: () => void served.push(id) };
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
