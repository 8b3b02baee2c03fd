import {
  type ForbiddenError,
  GatewayError,
  type GatewayErrorCode,
  type TokenExpiredError,
  type UnauthenticatedError,
  type UpstreamFailure,
} from '../errors.ts';

/** A failed round as it is sent to other replicas. It contains only details that clients may see. */
export interface PollFailure {
  readonly code: GatewayErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  readonly upstream: UpstreamFailure | null;
}

/** Returns null for a defect, because clients may not see its details. */
export function describeFailure(error: unknown): PollFailure | null {
  if (!(error instanceof GatewayError)) return null;
  const { code, message, retryable, retryAfterMs, upstream } = error;
  return { code, message, retryable, retryAfterMs, upstream };
}

/**
 * Delivered to subscribers that waited for a round of another replica. It has the fields of the error on that replica.
 */
export class FailedElsewhereError extends GatewayError {
  override readonly code: GatewayErrorCode;
  override readonly retryable: boolean;

  constructor({ code, message, retryable, retryAfterMs, upstream }: PollFailure) {
    super({ message, retryAfterMs: retryAfterMs ?? undefined, upstream: upstream ?? undefined });
    this.code = code;
    this.retryable = retryable;
  }
}

/** A rejection of the credential by the platform. The same call with the same credential is rejected again. */
export type AuthRejection = UnauthenticatedError | ForbiddenError | TokenExpiredError;

/** Whether the platform rejected the credential, so that a call with another one may succeed. */
export function isAuthRejection(error: unknown): error is AuthRejection {
  if (!(error instanceof GatewayError)) return false;
  return error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN' || error.code === 'TOKEN_EXPIRED';
}

/** Whether an error may concern only one entity, so that the other entities can be read. */
export function concernsOneEntity({ code }: GatewayError): boolean {
  return code === 'UPSTREAM_UNREADABLE' || code === 'PLATFORM_ERROR';
}

/**
 * Whether other calls may succeed although this one has failed. A rejection of the credential, an overload and an
 * unreachable platform concern all calls.
 */
export function concernsOneCall(error: unknown): error is GatewayError {
  if (!(error instanceof GatewayError) || error.retryAfterMs !== null) return false;
  return concernsOneEntity(error) || error.code === 'UPSTREAM_TIMEOUT';
}
