import { expect, it } from 'vitest';
import { describeViolation } from '../support/history/violation.ts';
import { runSeed } from './run-seed.ts';

it('whatever goes wrong, nobody is told anything wrong, as `npm run chaos` tries with more seeds', async () => {
  const report = await runSeed(1);
  expect(report.violations.map(describeViolation)).toEqual([]);
  // A run in which nothing happened would show nothing.
  expect(report.faultsHit).toBeGreaterThan(5);
  expect(report.routerTroubles).toBeGreaterThan(5);
  expect(report.creates).toBeGreaterThan(20);
  expect(report.events).toBeGreaterThan(100);
  expect(report.reconnects).toBeGreaterThan(0);
});
