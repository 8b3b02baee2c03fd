import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';

/** Default maximum wait in real time for effects without an event, in milliseconds. */
const usualPatienceMs = 5_000;
/** Number of checks before the pauses begin. Most effects need only a few turns of the event loop. */
const checksInTurn = 20;
/** Pause between later checks, in milliseconds. Without it, a long wait would take the processor from its own effect. */
const pauseMs = 5;

/**
 * Calls `check` repeatedly until it no longer throws. For effects that have no event on which a test could wait.
 * @throws the last error of `check` when the maximum wait is over
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { patienceMs = usualPatienceMs }: { readonly patienceMs?: number } = {},
): Promise<T> {
  const giveUpAt = performance.now() + patienceMs;
  for (let checks = 1; ; checks += 1) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await (checks < checksInTurn ? turn() : pause(pauseMs));
    }
  }
}
