import { describe, expect, it } from 'vitest';
import { createTokenRejections } from '../../../src/auth/token-rejections.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { uncountedCredentials } from '../../support/uncounted-metrics.ts';

describe('rejected tokens', () => {
  it('are logged once a minute for each reason, with their number', async () => {
    const clock = new FakeClock();
    const lines: unknown[] = [];
    const rejections = createTokenRejections({
      clock,
      metrics: uncountedCredentials,
      logger: { warn: (line: unknown) => void lines.push(line) },
    });
    for (let count = 0; count < 1_000; count += 1) rejections.add('audience');
    rejections.add('issuer');
    expect(lines).toEqual([
      { reason: 'audience', count: 1 },
      { reason: 'issuer', count: 1 },
    ]);
    await clock.advanceBy(59_999);
    rejections.add('audience');
    expect(lines).toHaveLength(2);
    await clock.advanceBy(1);
    rejections.add('audience');
    expect(lines[2]).toEqual({ reason: 'audience', count: 1_001 });
    rejections.add('issuer');
    expect(lines[3]).toEqual({ reason: 'issuer', count: 1 });
    rejections.add('audience');
    expect(lines).toHaveLength(4);
  });
});
