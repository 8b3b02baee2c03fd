import { type ForbiddenError, GatewayError, type TokenExpiredError, type UnauthenticatedError } from '../errors.ts';

/** A rejection of the credential by the platform. The same call with the same credential is rejected again. */
export type Refusal = UnauthenticatedError | ForbiddenError | TokenExpiredError;

/** Whether the platform rejected the credential, so that a call with another one may succeed. */
export function isRefusal(error: unknown): error is Refusal {
  if (!(error instanceof GatewayError)) return false;
  return error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN' || error.code === 'TOKEN_EXPIRED';
}
