import { GatewayError } from '../../errors.ts';
import type { SubscriptionEnd } from '../../metrics/subscriptions.ts';

export type { SubscriptionEnd } from '../../metrics/subscriptions.ts';

/** The reason with which an operation is aborted when its client has left, or its connection was closed. */
export class ClientLeftError extends Error {
  /** It is the name of the reason of an abort without a reason, and nothing unexpected for the log. */
  override readonly name = 'AbortError';
  readonly end: SubscriptionEnd;

  constructor(end: SubscriptionEnd) {
    super(`The client has left: ${end}.`);
    this.end = end;
  }
}

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

/** The reason for the end of a subscription whose operation was aborted with this reason. */
export function endReasonOfAbort(reason: unknown): SubscriptionEnd {
  if (reason instanceof ClientLeftError) return reason.end;
  // An abort without a reason comes from the connection of the client.
  return reason instanceof GatewayError ? endReasonOf(reason) : 'disconnected';
}
