import { errors } from 'jose';
import type { CredentialMetrics, TokenRejection } from '../metrics/credentials.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

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
  metrics,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Pick<CredentialMetrics, 'tokenRejected'>;
}): TokenRejections {
  const counts = new Map<TokenRejection, { readonly loggedAtMs: number; readonly unlogged: number }>();
  return {
    add: (reason) => {
      metrics.tokenRejected({ reason });
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
