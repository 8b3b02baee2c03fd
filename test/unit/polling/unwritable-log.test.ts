import { expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { UpstreamUnreachableError } from '../../../src/errors.ts';
import type { EventLog } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import { failedWith } from '../upstream/layers.ts';
import { exportJob } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/**
 * Lets the platform and every write to the log fail.
 * @param error the error of the log
 */
async function failBoth(error: Error): Promise<{ readonly kind: string | undefined; readonly warnings: number }> {
  const log: EventLog<ExportJob> = createMemoryEventLog({ key: ({ id }) => id });
  let failing = false;
  const unwritable: EventLog<ExportJob> = {
    write: (write, options) => (failing ? Promise.reject(error) : log.write(write, options)),
    snapshot: () => log.snapshot(),
    open: (options) => log.open(options),
    watch: (listener) => log.watch(listener),
    markUnattended: (on) => log.markUnattended(on),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
  await using setup = new WatchSetup({ createLog: () => unwritable });
  setup.platform.put(exportJob('a', 1));
  const follower = await setup.follow();
  failing = true;
  setup.platform.failure = () => failedWith(503);
  await setup.pass(60_000);
  return { kind: follower.kinds.at(-1), warnings: setup.warnings.length };
}

it('a feed emits STALE without its event log, and logs no warnings, while the event log is unreachable', async () => {
  expect(await failBoth(new UpstreamUnreachableError({ message: 'out of reach' }))).toEqual({
    kind: 'STALE',
    warnings: 0,
  });
});

it('a feed logs any other write failure of its event log', async () => {
  const { kind, warnings } = await failBoth(new Error('a defect'));
  expect(kind).toBe('STALE');
  expect(warnings).toBeGreaterThan(0);
});
