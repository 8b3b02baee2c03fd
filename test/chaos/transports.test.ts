import { afterAll, expect, it } from 'vitest';
import { describeViolation } from '../support/history/violation.ts';
import { describeWithRedis } from '../support/redis.ts';
import { allTransports } from '../support/transports.ts';
import { runSeed } from './run-seed.ts';

/** Each transport uses another seed, so that together they cover more scenarios. */
const firstSeed = 101;

describeWithRedis('two gateways with one Redis, of which one is restarted', () => {
  let reconnects = 0;
  // Checked over all transports, because on a busy machine a single transport may have no client with a cursor when the
  // gateway restarts.
  afterAll(() => expect(reconnects).toBeGreaterThan(0));

  it.each(allTransports.map((transport, index) => ({ transport, seed: firstSeed + index })))(
    'over $transport every history leads to the truth without a gap',
    async ({ transport, seed }) => {
      const report = await runSeed(seed, { transport, replicas: 2 });
      expect(report.violations.map(describeViolation)).toEqual([]);
      // A run without faults would prove nothing.
      expect(report.faultsHit).toBeGreaterThan(5);
      // A busy machine merges most events of a slow subscriber, so that about a fifth of 500 events remains.
      expect(report.events).toBeGreaterThan(30);
      if (transport === 'callback') expect(report.routerTroubles).toBeGreaterThan(5);
      reconnects += report.reconnects;
    },
  );
});
