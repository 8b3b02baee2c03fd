import { errors } from 'jose';
import type { CredentialMetrics, TokenRejection } from '../metrics/credentials.ts';
import type { Clock } from '../runtime/clock.ts';
import { LimitedLines } from '../runtime/limited-lines.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RequestLog } from '../runtime/request-log.ts';

export interface TokenRejections {
  /**
   * Counts a rejected token, and logs it within a limit.
   * @param log of the request that sent the token; undefined: it has none
   */
  add(reason: TokenRejection, log: RequestLog | undefined): void;
}

/** Maximum number of lines with the same reason in a minute. Anyone can send invalid tokens, as often as wanted. */
const perMinute = 10;

/** Logs rejected tokens for the operator. The caller does not receive the reason. A line contains nothing of a token. */
export function createTokenRejections({
  clock,
  logger,
  metrics,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Pick<CredentialMetrics, 'tokenRejected'>;
}): TokenRejections {
  const lines = new LimitedLines({ clock, perMinute });
  return {
    add: (reason, log) => {
      metrics.tokenRejected({ reason });
      const more = lines.take(reason);
      if (more !== null) (log?.logger ?? logger).warn({ reason, ...more }, 'the token of a caller was rejected');
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
