import { setImmediate as turn } from 'node:timers/promises';

/** Default maximum wait in real time for effects without an event, in milliseconds. */
const usualPatienceMs = 5_000;

/**
 * Calls `check` repeatedly until it no longer throws. For effects that have no event on which a test could wait.
 * @throws the last error of `check` when the maximum wait is over
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { patienceMs = usualPatienceMs }: { readonly patienceMs?: number } = {},
): Promise<T> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await turn();
    }
  }
}
