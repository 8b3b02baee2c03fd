import { readAnswers } from './http-answers.ts';

/** Error codes of the public contract. */
const contractCodes = new Set([
  'INVALID_INPUT',
  'NOT_FOUND',
  'CONFLICT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TOKEN_EXPIRED',
  'GATEWAY_CREDENTIAL',
  'RATE_LIMITED',
  'PLATFORM_ERROR',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_UNREADABLE',
  'OUTCOME_UNKNOWN',
  'FILE_UNREADABLE',
  'SHUTTING_DOWN',
  'PAYLOAD_TOO_LARGE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_HASH_MISMATCH',
]);

/** Codes of requests that are rejected before their execution. */
const requestCodes = new Set([
  'METHOD_NOT_ALLOWED',
  'NOT_ACCEPTABLE',
  'PERSISTED_QUERY_ONLY',
  'UNSUPPORTED_MEDIA_TYPE',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'OPERATION_RESOLUTION_FAILURE',
]);

/** Text that appears in a message only after an unexpected error. */
const internals =
  /Internal error|Unexpected error|node_modules|\bat [\w.<>]+ \(|TypeError|RangeError|URIError|Cannot read prop/;

const acceptable5xx = new Set([501, 502, 503, 504, 505]);

/** @returns a description of the error in the bytes of a connection; null when they are correct */
export function faultOfHttp(received: Buffer): string | null {
  for (const { status, headers, body, isWhole } of readAnswers(received)) {
    const said = `${status} ${body.slice(0, 1_000)}`;
    if (status >= 500 && !acceptable5xx.has(status)) return said;
    const type = headers.get('content-type') ?? '';
    if (!isWhole || body === '') continue;
    if (type.includes('text/event-stream')) {
      for (const [, data = ''] of body.matchAll(/^data: (.+)$/gm)) {
        const fault = faultOfResult(JSON.parse(data));
        if (fault !== null) return `${fault} in ${said}`;
      }
    } else if (type.includes('json')) {
      const fault = faultOfResult(JSON.parse(body));
      if (fault !== null) return `${fault} in ${said}`;
    }
  }
  return null;
}

/**
 * @returns a description of the error in a GraphQL result, a list of results, or a rejected download; null when it is
 *   correct
 */
export function faultOfResult(result: unknown): string | null {
  const errors = memberOf(result, 'errors');
  if (!Array.isArray(errors)) return null;
  for (const error of errors) {
    const fault = faultOfError(error);
    if (fault !== null) return fault;
  }
  return null;
}

export function faultOfError(error: unknown): string | null {
  const message = memberOf(error, 'message');
  const code = memberOf(memberOf(error, 'extensions'), 'code');
  if (typeof message !== 'string') return 'an error without a message';
  if (code === undefined) return `an error without a code: ${message}`;
  if (typeof memberOf(memberOf(error, 'extensions'), 'retryable') !== 'boolean')
    return `not known to be retryable: ${message}`;
  // A status 500 means that the emulator has failed, which is also an error.
  if (memberOf(memberOf(memberOf(error, 'extensions'), 'upstream'), 'status') === 500)
    return `500 upstream: ${message}`;
  if (contractCodes.has(String(code))) return null;
  if (!requestCodes.has(String(code))) return `the code ${String(code)}`;
  return internals.test(message) ? `a message with internals: ${message}` : null;
}

export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
