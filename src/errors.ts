/**
 * Error code for clients (`extensions.code`, `Error.code`). The set of codes is closed, so that clients can switch on
 * them.
 */
export type GatewayErrorCode =
  | 'INVALID_INPUT'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'TOKEN_EXPIRED'
  | 'GATEWAY_CREDENTIAL'
  | 'RATE_LIMITED'
  | 'PLATFORM_ERROR'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_UNREADABLE'
  | 'OUTCOME_UNKNOWN'
  | 'FILE_UNREADABLE'
  | 'SHUTTING_DOWN';

/** HTTP status for each code, for responses that fail as a whole (a download, a rejected request). */
export const httpStatusByCode = {
  INVALID_INPUT: 400,
  NOT_FOUND: 404,
  CONFLICT: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  TOKEN_EXPIRED: 401,
  GATEWAY_CREDENTIAL: 503,
  RATE_LIMITED: 429,
  PLATFORM_ERROR: 502,
  UPSTREAM_TIMEOUT: 504,
  UPSTREAM_UNREACHABLE: 502,
  UPSTREAM_UNREADABLE: 502,
  OUTCOME_UNKNOWN: 502,
  FILE_UNREADABLE: 422,
  SHUTTING_DOWN: 503,
} as const satisfies Record<GatewayErrorCode, number>;

/** A failed call to the platform, with the reason that the platform gave. It contains no credential and no body. */
export interface UpstreamFailure {
  /** The platform API: `export`, `catalog`, `data-access`, `sandboxes`, `ims`, … */
  readonly service: string;
  /** HTTP status; null when no response arrived. */
  readonly status: number | null;
  /** The `x-request-id` of the platform's response, else of the gateway's request. */
  readonly requestId: string | null;
  /** The platform's own error code; null: the response contained none. */
  readonly code: string | null;
  readonly title: string | null;
}

export interface GatewayErrorOptions {
  /** Sent to clients unchanged, so it must contain no secrets and no internals. */
  readonly message: string;
  /** @default the call of `cause`, so that an error that explains another one keeps the platform's response */
  readonly upstream?: UpstreamFailure | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Base of every error that clients may see. All other errors are masked. */
export abstract class GatewayError extends Error {
  abstract readonly code: GatewayErrorCode;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean = false;
  readonly upstream: UpstreamFailure | null;
  readonly retryAfterMs: number | null;

  constructor({ message, upstream, retryAfterMs, cause }: GatewayErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.upstream = upstream ?? (cause instanceof GatewayError ? cause.upstream : null);
    this.retryAfterMs = retryAfterMs ?? null;
  }
}

export interface InputIssue {
  /** The argument path, joined by dots: `input.filter.segments.0.segmentId`. */
  readonly path: string;
  readonly message: string;
}

/** Maximum number of issues that one error reports. */
export const maxIssues = 20;
/** Maximum number of characters of an issue's path. */
const maxPathLength = 200;
/** Maximum number of characters of an issue's message, which can be a text of the platform. */
const maxMessageLength = 500;

/**
 * Thrown when arguments are invalid, before any platform call, or when the platform rejected them (400). It reports the
 * first 20 issues and the number of the others, so that the size of its message does not depend on the input.
 */
export class InvalidInputError extends GatewayError {
  override readonly code = 'INVALID_INPUT';
  readonly issues: readonly InputIssue[];

  /**
   * @param options.unchecked number of list entries that were not checked, because enough other entries are invalid.
   * @default 0
   */
  constructor(
    issues: readonly InputIssue[],
    { unchecked = 0, ...options }: Partial<GatewayErrorOptions> & { readonly unchecked?: number } = {},
  ) {
    const reported = issues.slice(0, maxIssues).map(({ path, message }) => ({
      path: shorten(path, maxPathLength),
      message: shorten(message, maxMessageLength),
    }));
    const others = issues.length - reported.length;
    const texts = [
      ...reported.map(({ path, message }) => `${path}: ${message}`),
      ...(others > 0 ? [`and ${others} more`] : []),
      ...(unchecked > 0 ? [`and ${unchecked} more entries, which were not checked`] : []),
    ];
    super({
      ...options,
      message: options.message ?? texts.join('; '),
    });
    this.issues = reported;
  }
}

/** Shortens a text to at most `maximum` characters. A shortened text ends with an ellipsis. */
const shorten = (text: string, maximum: number): string =>
  text.length <= maximum ? text : `${text.slice(0, maximum - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;

/** Thrown when a write names an entity that the platform does not know. Reads return null instead. */
export class NotFoundError extends GatewayError {
  override readonly code = 'NOT_FOUND';
  readonly id: string;

  constructor(id: string, options: GatewayErrorOptions) {
    super(options);
    this.id = id;
  }
}

/**
 * Thrown when the current state forbids the change, such as a job that has ended, or an outdated version (409, 412).
 */
export class ConflictError extends GatewayError {
  override readonly code = 'CONFLICT';
}

/** Thrown when a request contains no credential although one is required, or the platform rejects the caller's credential. */
export class UnauthenticatedError extends GatewayError {
  override readonly code = 'UNAUTHENTICATED';
}

/** Thrown when the caller's token has expired. The same request with a new token may succeed. */
export class TokenExpiredError extends GatewayError {
  override readonly code = 'TOKEN_EXPIRED';
}

/**
 * Thrown when the platform or its token service rejects the gateway's own credential. No caller can correct this; the
 * operator can. The same request succeeds afterwards.
 */
export class GatewayCredentialError extends GatewayError {
  override readonly code = 'GATEWAY_CREDENTIAL';
  override readonly retryable = true;
}

/** Thrown when the credential is valid but does not permit the request. */
export class ForbiddenError extends GatewayError {
  override readonly code = 'FORBIDDEN';
}

/** Thrown when the platform returns 429, or when the caller exceeds a limit of the gateway. */
export class RateLimitedError extends GatewayError {
  override readonly code = 'RATE_LIMITED';
  override readonly retryable = true;
}

/** Statuses for a request that arrived too slowly or too early. */
const transientStatuses: ReadonlySet<number> = new Set([408, 425]);

/**
 * Thrown when the platform rejected a request or failed with any other status. The same request may succeed later after
 * 408, 425 and a failure of the platform (5xx), except for a request that it has not implemented (501).
 */
export class PlatformError extends GatewayError {
  override readonly code = 'PLATFORM_ERROR';
  override readonly retryable: boolean;
  readonly status: number;

  constructor({ status, ...options }: GatewayErrorOptions & { readonly status: number }) {
    super(options);
    this.status = status;
    this.retryable = (status >= 500 && status !== 501) || transientStatuses.has(status);
  }
}

/**
 * Thrown when no response arrived within the deadline of the call. Reads may be repeated. A write may have happened.
 */
export class UpstreamTimeoutError extends GatewayError {
  override readonly code = 'UPSTREAM_TIMEOUT';
  override readonly retryable = true;
}

/** Thrown when no connection was possible, or it broke before the response was complete. */
export class UpstreamUnreachableError extends GatewayError {
  override readonly code = 'UPSTREAM_UNREACHABLE';
  override readonly retryable = true;
}

/** Thrown when the response does not have the form of this API, because it is not JSON or has no id or status. */
export class UpstreamUnreadableError extends GatewayError {
  override readonly code = 'UPSTREAM_UNREADABLE';
  override readonly retryable = true;
}

/**
 * Thrown when no conclusive response to a write arrived, and the platform's state did not show whether it has executed
 * the write.
 */
export class OutcomeUnknownError extends GatewayError {
  override readonly code = 'OUTCOME_UNKNOWN';
}

/**
 * Thrown when the contents of a file cannot be decoded: it is no Parquet file, is damaged, uses an unsupported part of the
 * format, or exceeds a limit. The unchanged bytes can still be downloaded.
 */
export class FileUnreadableError extends GatewayError {
  override readonly code = 'FILE_UNREADABLE';
}

/**
 * Thrown when the gateway shuts down and accepts no new work. The client can retry with another replica, or with this
 * one after a restart.
 */
export class ShuttingDownError extends GatewayError {
  override readonly code = 'SHUTTING_DOWN';
  override readonly retryable = true;

  constructor(options: Partial<GatewayErrorOptions> = {}) {
    super({ message: 'The gateway is shutting down.', ...options });
  }
}

/**
 * Whether the platform may have executed a create that failed with this error. If so, the create must be neither undone
 * nor repeated. An error that is not a GatewayError is a defect of the gateway, which can occur after the platform has
 * executed the create.
 */
export const mayHaveHappened = (error: unknown): boolean =>
  !(error instanceof GatewayError) || error instanceof OutcomeUnknownError;
