import { GatewayError } from '../../errors.ts';
import type { CredentialMetrics } from '../../metrics/credentials.ts';
import type { Clock } from '../../runtime/clock.ts';
import { LimitedLines } from '../../runtime/limited-lines.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { CredentialReport } from '../caller.ts';

/** Maximum number of error lines in a minute. While the credential is wrong, every call fails for the same reason. */
const perMinute = 1;

/**
 * Logs failures of the gateway's own credential, within a limit. A line contains the service, the status, code and
 * reason of its response.
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
  const lines = new LimitedLines({ clock, perMinute });
  return (error) => {
    metrics.failed();
    const more = lines.take('');
    if (more === null) return;
    const upstream = error instanceof GatewayError ? error.upstream : null;
    logger.error({ err: error, upstream, ...more }, 'the platform credential of the gateway does not work');
  };
}
