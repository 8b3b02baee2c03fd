import { STATUS_CODES } from 'node:http';
import { type ErrorContext, errorBody, requestErrors } from '../errors.ts';
import type { Reply } from '../http/operation.ts';
import type { JsonValue } from '../json.ts';
import type { Fault, StatusBody } from './fault-script.ts';

/** Codes that the API gateway documents for these statuses. The other statuses get three zeros as suffix. */
const gatewayCodes: Readonly<Record<number, string>> = { 401: '401013', 403: '403025', 429: '429050' };

/** Builds the response that a rule prescribes, in the error format that it names. */
export function scriptedStatus(
  { status, body: shape, retryAfterSeconds }: Extract<Fault, { kind: 'status' }>,
  method: string,
  context: ErrorContext,
): Reply {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  if (method === 'HEAD') return { kind: 'empty', status, headers };
  const body = bodyOf(shape, status, context);
  return body === null
    ? { kind: 'empty', status, headers: { ...headers, 'content-length': '0' } }
    : { kind: 'json', status, body, headers };
}

function bodyOf(shape: StatusBody, status: number, context: ErrorContext): JsonValue | null {
  const message = STATUS_CODES[status] ?? 'Error';
  switch (shape) {
    case 'empty':
      return null;
    case 'gateway':
      return { error_code: gatewayCodes[status] ?? `${status}000`, message };
    case 'etag':
      return { errorMessage: 'Supplied version=[1] does not match the current version=[2]' };
    case 'called':
      return errorBody(requestErrors.scripted(context.service, status, message), context);
    case 'ims':
    case 'ups':
    case 'profile-access':
    case 'catalog':
    case 'data-access':
    case 'sandbox':
      return errorBody(requestErrors.scripted(shape, status, message), { ...context, service: shape });
  }
}
