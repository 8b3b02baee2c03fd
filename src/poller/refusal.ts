import { type ForbiddenError, GatewayError, type TokenExpiredError, type UnauthenticatedError } from '../errors.ts';

/** What the platform answers to a credential with which it will answer nothing else. */
export type Refusal = UnauthenticatedError | ForbiddenError | TokenExpiredError;

/** Whether the platform refused the credential, so that another one may do better. */
export function isRefusal(error: unknown): error is Refusal {
  if (!(error instanceof GatewayError)) return false;
  return error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN' || error.code === 'TOKEN_EXPIRED';
}
