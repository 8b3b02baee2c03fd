import type { GatewayContext } from '../../context/context.ts';
import { OutcomeUnknownError, PlatformError } from '../../errors.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';

/** Time that a read after a successful write may take, in milliseconds. */
const readTimeoutMs = 10_000;

/**
 * Sends a write that can be repeated. If no conclusive response arrives, or the platform fails, the platform's state
 * decides whether the write was carried out.
 * @param write false if the platform does not know the entity
 * @param isCarriedOut reads the state, and compares it with the write
 * @throws the error of `write`, unless the state shows that the platform carried it out
 */
export async function sendWrite(write: () => Promise<boolean>, isCarriedOut: () => Promise<boolean>): Promise<boolean> {
  try {
    return await write();
  } catch (error) {
    const isOpen = error instanceof OutcomeUnknownError || (error instanceof PlatformError && error.status >= 500);
    // A read that fails shows nothing.
    if (isOpen && (await isCarriedOut().catch(() => false))) return true;
    throw error;
  }
}

/**
 * Reads the state after a write that the platform carried out. A read that fails or takes too long does not make a
 * failure of the write.
 * @param assumed the last known state with the change applied, which stands in for the read
 */
export async function readAfterWrite<State>(
  { clock }: Pick<GatewayContext, 'clock'>,
  read: () => Promise<State>,
  assumed: State,
): Promise<State> {
  using deadline = clock.deadline(readTimeoutMs);
  return await untilAborted(read(), deadline.signal).catch(() => assumed);
}
