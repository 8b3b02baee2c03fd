import fc from 'fast-check';
import { systemClock } from '../../src/runtime/clock.ts';
import { type CallbackRouter, type Reply, startCallbackRouter } from '../support/callback-router.ts';

/** What befalls some callbacks in a row, whoever they are about. */
export interface RouterTrouble {
  /** So many callbacks before it are answered well. */
  readonly after: number;
  readonly times: number;
  readonly kind: Extract<Reply, number | 'drop' | 'take and drop'> | 'slow';
}

/** A router in front of the gateways of a run. */
export interface TroubledRouter extends AsyncDisposable {
  readonly router: CallbackRouter;
  /** How many callbacks have met with trouble. */
  readonly hits: number;
}

/** How long it takes to answer when it is slow, in milliseconds: meanwhile the next events wait. */
const slowMs = 200;
/** The shortest interval, in milliseconds, so that the gateway soon notices forgotten clients. */
const heartbeatIntervalMs = 5_000;

/** 413 ends a subscription at once, and the others when four of them in a row befall one callback. */
export const routerTroubles: fc.Arbitrary<readonly RouterTrouble[]> = fc.array(
  fc.record({
    after: fc.integer({ min: 1, max: 20 }),
    times: fc.integer({ min: 1, max: 8 }),
    kind: fc.constantFrom<RouterTrouble['kind']>('slow', 'drop', 'take and drop', 413, 429, 500, 502, 503),
  }),
  { minLength: 6, maxLength: 10 },
);

/** Starts a router that gets into trouble as planned. It answers 404 when a client of its own has gone. */
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
    // A client whose last word is lost for good waits for it, behind any router, until a heartbeat is missed.
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
