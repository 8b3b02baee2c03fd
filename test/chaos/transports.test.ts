import { afterAll, expect, it } from 'vitest';
import { describeViolation } from '../support/history/violation.ts';
import { describeWithRedis } from '../support/redis.ts';
import { allTransports } from '../support/transports.ts';
import { runSeed } from './run-seed.ts';

/** Another seed for each transport: together they try more. */
const firstSeed = 101;

describeWithRedis('two gateways with one Redis, of which one is restarted', () => {
  let reconnects = 0;
  // On a busy machine, no client of a single transport may hold a cursor when the gateway is restarted.
  afterAll(() => expect(reconnects).toBeGreaterThan(0));

  it.each(allTransports.map((transport, index) => ({ transport, seed: firstSeed + index })))(
    'over $transport every history goes without a gap to the truth',
    async ({ transport, seed }) => {
      const report = await runSeed(seed, { transport, replicas: 2 });
      expect(report.violations.map(describeViolation)).toEqual([]);
      // A run in which nothing happened would show nothing.
      expect(report.faultsHit).toBeGreaterThan(5);
      // A busy machine merges most events of a slow subscriber: of about 500, a fifth is left.
      expect(report.events).toBeGreaterThan(30);
      if (transport === 'callback') expect(report.routerTroubles).toBeGreaterThan(5);
      reconnects += report.reconnects;
    },
  );
});
