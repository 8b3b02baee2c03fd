import { expect, it } from 'vitest';
import { describeViolation } from '../support/history/violation.ts';
import { runSeed } from './run-seed.ts';

it('a run with many faults ends with correct histories, like more seeds of `npm run chaos`', async () => {
  const report = await runSeed(1);
  expect(report.violations.map(describeViolation)).toEqual([]);
  // A run without faults would prove nothing.
  expect(report.faultsHit).toBeGreaterThan(5);
  expect(report.routerTroubles).toBeGreaterThan(5);
  expect(report.creates).toBeGreaterThan(20);
  expect(report.events).toBeGreaterThan(100);
  expect(report.reconnects).toBeGreaterThan(0);
});
