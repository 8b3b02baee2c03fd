import { GatewayError, type GatewayErrorCode, type UpstreamFailure } from '../errors.ts';

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
