import fc from 'fast-check';
import { systemClock } from '../../src/runtime/clock.ts';
import { type CallbackRouter, type Reply, startCallbackRouter } from '../support/callback-router.ts';

/** A fault of some consecutive callbacks, of any subscription. */
export interface RouterTrouble {
  /** Number of earlier callbacks that are answered normally. */
  readonly after: number;
  readonly times: number;
  readonly kind: Extract<Reply, number | 'drop' | 'take and drop'> | 'slow';
}

/** A router in front of the gateways of a run. */
export interface TroubledRouter extends AsyncDisposable {
  readonly router: CallbackRouter;
  /** Number of callbacks that were affected by a fault. */
  readonly hits: number;
}

/** Response time of a slow router, in milliseconds. The next events wait for it. */
const slowMs = 200;
/** Shortest heartbeat interval in milliseconds, so that the gateway soon detects forgotten clients. */
const heartbeatIntervalMs = 5_000;

/**
 * Faults of a router. A 413 ends a subscription at once; the other faults end it when four in a row affect one
 * callback.
 */
export const routerTroubles: fc.Arbitrary<readonly RouterTrouble[]> = fc.array(
  fc.record({
    after: fc.integer({ min: 1, max: 20 }),
    times: fc.integer({ min: 1, max: 8 }),
    kind: fc.constantFrom<RouterTrouble['kind']>('slow', 'drop', 'take and drop', 413, 429, 500, 502, 503),
  }),
  { minLength: 6, maxLength: 10 },
);

/** Starts a router with the planned faults. It answers 404 when its own client has left. */
export async function startTroubledRouter(troubles: readonly RouterTrouble[]): Promise<TroubledRouter> {
  const router = await startCallbackRouter({ heartbeatIntervalMs });
  const plan = troubles.flatMap(({ after, times, kind }) => [
    ...Array.from({ length: after }, () => null),
    ...Array.from({ length: times }, () => kind),
  ]);
  let callbacks = 0;
  let hits = 0;
  router.reply = async ({ action }) => {
    const trouble = plan[callbacks] ?? null;
    callbacks += 1;
    // The final message is never dropped, because its client would otherwise wait for a missed heartbeat, behind any
    // router.
    if (trouble === null || action === 'complete') return 'by the protocol';
    hits += 1;
    if (trouble !== 'slow') return trouble;
    await systemClock.sleep(slowMs);
    return 'by the protocol';
  };
  return {
    router,
    get hits() {
      return hits;
    },
    [Symbol.asyncDispose]: () => router[Symbol.asyncDispose](),
  };
}
