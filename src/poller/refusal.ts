import { GatewayError } from '../errors.ts';

/** Whether the platform refused the credential, so that another one may do better. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return false;
  return error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN' || error.code === 'TOKEN_EXPIRED';
}
