import { describe, expect, it } from 'vitest';
import { createConnectionRegistry } from '../../../../../src/server/connections/connection-registry.ts';
import { type CallbackTarget, deliver } from '../../../../../src/server/transports/callbacks/delivery.ts';
import { defaultPingInterval } from '../../../../support/default-config.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { testLog } from '../../../../support/records.ts';

const { signal: never } = new AbortController();

/** Delivers nothing until it is ended, and counts the checks. */
function startDelivery(clock: FakeClock, random: () => number, heartbeatMs: number) {
  const operation = new AbortController();
  const checkedAtMs: number[] = [];
  const target: CallbackTarget = { url: new URL('http://router.example/'), id: '1', verifier: 'v', heartbeatMs };
  const results = new ReadableStream<never>({
    start: (controller) => operation.signal.addEventListener('abort', () => controller.close()),
  });
  const delivered = deliver(results, target, operation, {
    router: {
      send: async () => {
        checkedAtMs.push(clock.now().getTime());
        return 'taken';
      },
    },
    clock,
    connections: createConnectionRegistry({ ...defaultPingInterval, clock: new FakeClock() }),
    maskError: () => {
      throw new Error('No error is expected.');
    },
    log: testLog(),
    closing: never,
    random,
  });
  return {
    checkedAtMs,
    end: async () => {
      operation.abort();
      await delivered;
    },
  };
}

describe('the heartbeats of subscriptions that begin together', () => {
  it('are spread over the pause between two checks, and come within each interval', async () => {
    const clock = new FakeClock();
    const startMs = clock.now().getTime();
    const count = 100;
    const deliveries = Array.from({ length: count }, (_, index) => startDelivery(clock, () => index / count, 6_000));
    await clock.advanceBy(12_000);
    const checks = deliveries.flatMap(({ checkedAtMs }) => checkedAtMs.map((at) => at - startMs));
    const perSecond = Array.from(
      { length: 12 },
      (_, second) => checks.filter((at) => Math.floor(at / 1_000) === second).length,
    );
    // The pause is 4 s: a quarter of the subscriptions in each second.
    for (const number of perSecond) expect(number).toBe(25);
    for (const { checkedAtMs } of deliveries) {
      const times = [startMs, ...checkedAtMs];
      const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      expect(Math.max(...pauses)).toBeLessThanOrEqual(4_000);
      expect(pauses.slice(1).every((pauseMs) => pauseMs === 4_000)).toBe(true);
    }
    await Promise.all(deliveries.map(({ end }) => end()));
    expect(clock.pending()).toBe(0);
  });
});
