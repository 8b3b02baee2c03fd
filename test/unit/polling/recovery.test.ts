import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withCircuit } from '../../../src/upstream/http/layers/circuit-breaker.ts';
import { failedWith, readRequest } from '../upstream/layers.ts';
import { MetricsRecorder } from '../upstream/platform-stub.ts';
import { exportJob, settle } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** Maximum time from the return of the platform to RECOVERED, in milliseconds. */
const recoveryMs = 20_000;
/** Time for two failed rounds, in milliseconds. */
const untilStaleMs = 15_000;

it('a recovery is reported within 20 seconds of the return of the platform, even if other callers keep its circuit open', async () => {
  const outage = fc.record({
    /** Pauses between the calls of other callers, in milliseconds. */
    calls: fc.array(fc.integer({ min: 100, max: 9_000 }), { minLength: 5, maxLength: 40 }),
    chances: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
  });
  await fc.assert(
    fc.asyncProperty(outage, async ({ calls, chances }) => {
      const random = () => chances.next().value ?? 0;
      await using setup = new WatchSetup({ random });
      const { platform, clock } = setup;
      const circuit = withCircuit({ clock, metrics: new MetricsRecorder() });
      platform.through = (call) => Promise.resolve(circuit(call)(readRequest()));
      platform.put(exportJob('a', 1));
      const follower = await setup.follow();
      const unending = { signal: AbortSignal.any([]) };
      const asOthers = () => platform.reader('others').exportJobs(unending).list({ limit: 1 });

      platform.failure = () => failedWith(503);
      await setup.pass(untilStaleMs);
      for (const ms of calls) {
        await setup.pass(ms);
        await asOthers().catch(() => undefined);
      }
      expect(follower.kinds.at(-1)).toBe('STALE');
      platform.failure = () => null;
      await setup.pass(recoveryMs);
      await settle();
      expect(follower.kinds.at(-1)).toBe('RECOVERED');
    }),
    { numRuns: 50 },
  );
});
