import { GatewayError, OutcomeUnknownError, UnauthenticatedError } from '../../../errors.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { LimitedLines } from '../../../runtime/limited-lines.ts';
import type { Logger } from '../../../runtime/logger.ts';
import type { CallLayer, UpstreamRequest } from '../call.ts';

/** Maximum number of lines about one service and status in a minute. */
const perMinute = 20;

/** Codes of failures that are about the request itself, and an expected response to it. */
const expected: ReadonlySet<GatewayError['code']> = new Set(['INVALID_INPUT', 'NOT_FOUND', 'CONFLICT']);

/**
 * Logs each attempt of a call that failed: one line with the ids of both sides, without any text of the platform, which
 * can repeat values of the caller. A rejection of the gateway's own credential is logged where it is final.
 */
export function withFailureLog({
  clock,
  logger,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}): CallLayer {
  const lines = new LimitedLines({ clock, perMinute });
  return (next) => (request) => {
    const { call } = request;
    call.attempts += 1;
    const attempt = call.attempts;
    return next(request).then(undefined, (error: unknown) => {
      if (isUnexpected(request, error)) write(request, error, attempt);
      throw error;
    });
  };

  function write({ service, method, caller, call }: UpstreamRequest, error: GatewayError, attempt: number): void {
    const { status = null, requestId = null, code = null } = error.upstream ?? {};
    const more = lines.take(`${service} ${status ?? error.code}`);
    if (more === null) return;
    const { org, sandbox } = caller.tenant;
    const ids = { requestId: call.requestId, sentRequestId: call.sentId, platformRequestId: requestId };
    const failure = { service, method, status, code: error.code, platformCode: code, attempt };
    const line = { ...ids, ...failure, org, sandbox, ...more };
    if (error instanceof OutcomeUnknownError) logger.error(line, 'the outcome of a write is unknown');
    else logger.warn(line, 'a call to the platform failed');
  }
}

/** An error without a call is no response of the platform: the client has left, or the gateway has a defect. */
function isUnexpected({ caller }: UpstreamRequest, error: unknown): error is GatewayError {
  if (!(error instanceof GatewayError) || error.upstream === null || expected.has(error.code)) return false;
  return !(error instanceof UnauthenticatedError && caller.credential.owner === 'gateway');
}
