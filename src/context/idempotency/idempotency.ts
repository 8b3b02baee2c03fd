import {
  ConflictError,
  mayHaveHappened,
  OutcomeUnknownError,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
} from '../../errors.ts';
import type { WriteMetrics } from '../../metrics/writes.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type Claim, digest, type IdempotencyKey, type IdempotencyStore } from './store.ts';

/** A create that must happen once, however often it is requested. */
export interface IdempotentCreate extends IdempotencyKey {
  /** The checked input, which must be the same for the same key. */
  readonly input: unknown;
  /** Aborts the wait for another request with the same key. A create that has begun is completed. */
  readonly signal: AbortSignal;
  /** Logger of the caller's request. @default the logger of the store */
  readonly logger?: Pick<Logger, 'warn'>;
}

/**
 * Creates an entity, and returns its id.
 * @param starting must be awaited immediately before the create is sent. Until then, a failure or the loss of this
 *   replica leaves the key free. It throws if the key is no longer held.
 */
export type Create = (starting: () => Promise<void>) => Promise<string>;

export interface IdempotencyOutcome {
  readonly id: string;
  /** Whether an earlier request created the entity. */
  readonly replayed: boolean;
}

/** Results of creates by idempotency key, of all tenants. */
export interface IdempotencyRecords {
  /**
   * Creates an entity, or returns the id that an earlier request with the same key created. While one request creates,
   * the others wait for it. If its create fails without an effect, one of them creates instead, with its own
   * credential. A create with an unknown outcome keeps the key.
   * @throws {ConflictError} the key was used with another input before
   * @throws {OutcomeUnknownError} an earlier create may have happened. Nothing was created now.
   * @throws {UpstreamTimeoutError} another request still holds the key. Nothing was created by this one.
   * @throws {UpstreamUnreachableError} the records are unavailable. Nothing was created.
   * @throws the error of `create`, or the reason of the signal
   */
  run(request: IdempotentCreate, create: Create): Promise<IdempotencyOutcome>;
}

/**
 * Maximum time that a request waits for other requests with the same key, in milliseconds. It is longer than one create
 * takes.
 */
const patienceMs = 60_000;

/** The state machine of idempotency keys: free → claimed → running → done or unknown, or free again. */
export function createIdempotencyRecords({
  store,
  clock,
  metrics,
}: {
  readonly store: IdempotencyStore;
  readonly clock: Pick<Clock, 'deadline'>;
  readonly metrics: WriteMetrics;
}): IdempotencyRecords {
  const run: IdempotencyRecords['run'] = async ({ input, signal, logger, ...key }, create) => {
    const inputDigest = digest(JSON.stringify(input));
    using patience = clock.deadline(patienceMs);
    for (;;) {
      const found = await store.claim(key, inputDigest, logger);
      switch (found.state) {
        case 'claimed':
          return { id: await createUnder(found.claim, create), replayed: false };
        case 'done':
          return { id: found.id, replayed: true };
        case 'conflict':
          throw new ConflictError({ message: 'The idempotency key was used before, with another input.' });
        case 'unknown':
          throw new OutcomeUnknownError({
            message: 'The idempotency key was used before, and the outcome of that create is unknown.',
          });
        case 'busy':
          await found.changed(AbortSignal.any([signal, patience.signal])).catch((reason: unknown) => {
            if (!patience.signal.aborted) throw reason;
            throw new UpstreamTimeoutError({
              message: 'Another request with the same idempotency key is still running.',
            });
          });
      }
    }
  };
  return {
    run: async (request, create) => {
      try {
        const outcome = await run(request, create);
        metrics.keyUsed({ outcome: outcome.replayed ? 'replayed' : 'created' });
        return outcome;
      } catch (error) {
        metrics.keyUsed({ outcome: 'failed' });
        throw error;
      }
    },
  };
}

async function createUnder(claim: Claim, create: Create): Promise<string> {
  let started = false;
  const starting = async () => {
    if (!(await claim.start())) {
      throw new UpstreamUnreachableError({
        message: 'The claim on the idempotency key was lost before the create. Nothing was created.',
      });
    }
    started = true;
  };
  let id: string;
  try {
    id = await create(starting);
  } catch (error) {
    await claim.end({ state: started && mayHaveHappened(error) ? 'unknown' : 'free' });
    throw error;
  }
  await claim.end({ state: 'done', id });
  return id;
}
