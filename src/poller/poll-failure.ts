import { GatewayError, type GatewayErrorCode, type UpstreamFailure } from '../errors.ts';

/** A failed round as it is told to other replicas: what a client may see of it. */
export interface PollFailure {
  readonly code: GatewayErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  readonly upstream: UpstreamFailure | null;
}

/** Null for a defect, of which no client may see more than that there is one. */
export function describeFailure(error: unknown): PollFailure | null {
  if (!(error instanceof GatewayError)) return null;
  const { code, message, retryable, retryAfterMs, upstream } = error;
  return { code, message, retryable, retryAfterMs, upstream };
}

/** Thrown to those who waited for a round that another replica made in vain: what that one would have said itself. */
export class FailedElsewhereError extends GatewayError {
  override readonly code: GatewayErrorCode;
  override readonly retryable: boolean;

  constructor({ code, message, retryable, retryAfterMs, upstream }: PollFailure) {
    super({ message, retryAfterMs: retryAfterMs ?? undefined, upstream: upstream ?? undefined });
    this.code = code;
    this.retryable = retryable;
  }
}
