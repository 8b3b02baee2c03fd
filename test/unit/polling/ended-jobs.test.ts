import { describe, expect, it } from 'vitest';
import type { ExportJobStatus } from '../../../src/domain/export-job.ts';
import { exportJob, FakePlatform } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** Watches a job while its status on the platform changes. */
async function kindsAfter(first: ExportJobStatus, then: ExportJobStatus): Promise<readonly string[]> {
  const platform = new FakePlatform();
  const now = platform.clock.now();
  const { metrics } = exportJob('a', 0);
  const totalTime = { startedAt: now, endedAt: now, durationMs: 0 };
  platform.put(exportJob('a', now.getTime(), first, { metrics: { ...metrics, totalTime } }));
  await using setup = new WatchSetup({ platform });
  const follower = await setup.follow({ endedWithinSeconds: 900 });
  platform.set('a', then);
  await setup.nextRound();
  return follower.kinds.slice(1);
}

describe('an ended job', () => {
  it.each<ExportJobStatus>(['SUCCEEDED', 'FAILED', 'CANCELLED', 'UNKNOWN'])(
    'does not run again where the platform lags behind its end as %s',
    async (end) => {
      expect(await kindsAfter(end, 'PROCESSING')).toEqual([]);
    },
  );

  it.each<ExportJobStatus>(['SUCCEEDED', 'FAILED', 'CANCELLED'])(
    'stays %s when the platform shows an unknown word',
    async (end) => {
      expect(await kindsAfter(end, 'UNKNOWN')).toEqual([]);
    },
  );

  it('of an unknown status receives the status of its end', async () => {
    expect(await kindsAfter('UNKNOWN', 'SUCCEEDED')).toEqual(['CHANGED a SUCCEEDED']);
  });
});
