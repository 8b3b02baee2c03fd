import { GatewayError } from '../../errors.ts';
import type { SubscriptionEnd } from '../../metrics/subscriptions.ts';

/** The reason for the end of a subscription whose events failed with this error. */
export function endReasonOf(error: unknown): SubscriptionEnd {
  if (!(error instanceof GatewayError)) return 'failed';
  switch (error.code) {
    case 'TOKEN_EXPIRED':
      return 'token_expired';
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return 'forbidden';
    case 'SHUTTING_DOWN':
      return 'shutting_down';
    default:
      return 'failed';
  }
}
