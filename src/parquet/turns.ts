import type { Clock } from '../runtime/clock.ts';

/** Time after which other work of the process gets its turn, in milliseconds. */
const sliceMs = 8;

/** Gives other work its turn if the current work has taken some milliseconds, because decoding does not wait for anything. */
export function createTurns(clock: Pick<Clock, 'monotonicMs' | 'sleep'>): () => Promise<void> {
  let startedAtMs = clock.monotonicMs();
  return async () => {
    if (clock.monotonicMs() - startedAtMs < sliceMs) return;
    await clock.sleep(0);
    startedAtMs = clock.monotonicMs();
  };
}
