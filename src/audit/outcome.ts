import { GatewayError, type GatewayErrorCode, OutcomeUnknownError, PlatformError } from '../errors.ts';
import type { WriteAction } from '../upstream/types.ts';
import type { AuditOutcome } from './line.ts';

type Failure = { readonly outcome: Extract<AuditOutcome, 'rejected' | 'failed' | 'unknown'>; readonly code: string };

const notImplemented = 501;
const internal = 'INTERNAL_SERVER_ERROR';

/** The outcome of a change for which nothing was sent to the platform. */
export const outcomeOfUnsent = (error: unknown): Failure =>
  error instanceof GatewayError
    ? { outcome: isRejection(error) ? 'rejected' : 'failed', code: error.code }
    : { outcome: 'failed', code: internal };

/** The outcome of a change that may have been sent to the platform. */
export function outcomeOfSent(error: unknown, action: WriteAction): Failure {
  // A defect of the gateway can occur after the platform has carried the change out.
  if (!(error instanceof GatewayError)) return { outcome: 'unknown', code: internal };
  const mayHaveHappened = error instanceof OutcomeUnknownError || mayBeChanged(error, action);
  return mayHaveHappened ? { outcome: 'unknown', code: error.code } : outcomeOfUnsent(error);
}

/**
 * Whether the platform may have carried a change out before it failed. A create has its own error for this, so that any
 * other failure means that nothing was created.
 */
const mayBeChanged = (error: GatewayError, action: WriteAction): boolean =>
  error instanceof PlatformError && action !== 'create' && error.status >= 500 && error.status !== notImplemented;

/** Whether the caller, its rights or its input are the reason. */
function isRejection(error: GatewayError): boolean {
  if (error instanceof PlatformError) return error.status < 500 || error.status === notImplemented;
  return rejections[error.code];
}

const rejections: Readonly<Record<GatewayErrorCode, boolean>> = {
  INVALID_INPUT: true,
  NOT_FOUND: true,
  CONFLICT: true,
  UNAUTHENTICATED: true,
  FORBIDDEN: true,
  TOKEN_EXPIRED: true,
  RATE_LIMITED: true,
  GATEWAY_CREDENTIAL: false,
  PLATFORM_ERROR: false,
  UPSTREAM_TIMEOUT: false,
  UPSTREAM_UNREACHABLE: false,
  UPSTREAM_UNREADABLE: false,
  OUTCOME_UNKNOWN: false,
  FILE_UNREADABLE: false,
  SHUTTING_DOWN: false,
};
