import { describe, expect, it } from 'vitest';
import { parseTenant } from '../../../../../src/domain/tenant.ts';
import {
  NotFoundError,
  OutcomeUnknownError,
  RateLimitedError,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
  UpstreamUnreadableError,
} from '../../../../../src/errors.ts';
import { CircuitOpenError, withCircuit } from '../../../../../src/upstream/http/layers/circuit-breaker.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { callerOf, failedWith, limited, readRequest, timedOut, unreachable } from '../../layers.ts';
import { caller, MetricsRecorder } from '../../platform-stub.ts';

const upstream = { service: 'export', requestId: null, code: null, title: null };
const lost = (status: number | null) =>
  new OutcomeUnknownError({ message: 'Lost.', upstream: { ...upstream, status } });

/** A read of an organization that this name makes up. */
const of = (name: string) => {
  const tenant = parseTenant(`${name.padEnd(24, '0')}@AdobeOrg`, 'prod');
  if (tenant === null) throw new Error('This is no organization.');
  return readRequest({ caller: { ...caller(), tenant } });
};

function harness() {
  const clock = new FakeClock();
  const metrics = new MetricsRecorder();
  let sent = 0;
  let outcome: (() => Promise<string>) | Error | string = 'response';
  const send = withCircuit({ clock, metrics })(async () => {
    sent += 1;
    if (typeof outcome === 'function') return await outcome();
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
  const call = (request = readRequest()) => send(request).then(undefined, (error: unknown) => error);
  return {
    clock,
    metrics,
    call,
    sent: () => sent,
    respond: (next: typeof outcome) => {
      outcome = next;
    },
    /** Makes `count` calls that fail. */
    fail: async (count: number, failure: Error = failedWith(503)) => {
      outcome = failure;
      for (let index = 0; index < count; index += 1) await call();
    },
  };
}

describe('a circuit', () => {
  it.each([
    ['500', failedWith(500)],
    ['503', failedWith(503)],
    ['silence', timedOut()],
    ['broken connections', unreachable(true)],
    ['creates without a response', lost(null)],
    ['creates that a proxy lost', lost(504)],
  ])('opens after ten consecutive failures (%s): calls then fail at once with the time to wait', async (_, failure) => {
    const { fail, call, sent, metrics } = harness();
    await fail(9, failure);
    expect(await call()).toBe(failure);
    expect(await call()).toMatchObject({
      constructor: CircuitOpenError,
      code: 'UPSTREAM_UNREACHABLE',
      retryable: true,
      retryAfterMs: 1_000,
      upstream: { service: 'export', status: null },
    });
    expect(sent()).toBe(10);
    expect(metrics.circuitChanges).toEqual([{ service: 'export', open: true }]);
    expect(new CircuitOpenError({ message: '' })).toBeInstanceOf(UpstreamUnreachableError);
  });

  it.each([
    ['501', failedWith(501)],
    ['404', new NotFoundError('7', { message: 'No.', upstream: { ...upstream, status: 404 } })],
    ['429', limited()],
    ['a create with an unreadable response', lost(200)],
    [
      'an unreadable response',
      new UpstreamUnreadableError({ message: 'Odd.', upstream: { ...upstream, status: 200 } }),
    ],
  ])('does not count %s, which shows that the service is available', async (_, failure) => {
    const { fail, call, sent } = harness();
    await fail(9);
    await fail(1, failure);
    await fail(9);
    await call();
    expect(sent()).toBe(20);
  });

  it.each([
    ['a caller that left', new Error('I left.')],
    ['a budget that was used up', new RateLimitedError({ message: 'Wait.', upstream: { ...upstream, status: null } })],
    ['a deadline without a call', new UpstreamTimeoutError({ message: 'Late.' })],
  ])('ignores %s', async (_, nothing) => {
    const { fail, call, sent } = harness();
    await fail(20, nothing);
    await fail(9);
    await fail(1, nothing);
    await fail(1);
    expect(await call()).toBeInstanceOf(CircuitOpenError);
    expect(sent()).toBe(31);
  });

  it('restarts its count after a response', async () => {
    const { fail, call, respond, sent } = harness();
    await fail(9);
    respond('response');
    expect(await call()).toBe('response');
    await fail(9);
    expect(sent()).toBe(19);
    respond('response');
    expect(await call()).toBe('response');
  });

  it('is separate for each service and organization, and shared by all its sandboxes', async () => {
    const { fail, call, respond } = harness();
    await fail(10);
    respond('response');
    expect(await call(readRequest({ service: 'catalog' }))).toBe('response');
    expect(await call(readRequest({ caller: callerOf('dev') }))).toBeInstanceOf(CircuitOpenError);
    expect(await call(of('B'))).toBe('response');
  });

  it('of one organization stays open while another is served, and does not cause a probe for the other', async () => {
    const { clock, fail, call, respond } = harness();
    for (let second = 0; second < 20; second += 1) {
      await fail(20);
      respond('response');
      expect([await call(of('B')), await call(of('B'))]).toEqual(['response', 'response']);
      await clock.advanceBy(1_000);
    }
  });
});

describe('an open circuit', () => {
  it('permits one call after a second, and all calls after the response to it', async () => {
    const { clock, fail, call, respond, sent, metrics } = harness();
    await fail(10);
    await clock.advanceBy(999);
    expect(await call()).toMatchObject({ retryAfterMs: 1 });
    await clock.advanceBy(1);

    let respondToProbe = (_: string) => {};
    respond(
      () =>
        new Promise((resolve) => {
          respondToProbe = resolve;
        }),
    );
    const probe = call();
    expect(await call()).toBeInstanceOf(CircuitOpenError);
    expect(sent()).toBe(11);
    respondToProbe('back');
    expect(await probe).toBe('back');
    respond('response');
    expect(await Promise.all([call(), call(), call()])).toEqual(['response', 'response', 'response']);
    expect(metrics.circuitChanges.map(({ open }) => open)).toEqual([true, false]);
  });

  it('closes on any response of the service', async () => {
    const { clock, fail, call, respond } = harness();
    await fail(10);
    await clock.advanceBy(1_000);
    await fail(1, limited());
    respond('response');
    expect(await call()).toBe('response');
  });

  it('doubles its pause after each failed probe, up to eight seconds', async () => {
    const { clock, fail, call, sent } = harness();
    await fail(10);
    const pauses: number[] = [];
    for (let probes = 0; probes < 6; probes += 1) {
      const refused = await call();
      const waitMs = refused instanceof CircuitOpenError ? (refused.retryAfterMs ?? 0) : 0;
      pauses.push(waitMs);
      await clock.advanceBy(waitMs);
      await call();
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    expect(sent()).toBe(16);
  });

  it('is not kept open by calls that were sent before', async () => {
    const { clock, fail, call, respond } = harness();
    let failOld = () => {};
    respond(
      () =>
        new Promise((_, reject) => {
          failOld = () => reject(failedWith(503));
        }),
    );
    const old = call();
    await fail(10);
    failOld();
    await old;
    await clock.advanceBy(1_000);
    respond('response');
    expect(await call()).toBe('response');
  });

  it('does not wait for a probe that hangs, and permits one probe per pause', async () => {
    const { clock, fail, call, respond } = harness();
    await fail(10);
    await clock.advanceBy(1_000);
    respond(() => new Promise(() => {}));
    void call();
    respond('response');
    expect(await call()).toMatchObject({ retryAfterMs: 1_000 });
    await clock.advanceBy(1_000);
    expect(await call()).toBe('response');
  });

  it('permits another probe at once when the caller of the first one left', async () => {
    const { clock, fail, call, respond } = harness();
    await fail(10);
    await clock.advanceBy(1_000);
    await fail(1, new Error('I left.'));
    respond('response');
    expect(await call()).toBe('response');
  });
});

describe('a service that fails for several organizations', () => {
  /** Makes calls of each of these organizations that fail. */
  const failing = async ({ call, respond }: ReturnType<typeof harness>, orgs: readonly string[], count: number) => {
    respond(failedWith(503));
    for (let index = 0; index < count; index += 1) for (const org of orgs) await call(of(org));
  };

  it('receives no calls of any organization, after one probe of each', async () => {
    const own = harness();
    await failing(own, ['A', 'B', 'C', 'D'], 10);
    const before = own.sent();
    expect(await own.call(of('E'))).not.toBeInstanceOf(CircuitOpenError);
    for (let call = 0; call < 5; call += 1) expect(await own.call(of('E'))).toBeInstanceOf(CircuitOpenError);
    expect(own.sent()).toBe(before + 1);
  });

  it('pauses for two seconds after the first failed probe of an organization, then twice as long each time', async () => {
    const own = harness();
    await failing(own, ['A', 'B', 'C', 'D'], 10);
    const pauses: number[] = [];
    for (let probes = 0; probes < 5; probes += 1) {
      await own.call(of('E'));
      const refused = await own.call(of('E'));
      const waitMs = refused instanceof CircuitOpenError ? (refused.retryAfterMs ?? 0) : 0;
      pauses.push(waitMs);
      await own.clock.advanceBy(waitMs);
    }
    expect(pauses).toEqual([2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it('still receives calls of other organizations when only two fail', async () => {
    const own = harness();
    await failing(own, ['A', 'B'], 9);
    await failing(own, ['A', 'B'], 30);
    own.respond('response');
    for (let call = 0; call < 5; call += 1) expect(await own.call(of('C'))).toBe('response');
  });

  it('still receives calls of other organizations when only one fails after responses to others', async () => {
    const own = harness();
    await failing(own, ['A', 'B', 'C'], 1);
    own.respond('response');
    expect(await own.call(of('D'))).toBe('response');
    for (let probe = 0; probe < 40; probe += 1) {
      await failing(own, ['A'], 10);
      await own.clock.advanceBy(8_000);
    }
    // A failed call of another organization is no probe of a service that is down.
    await failing(own, ['E'], 1);
    own.respond('response');
    expect(await own.call(of('E'))).toBe('response');
  });

  it('has its most recently failed circuit kept when there are too many', async () => {
    const own = harness();
    await own.fail(10);
    const other = async (index: number) => {
      await failing(own, [index.toString(16).toUpperCase().padStart(4, '0')], 1);
      // Responses to another organization, so that the service does not count as down.
      own.respond('response');
      if (index % 30 === 0) await own.call(of('Z'));
    };
    for (let index = 0; index < 9_999; index += 1) await other(index);
    await own.clock.advanceBy(1_000);
    await own.fail(1);
    await other(10_000);
    expect(await own.call()).toBeInstanceOf(CircuitOpenError);
    // The one that failed longest ago was dropped, so that 9 more failures do not open it.
    await failing(own, ['0000'], 9);
    own.respond('response');
    expect(await own.call(of('0000'))).toBe('response');
  });

  it('is available to all again after the first response to any', async () => {
    const own = harness();
    await failing(own, ['A', 'B', 'C', 'D'], 10);
    await own.call(of('E'));
    own.respond('response');
    expect(await own.call(of('F'))).toBe('response');
    expect(await own.call(of('E'))).toBe('response');
    expect(await own.call(of('A'))).toBeInstanceOf(CircuitOpenError);
    await own.clock.advanceBy(1_000);
    expect(await own.call(of('A'))).toBe('response');
  });

  it('has as many open circuits as were counted, after thousands of organizations', async () => {
    const own = harness();
    await failing(own, ['A', 'B', 'C', 'D'], 10);
    for (let index = 0; index < 12_000; index += 1)
      await own.call(of(index.toString(16).toUpperCase().padStart(4, '0')));
    const open = own.metrics.circuitChanges.reduce((sum, change) => sum + (change.open ? 1 : -1), 0);
    expect(open).toBe(10_000);
  });
});
