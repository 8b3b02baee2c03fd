import { describe, expect, it } from 'vitest';
import { createTokenRejections } from '../../../src/auth/token-rejections.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { testLog } from '../../support/records.ts';
import { uncountedCredentials } from '../../support/uncounted-metrics.ts';

describe('rejected tokens', () => {
  it('are logged with the id of their request, ten times a minute for each reason', async () => {
    const clock = new FakeClock();
    const lines: Record<string, unknown>[] = [];
    const logger = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
    const rejections = createTokenRejections({ clock, metrics: uncountedCredentials, logger });
    for (let count = 0; count < 1_000; count += 1) rejections.add('audience', testLog(logger));
    rejections.add('issuer', undefined);
    expect(lines).toHaveLength(11);
    expect(lines[0]).toMatchObject({ level: 'warn', reason: 'audience', requestId: 'request-1' });
    expect(lines[10]).toMatchObject({ level: 'warn', reason: 'issuer' });
    await clock.advanceBy(60_000);
    rejections.add('audience', undefined);
    expect(lines.slice(11)).toMatchObject([{ level: 'warn', reason: 'audience', suppressed: 990 }]);
  });
});
