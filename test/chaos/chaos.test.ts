import { expect, it } from 'vitest';
import { describeViolation } from '../support/history/violation.ts';
import { runSeed } from './run-seed.ts';

/** Two of those that `npm run chaos` tries. */
it.each([1, 2])('whatever goes wrong, nobody is told anything wrong: seed %i', async (seed) => {
  const report = await runSeed(seed);
  expect(report.violations.map(describeViolation)).toEqual([]);
  // A run in which nothing happened would show nothing.
  expect(report.faultsHit).toBeGreaterThan(5);
  expect(report.creates).toBeGreaterThan(20);
  expect(report.events).toBeGreaterThan(100);
  expect(report.reconnects).toBeGreaterThan(5);
});
