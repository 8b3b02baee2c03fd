import type { EndSignal } from './end-signal.ts';

/**
 * Waits for a promise that other code may wait for as well.
 * @throws the signal's reason as soon as it aborts. The promise continues without this waiter.
 */
export function untilAborted<Value>(promise: Promise<Value>, signal: EndSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = () => signal.removeEventListener('abort', onAbort);
    promise.then(
      (value) => {
        leave();
        resolve(value);
      },
      (error: unknown) => {
        leave();
        reject(error);
      },
    );
  });
}
