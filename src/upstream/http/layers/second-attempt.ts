import { GatewayCredentialError, UnauthenticatedError } from '../../../errors.ts';
import type { PlatformMetrics } from '../../../metrics/platform.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { growingLru } from '../../../runtime/lru.ts';
import type { CallLayer, UpstreamRequest } from '../call.ts';
import { serviceKeyOf } from '../caller-keys.ts';
import { showsAcceptance } from './acceptance.ts';

/** Pause before the second attempt, in milliseconds: long enough for another server of the platform to respond. */
const pauseMs = 1_000;
/** Time before the deadline of a call that its second attempt needs, in milliseconds. */
const leastAttemptMs = 250;
const rejectedStatus = 401;
/** Maximum number of kept credentials. The least recently used are discarded first. */
const maxEntries = 10_000;

export interface SecondAttemptOptions {
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  /** Maximum number of attempts of a read. With 1 there is no second attempt. */
  readonly maxAttempts: number;
}

/**
 * Repeats a read one second after a 401, if the last response of the same service showed that it accepts the credential
 * (see `showsAcceptance`). Servers of the platform sometimes reject a valid token. The second rejection is final.
 *
 * A rejected credential has no second attempt until the service accepts it again, so that an invalid token causes no
 * additional call, and an expired token causes at most one additional call per read in flight. Polls have none either,
 * because subscriptions end only after two rejected proofs (see AuthorizationLeases). The gateway's own token is
 * renewed first, if it can be.
 */
export function withSecondAttempt({ clock, metrics, maxAttempts }: SecondAttemptOptions): CallLayer {
  const accepted = growingLru<true>(maxEntries);
  const accept = (key: string): void => {
    // `get` also marks an entry as used, at a lower cost than `set`.
    if (accepted.get(key) === undefined) accepted.set(key, true);
  };
  const failed = (key: string, error: unknown): void => {
    if (isRejection(error)) accepted.delete(key);
    else if (showsAcceptance(error)) accept(key);
  };
  return (next) => {
    const sendAgain = async (request: UpstreamRequest, key: string): Promise<Awaited<ReturnType<typeof next>>> => {
      metrics.retried({ service: request.service, reason: 'rejected' });
      await clock.sleep(pauseMs, request.signal);
      try {
        const response = await next(request);
        accept(key);
        return response;
      } catch (error) {
        failed(key, error);
        throw error;
      }
    };
    return (request) => {
      const key = keyOf(request);
      const mayBeMistaken = maxAttempts > 1 && request.effect === 'read' && accepted.has(key);
      return next(request).then(
        (response) => {
          accept(key);
          return response;
        },
        (error: unknown) => {
          failed(key, error);
          if (!mayBeMistaken || !isRejection(error) || !isAwaited(request) || !hasTime(request, clock)) throw error;
          return sendAgain(request, key);
        },
      );
    };
  };
}

/**
 * Whether a service of the platform rejected the credential. A rejection by the token service is about the client, and
 * final.
 */
const isRejection = (error: unknown): boolean =>
  (error instanceof UnauthenticatedError || error instanceof GatewayCredentialError) &&
  error.upstream?.status === rejectedStatus &&
  error.upstream.service !== 'ims';

/** Whether the call is interactive, or an interactive call shares its response. */
const isAwaited = ({ priority, promoted }: UpstreamRequest): boolean =>
  priority === 'interactive' || promoted?.aborted === true;

const hasTime = (
  { endsAtMs = Number.POSITIVE_INFINITY }: UpstreamRequest,
  clock: Pick<Clock, 'monotonicMs'>,
): boolean => clock.monotonicMs() + pauseMs + leastAttemptMs <= endsAtMs;

/** The key has no sandbox, because a credential belongs to an organization. */
const keyOf = ({ service, caller }: UpstreamRequest): string => serviceKeyOf(caller, service);
