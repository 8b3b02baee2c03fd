import { Session } from 'node:inspector/promises';

/**
 * Returns unused memory to the operating system. It stops the thread, for about 0.1 s after the start of a gateway. V8
 * does so by itself only when memory is short. `gc` of the flag `--expose-gc` does not shrink the young generation.
 */
export async function collectGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
