import { setTimeout as sleep } from 'node:timers/promises';
import { profileDataset } from '../../support/platform.ts';
import { connectRest } from '../../support/rest-client.ts';

const path = '/data/core/ups/export/jobs';
const body = { destination: { datasetId: profileDataset }, schema: { name: '_xdm.context.profile' } };

/** Creates export jobs repeatedly, directly on the platform. Disposing stops it. */
export async function startExports(platform: { readonly url: string }, everyMs: number): Promise<AsyncDisposable> {
  const rest = await connectRest(platform);
  const stop = new AbortController();
  const create = async (): Promise<void> => {
    const { status } = await rest.send('POST', path, body);
    if (status !== 200) throw new Error(`A job was not created: ${status}`);
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await create();
      // The sleep is aborted when the loop is stopped.
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
