import { setImmediate as turn } from 'node:timers/promises';

/** Real time that something may take that nobody announces, in milliseconds. */
const usualPatienceMs = 5_000;

/**
 * Looks again and again until `check` no longer throws, for what ends without an event that a test could wait for.
 * @throws what `check` threw last, when the patience is over
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
