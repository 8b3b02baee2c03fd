import { expect, it } from 'vitest';
import { createCredentialReport } from '../../../../src/upstream/index.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { uncountedCredentials } from '../../../support/uncounted-metrics.ts';

it('a failing credential is logged once a minute, with the number of the other failures', async () => {
  const clock = new FakeClock();
  const lines: unknown[] = [];
  const report = createCredentialReport({
    clock,
    metrics: uncountedCredentials,
    logger: { error: (line: unknown) => void lines.push(line) },
  });
  const failures = Array.from({ length: 12 }, (_, index) => new Error(`failure ${index}`));
  for (const failure of failures) report(failure);
  expect(lines).toEqual([{ err: failures[0], upstream: null }]);
  await clock.advanceBy(60_000);
  const later = new Error('later');
  report(later);
  expect(lines.slice(1)).toEqual([{ err: later, upstream: null, suppressed: 11 }]);
});
