import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpstreamUnreadableError } from '../../../../../src/errors.ts';
import type { UpstreamRequest } from '../../../../../src/upstream/http/call.ts';
import { CircuitOpenError } from '../../../../../src/upstream/http/layers/circuit-breaker.ts';
import { type RetryOptions, withRetry } from '../../../../../src/upstream/http/layers/retry.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { failedWith, limited, readRequest, settled, timedOut, unreachable } from '../../layers.ts';
import { MetricsRecorder } from '../../platform-stub.ts';

const circuitOpen = (retryAfterMs: number) => new CircuitOpenError({ message: 'Open.', retryAfterMs });

/** Returns the outcomes in turn; the last is repeated. `sentAtMs` has the times of the calls since the start. */
function harness(
  outcomes: readonly (Error | string)[],
  options: Partial<Pick<RetryOptions, 'random' | 'maxAttempts'>> = {},
) {
  const { random = () => 0.5, maxAttempts = 4 } = options;
  const clock = new FakeClock();
  const metrics = new MetricsRecorder();
  const startMs = clock.monotonicMs();
  const sentAtMs: number[] = [];
  const send = withRetry({ clock, metrics, random, maxAttempts })(async () => {
    const outcome = outcomes[Math.min(sentAtMs.length, outcomes.length - 1)] ?? 'none';
    sentAtMs.push(clock.monotonicMs() - startMs);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
  return { clock, metrics, sentAtMs, startMs, send: (request: UpstreamRequest) => clock.runUntil(send(request)) };
}

describe('a read', () => {
  it.each([
    { what: '429', failure: limited(), reason: 'rate-limited' },
    { what: '502', failure: failedWith(502), reason: 'unavailable' },
    { what: '503', failure: failedWith(503), reason: 'unavailable' },
    { what: '504', failure: failedWith(504), reason: 'unavailable' },
    { what: 'no connection', failure: unreachable(false), reason: 'unreachable' },
    { what: 'a broken connection', failure: unreachable(true), reason: 'unreachable' },
  ])('is sent again after $what', async ({ failure, reason }) => {
    const { send, metrics, sentAtMs } = harness([failure, 'response']);
    expect(await send(readRequest())).toBe('response');
    expect(sentAtMs).toHaveLength(2);
    expect(metrics.retries).toEqual([{ service: 'export', reason }]);
  });

  it('succeeds after a 429, a 503 and a broken connection in sequence', async () => {
    const { send, sentAtMs } = harness([limited(), failedWith(503), unreachable(true), 'response']);
    expect(await send(readRequest({ method: 'POST' }))).toBe('response');
    expect(sentAtMs).toHaveLength(4);
  });

  it.each([
    ['500', failedWith(500)],
    ['501', failedWith(501)],
    ['404', failedWith(404)],
    ['silence', timedOut()],
    ['an unreadable response', new UpstreamUnreadableError({ message: 'Odd.' })],
    ['a defect', new TypeError('oops')],
  ])('is not sent again after %s', async (_, failure) => {
    const { send, sentAtMs } = harness([failure]);
    await expect(send(readRequest())).rejects.toBe(failure);
    expect(sentAtMs).toHaveLength(1);
  });

  it('fails with the unchanged last failure after four attempts', async () => {
    const last = failedWith(503);
    const { send, sentAtMs } = harness([limited(), failedWith(502), unreachable(true), last]);
    await expect(send(readRequest())).rejects.toBe(last);
    expect(sentAtMs).toHaveLength(4);
  });
});

describe('the pause before a retry', () => {
  it('is random between zero and a bound that doubles, up to four seconds', async () => {
    const options = { maxAttempts: 8, random: () => 0.999_999 };
    const { send, sentAtMs } = harness([failedWith(503)], options);
    await expect(send(readRequest())).rejects.toThrow();
    const pauses = sentAtMs.slice(1).map((at, index) => at - (sentAtMs[index] ?? 0));
    expect(pauses).toEqual([249, 499, 999, 1_999, 3_999, 3_999, 3_999]);
    const none = harness([failedWith(503)], { ...options, random: () => 0 });
    await expect(none.send(readRequest())).rejects.toThrow();
    expect(none.sentAtMs).toEqual(Array.from({ length: 8 }, () => 0));
  });

  it('is the requested pause plus a random part', async () => {
    const { send, sentAtMs } = harness([limited(7_000), failedWith(503, 2_000), 'response']);
    expect(await send(readRequest())).toBe('response');
    expect(sentAtMs).toEqual([0, 7_125, 9_250]);
  });

  it('ends with the reason of the signal', async () => {
    const { clock, sentAtMs } = harness([]);
    const leaving = new AbortController();
    const send = withRetry({ clock, metrics: new MetricsRecorder(), random: () => 0.5, maxAttempts: 4 })(async () => {
      sentAtMs.push(0);
      throw failedWith(503);
    });
    const response = send(readRequest({ signal: leaving.signal }));
    const failure = expect(response).rejects.toThrow('I left.');
    await clock.sleeping();
    leaving.abort(new Error('I left.'));
    await failure;
    expect(clock.pending()).toBe(0);
    expect(sentAtMs).toHaveLength(1);
  });

  it('never exceeds the deadline, and otherwise the last failure is thrown at once', async () => {
    const failure = limited(5_000);
    const { send, sentAtMs, startMs, clock } = harness([failure, 'response']);
    await expect(send(readRequest({ endsAtMs: startMs + 5_200 }))).rejects.toBe(failure);
    expect(sentAtMs).toEqual([0]);
    expect(clock.monotonicMs()).toBe(startMs);
  });

  it('leaves time for an attempt, whatever the failure and the requested pause', async () => {
    const failure = fc.oneof(
      fc.constantFrom(failedWith(502), unreachable(true), limited(), circuitOpen(900)),
      fc.integer({ min: 0, max: 40_000 }).map((ms) => limited(ms)),
    );
    const failures = fc.array(failure, { minLength: 1, maxLength: 10 });
    const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    await fc.assert(
      fc.asyncProperty(failures, chances, fc.integer({ min: 0, max: 60_000 }), async (outcomes, chance, timeMs) => {
        const { send, sentAtMs, startMs, clock } = harness(outcomes, { random: () => chance });
        const outcome = await send(readRequest({ endsAtMs: startMs + timeMs })).catch((error: unknown) => error);
        expect(outcomes).toContain(outcome);
        expect(sentAtMs.length).toBeLessThanOrEqual(4);
        for (const at of sentAtMs.slice(1)) expect(at).toBeLessThanOrEqual(timeMs - 250);
        // Whenever a call was sent again, not before the platform wanted it.
        for (const [index, at] of sentAtMs.slice(0, -1).entries()) {
          const asked = outcomes[Math.min(index, outcomes.length - 1)]?.retryAfterMs ?? 0;
          expect((sentAtMs[index + 1] ?? 0) - at).toBeGreaterThanOrEqual(asked);
        }
        expect(clock.pending()).toBe(0);
      }),
    );
  });
});

describe('a write', () => {
  const writes = [
    { method: 'POST', effect: 'create' },
    { method: 'PATCH', effect: 'update' },
  ] as const;

  it.each(writes)(
    'with the effect $effect is never sent again, not even if its first attempt was not sent',
    async (write) => {
      for (const failure of [limited(), failedWith(503), unreachable(false), circuitOpen(1)]) {
        const { send, sentAtMs } = harness([failure, 'response']);
        await expect(send(readRequest(write))).rejects.toBe(failure);
        expect(sentAtMs).toHaveLength(1);
      }
    },
  );

  it('with the effect delete is sent again only if its first attempt was not sent', async () => {
    const write = { method: 'DELETE', effect: 'delete' } as const;
    for (const failure of [limited(), failedWith(503), unreachable(true), timedOut()]) {
      const { send, sentAtMs } = harness([failure, 'response']);
      await expect(send(readRequest(write))).rejects.toBe(failure);
      expect(sentAtMs).toHaveLength(1);
    }
    const { send, sentAtMs } = harness([unreachable(false), 'response']);
    expect(await send(readRequest(write))).toBe('response');
    expect(sentAtMs).toHaveLength(2);
  });
});

describe('an open circuit', () => {
  it('rejects a call at once before its first attempt', async () => {
    const open = circuitOpen(1_000);
    const { send, sentAtMs } = harness([open, 'response']);
    await expect(send(readRequest())).rejects.toBe(open);
    expect(sentAtMs).toEqual([0]);
  });

  it('delays a call after its first attempt, which fails with the last failure of the platform', async () => {
    const passing = harness([failedWith(503), circuitOpen(1_000), 'response']);
    expect(await passing.send(readRequest())).toBe('response');
    expect(passing.sentAtMs).toEqual([0, 125, 1_250]);
    expect(passing.metrics.retries.map(({ reason }) => reason)).toEqual(['unavailable', 'circuit-open']);

    const said = failedWith(503);
    const failing = harness([said, circuitOpen(1_000)]);
    await expect(failing.send(readRequest())).rejects.toBe(said);
    expect(failing.sentAtMs).toHaveLength(4);
  });
});

it('a successful read leaves no timer behind', async () => {
  const { send, clock, metrics } = harness(['response']);
  expect(await send(readRequest())).toBe('response');
  await settled();
  expect(clock.pending()).toBe(0);
  expect(metrics.retries).toEqual([]);
});
