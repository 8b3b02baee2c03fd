import {
  ConflictError,
  ForbiddenError,
  type GatewayError,
  InvalidInputError,
  NotFoundError,
  OutcomeUnknownError,
  PlatformError,
  RateLimitedError,
  UnauthenticatedError,
  type UpstreamFailure,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
  UpstreamUnreadableError,
} from '../../errors.ts';
import type { Service } from '../types.ts';
import { type EntryError, readComplaint } from '../wire/entry-error.ts';
import { headerOf, type ResponseHeaders } from '../wire/response-headers.ts';
import type { PlatformRequest } from './call.ts';
import { type ErrorBody, readErrorBody, readErrorValue, requestIdFrom } from './error-body.ts';
import type { ExchangeFailure } from './exchange.ts';
import { readRetryAfterMs } from './retry-after.ts';
import { safeText, sentence } from './safe-text.ts';

/** Properties of a request that decide the error. */
export type FailedRequest = Pick<PlatformRequest, 'service' | 'effect' | 'subject' | 'input' | 'sandboxed'>;

/** The API gateway responds to a missing or invalid credential with 403 and one of these codes. */
const credentialCodes: ReadonlySet<string> = new Set(['403010', '403000', '403003']);

/** Statuses of a proxy that lost the connection to the service. The service may have carried out the request. */
const lostResponseStatuses: ReadonlySet<number> = new Set([502, 504]);
const notImplemented = 501;

/**
 * The error of a response with a status other than 2xx. The status line decides, never the digits within a code. The
 * error names the party that can correct it:
 *
 * | Response | Error | Who can correct it |
 * |---|---|---|
 * | 400, 422 that mention a value or a property of an argument | InvalidInputError | the caller's input |
 * | 400, 422 about a header, 404 about the sandbox | InvalidInputError on the header | the caller's headers |
 * | 401, 403 about the credential | UnauthenticatedError | the caller's credential |
 * | 401, 403 about the gateway's own credential | GatewayCredentialError (see authorization.ts) | the operator |
 * | 400, 401, 403 of the token service | GatewayCredentialError (see ims.ts) | the operator |
 * | other 403, 401 of Data Access | ForbiddenError | the caller's rights |
 * | other 404, 409, 412 | NotFoundError, ConflictError | the caller's input |
 * | 429 | RateLimitedError | time |
 * | 502, 504 after a create | OutcomeUnknownError | a look for the result |
 * | any other, also 400 and 422 | PlatformError | the platform, or the organization's licence |
 *
 * @param response.text the decoded body, which may be empty or in any form
 * @param sentRequestId the `x-request-id` of the request, used if the response contains none
 */
export function errorFromResponse(
  request: FailedRequest,
  response: { readonly status: number; readonly headers: ResponseHeaders; readonly text: string },
  sentRequestId: string,
  now: Date,
): GatewayError {
  const { status, headers } = response;
  const body = readErrorBody(response.text);
  const requestId = body.requestId ?? requestIdOf(headers) ?? sentRequestId;
  const retryAfterMs = readRetryAfterMs(
    headerOf(headers, 'retry-after') ?? null,
    body.retryAfterMs,
    sentAt(headers) ?? now,
  );
  return errorOf(request, status, body, requestId, retryAfterMs);
}

/** The status of an error within a response if the error names none. */
const unnamedStatus = 500;

/**
 * The error that a bulk response (207) contains instead of one entity. The error itself names its status.
 */
export function errorFromEntry(
  request: FailedRequest,
  response: { readonly requestId: string },
  entry: EntryError,
  now: Date,
): GatewayError {
  const body = readErrorValue(entry.error);
  const retryAfterMs = readRetryAfterMs(null, body.retryAfterMs, now);
  const status = entry.status ?? gatewayStatus(body) ?? unnamedStatus;
  return errorOf(request, status, body, body.requestId ?? response.requestId, retryAfterMs);
}

/**
 * The error of a response whose status is 2xx although its whole body is an error. The status that the body names
 * decides. If it names none, a change was not made, and any other response is unreadable: after a create, the outcome
 * is unknown.
 */
export function errorFromSuccess(
  request: FailedRequest,
  response: { readonly status: number; readonly requestId: string },
  entry: EntryError,
  now: Date,
): GatewayError {
  const body = readErrorValue(entry.error);
  const isChange = request.effect === 'update' || request.effect === 'delete';
  if (isChange || entry.status !== null || gatewayStatus(body) !== null) {
    return errorFromEntry(request, response, entry, now);
  }
  return unreadableResponse(request, { ...response, json: entry.error }, 'It is an error.');
}

/** The status of an error of the API gateway: the first digits of its code. Used only where no status line exists. */
function gatewayStatus({ fromGateway, code }: ErrorBody): number | null {
  const digits = fromGateway ? /^([3-5]\d\d)\d{3}$/.exec(code ?? '')?.[1] : undefined;
  return digits === undefined ? null : Number(digits);
}

function errorOf(
  request: FailedRequest,
  status: number,
  body: ErrorBody,
  requestId: string,
  retryAfter: number | null,
): GatewayError {
  const { service } = request;
  const upstream: UpstreamFailure = { service, status, requestId, code: body.code, title: body.title };
  const message = messageOf(request, status, body);
  const retryAfterMs = retryAfter ?? undefined;
  const options = { message, upstream, retryAfterMs };

  if (isInconclusive(request, status)) {
    const cause = new PlatformError({ ...options, status });
    return new OutcomeUnknownError({ ...options, message: `${sentence(message)} ${mayHaveBeenCarriedOut}`, cause });
  }
  const reason = reasonOf(body);
  // The API gateway rejects headers and routes, which do not come from an argument.
  const path = body.fromGateway
    ? null
    : (rejectedHeader(request, status, { code: body.code, reason }) ?? rejectedPath(request, status, reason));
  if (path !== null) return new InvalidInputError([{ path, message: reason ?? message }], { message, upstream });
  switch (status) {
    case 401:
      // Data Access itself returns 401, not 403, for data that the credential may not read.
      return service === 'data-access' && !body.fromGateway
        ? new ForbiddenError(options)
        : new UnauthenticatedError(options);
    case 403:
      return body.fromGateway && body.code !== null && credentialCodes.has(body.code)
        ? new UnauthenticatedError(options)
        : new ForbiddenError(options);
    case 404:
      // A 404 of the API gateway means that the route does not exist. It is not about the id.
      if (request.subject === undefined || body.fromGateway) break;
      return new NotFoundError(request.subject, options);
    case 409:
    case 412:
      return new ConflictError(options);
    case 429:
      return new RateLimitedError(options);
  }
  return new PlatformError({ ...options, status });
}

/** Path of the argument that a status is about; null if it is about none. */
function rejectedPath({ effect, input }: FailedRequest, status: number, reason: string | null): string | null {
  const isAboutInput = status === 400 || status === 422 || (status === 404 && effect === 'create');
  return isAboutInput && input !== undefined ? input({ status, reason }) : null;
}

/** Headers of the caller that name its tenant, with their names in the platform's messages. */
const tenantHeaders = [
  ['x-sandbox-name', /x-sandbox-name|\bsandbox\b[^.]*\bheader\b|\bheader\b[^.]*\bsandbox\b/i],
  [
    'x-gw-ims-org-id',
    /x-gw-ims-org-id|\borg(?:ani[sz]ation)?\b[^.]*\bheader\b|\bheader\b[^.]*\borg(?:ani[sz]ation)?\b/i,
  ],
] as const;
/** Codes of sandbox management, which checks the sandbox of the calls to the other services. */
const sandboxCode = /^SMS-/;
/** A sentence whose subject is the sandbox. Sentences about an entity in a sandbox name the entity first. */
const unknownSandbox =
  /(?:^|[.:]\s+)(?:the\s+)?sandbox(?:\s+(?:with\s+)?(?:name|id))?\s*[:=]?\s*["'`[(]?[\w-]{0,256}["'`\])]?\s+(?:(?:was|is|could|does)\s+not\s+(?:be\s+)?(?:found|exist|active|available|valid)|not\s+found|is\s+(?:invalid|unknown|inactive))|\b(?:no such|unknown|invalid|non-?existent)\s+sandbox\b/i;
/** Quoted texts of several words, which can be texts of the caller. */
const quotedWords = /(["'`])[^"'`]*\s[^"'`]*\1/g;

/**
 * The header of the caller that a status is about. In service mode the claims of the token stand for it.
 * A 404 about the sandbox is not about an id.
 */
function rejectedHeader(
  { service, sandboxed = true }: FailedRequest,
  status: number,
  { code, reason }: { readonly code: string | null; readonly reason: string | null },
): string | null {
  if (status !== 400 && status !== 404 && status !== 422) return null;
  const text = (reason ?? '').replace(quotedWords, ' ');
  const isOfSandbox =
    sandboxed && service !== 'sandboxes' && (sandboxCode.test(code ?? '') || unknownSandbox.test(text));
  const named = status === 404 ? null : (tenantHeaders.find(([, pattern]) => pattern.test(text))?.[0] ?? null);
  return named ?? (isOfSandbox ? 'x-sandbox-name' : null);
}

const mayHaveBeenCarriedOut = 'The platform may have carried out the request.';

/**
 * Whether the outcome of a write is unknown after a status. A repeated create may create two entities, so that any
 * failure of the platform counts. Updates and deletes can be repeated, so that only a lost response counts.
 */
function isInconclusive({ effect }: FailedRequest, status: number): boolean {
  switch (effect) {
    case 'read':
      return false;
    case 'create':
      return status >= 500 && status !== notImplemented;
    case 'update':
    case 'delete':
      return lostResponseStatuses.has(status);
  }
}

/**
 * A call that received no response.
 * @param requestId the `x-request-id` that was sent; null if nothing was sent
 */
export const noResponse = (service: Service, requestId: string | null = null): UpstreamFailure => ({
  service,
  status: null,
  requestId,
  code: null,
  title: null,
});

/**
 * The error for a request without a complete response. If a byte of a write was sent, its outcome is unknown, whatever
 * ended the call.
 * @returns the signal's reason itself, if that ended the call, is not the deadline, and no byte of a write was sent
 */
export function errorFromFailure(request: FailedRequest, failure: ExchangeFailure, sentRequestId: string): unknown {
  const { service } = request;
  const upstream = noResponse(service, sentRequestId);
  const timedOut = failure.kind === 'aborted' && failure.cause instanceof UpstreamTimeoutError;
  if (request.effect !== 'read' && failure.sent) {
    return new OutcomeUnknownError({
      message: `No complete response of the platform (${service}) arrived. ${mayHaveBeenCarriedOut}`,
      upstream,
      cause: failure,
    });
  }
  if (failure.kind === 'aborted' && !timedOut) return failure.cause;
  switch (failure.kind) {
    case 'aborted':
      return new UpstreamTimeoutError({
        message: `The platform (${service}) did not respond in time.`,
        upstream,
        cause: failure.cause,
      });
    case 'broken':
      return new UpstreamUnreachableError({
        message: failure.sent
          ? `The connection to the platform (${service}) broke before the response was complete.`
          : `The platform (${service}) could not be reached.`,
        upstream,
        // The failure itself is the cause, because it contains whether anything was sent.
        cause: failure,
      });
    case 'too-large':
      return unreadableResponse(
        request,
        { status: null, requestId: sentRequestId },
        'The response is too large.',
        failure.cause,
      );
  }
}

/**
 * The error of a response that is not in the form of the API. After a create the outcome is unknown.
 * @param response.json the body; a reason that it contains becomes a part of the message
 */
export function unreadableResponse(
  request: FailedRequest,
  response: { readonly status: number | null; readonly requestId: string; readonly json?: unknown },
  fault: string,
  cause?: unknown,
): UpstreamUnreadableError | OutcomeUnknownError {
  const { service } = request;
  const body = readErrorValue(readComplaint(response.json));
  const { code, title } = body;
  const upstream: UpstreamFailure = {
    service,
    status: response.status,
    requestId: body.requestId ?? response.requestId,
    code,
    title,
  };
  const stated = reasonOf(body);
  const reason = stated === null ? fault : sentence(safeText(`${fault.replace(/\.$/, '')}: ${stated}`));
  return request.effect === 'create'
    ? new OutcomeUnknownError({
        message: `The response of the platform (${service}) is unreadable. ${reason} ${mayHaveBeenCarriedOut}`,
        upstream,
        cause: cause ?? new Error(reason),
      })
    : new UpstreamUnreadableError({
        message: `The platform (${service}) returned an unreadable response. ${reason}`,
        upstream,
        cause,
      });
}

/** Time at which a response was sent, by the clock of the platform, which may differ from the gateway's clock. */
function sentAt(headers: ResponseHeaders): Date | null {
  const time = new Date(headerOf(headers, 'date') ?? '');
  return Number.isNaN(time.getTime()) ? null : time;
}

/** The request id in the headers of a response. */
export const requestIdOf = (headers: ResponseHeaders): string | null =>
  requestIdFrom(headerOf(headers, 'x-request-id'));

/** The message contains the platform's code, because its support and its documentation use it. */
function messageOf(request: FailedRequest, status: number, body: ErrorBody): string {
  const reason = reasonOf(body);
  const isSaid = body.code === String(status) || reason?.includes(body.code ?? '') === true;
  const code = body.code === null || isSaid ? '' : ` (${body.code})`;
  const start = `The platform (${request.service}) responded with ${status}${code}`;
  return reason === null ? `${start}.` : safeText(`${start}: ${reason}`);
}

/** Title and detail, unless one of them contains the other. */
function reasonOf({ title, detail }: ErrorBody): string | null {
  if (title === null || detail === null || title.includes(detail)) return title ?? detail;
  return detail.includes(title) ? detail : `${title}: ${detail}`;
}
