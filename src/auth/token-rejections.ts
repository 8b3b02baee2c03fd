import { errors } from 'jose';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

/** Reason for which a token was rejected, for the log. Clients do not receive the reason for an invalid token. */
export type TokenRejection =
  | 'algorithm'
  | 'audience'
  | 'expired'
  | 'issuer'
  | 'malformed'
  | 'no expiry'
  | 'not valid yet'
  | 'organization'
  | 'other claim'
  | 'sandbox'
  | 'signature'
  | 'too long'
  | 'unknown key';

export interface TokenRejections {
  /** Counts a rejected token, and logs it unless one with the same reason was logged within the last minute. */
  add(reason: TokenRejection): void;
}

/** Minimum time between two lines with the same reason, in milliseconds. */
const logIntervalMs = 60_000;

/**
 * Logs rejected tokens for the operator: one line per reason and minute, with the number of tokens since the previous
 * line. A line contains nothing of a token.
 */
export function createTokenRejections({
  clock,
  logger,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn'>;
}): TokenRejections {
  const counts = new Map<TokenRejection, { readonly loggedAtMs: number; readonly unlogged: number }>();
  return {
    add: (reason) => {
      const nowMs = clock.monotonicMs();
      const { loggedAtMs, unlogged } = counts.get(reason) ?? { loggedAtMs: Number.NEGATIVE_INFINITY, unlogged: 0 };
      const count = unlogged + 1;
      if (nowMs - loggedAtMs < logIntervalMs) {
        counts.set(reason, { loggedAtMs, unlogged: count });
        return;
      }
      counts.set(reason, { loggedAtMs: nowMs, unlogged: 0 });
      logger.warn({ reason, count }, 'tokens of callers were rejected');
    },
  };
}

const reasonsByClaim: ReadonlyMap<string, TokenRejection> = new Map([
  ['aud', 'audience'],
  ['exp', 'no expiry'],
  ['iss', 'issuer'],
  ['nbf', 'not valid yet'],
]);

/** Returns the reason for an error of jose. */
export function tokenRejectionOf(error: unknown): TokenRejection {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return reasonsByClaim.get(error.claim) ?? 'other claim';
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown key';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) return 'algorithm';
  return 'malformed';
}
