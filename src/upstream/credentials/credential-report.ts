import { GatewayError } from '../../errors.ts';
import type { CredentialMetrics } from '../../metrics/credentials.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { CredentialReport } from '../caller.ts';

/** Minimum time between two log lines, in milliseconds. */
const intervalMs = 60_000;

/**
 * Logs failures of the gateway's own credential. It logs at most one error line per minute, because every call fails
 * while the credential is wrong. The line contains the service, the status, code and reason of its response, and the
 * number of failures since the last line.
 */
export function createCredentialReport({
  clock,
  logger,
  metrics,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly metrics: Pick<CredentialMetrics, 'failed'>;
}): CredentialReport {
  let nextAtMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  return (error) => {
    failures += 1;
    metrics.failed();
    const nowMs = clock.monotonicMs();
    if (nowMs < nextAtMs) return;
    nextAtMs = nowMs + intervalMs;
    const upstream = error instanceof GatewayError ? error.upstream : null;
    logger.error({ err: error, upstream, failures }, 'the platform credential of the gateway does not work');
    failures = 0;
  };
}
