import { type EventEmitter, once } from 'node:events';
import type { Clock } from './clock.ts';

/**
 * Waits for an event, or for `ms` milliseconds.
 * @throws the reason of the signal
 */
export async function eventOrTime(
  emitter: EventEmitter,
  event: string,
  ms: number,
  { clock, signal }: { readonly clock: Pick<Clock, 'sleep'>; readonly signal: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const waits = [once(emitter, event, { signal: either }), clock.sleep(ms, either)];
  try {
    await Promise.race(waits);
  } catch {
    // Only the signal can have ended the race with an error.
    signal.throwIfAborted();
  } finally {
    over.abort();
    await Promise.allSettled(waits);
  }
}
