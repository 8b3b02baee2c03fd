import type { Clock } from './clock.ts';

/** Time after which other work of the process gets its turn, in milliseconds. */
const sliceMs = 8;

/**
 * Creates a function for long work that waits for nothing, such as decoding. The work calls it often, and other work of
 * the process gets its turn after some milliseconds.
 */
export function createTurns(clock: Pick<Clock, 'monotonicMs' | 'sleep'>): () => Promise<void> {
  let startedAtMs = clock.monotonicMs();
  return async () => {
    if (clock.monotonicMs() - startedAtMs < sliceMs) return;
    await clock.sleep(0);
    startedAtMs = clock.monotonicMs();
  };
}
