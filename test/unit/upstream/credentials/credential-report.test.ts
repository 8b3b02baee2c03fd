import { expect, it } from 'vitest';
import { createCredentialReport } from '../../../../src/upstream/index.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { uncountedCredentials } from '../../../support/uncounted-metrics.ts';

it('a failing credential is logged at most once a minute, with the number of failures since the last line', async () => {
  const clock = new FakeClock();
  const lines: unknown[] = [];
  const report = createCredentialReport({
    clock,
    metrics: uncountedCredentials,
    logger: { error: (line: unknown) => void lines.push(line) },
  });
  const [first, later] = [new Error('first'), new Error('later')];
  report(first);
  for (let call = 0; call < 10; call += 1) report(new Error('between'));
  await clock.advanceBy(59_999);
  report(new Error('between'));
  expect(lines).toEqual([{ err: first, upstream: null, failures: 1 }]);
  await clock.advanceBy(1);
  report(later);
  expect(lines).toEqual([
    { err: first, upstream: null, failures: 1 },
    { err: later, upstream: null, failures: 12 },
  ]);
});
