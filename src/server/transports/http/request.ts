import type { IncomingMessage } from 'node:http';
import { MIMEType } from 'node:util';
import type { OperationRecord } from '../../../observation/operation-record.ts';
import type { OperationParams } from '../../graphql/operation.ts';
import { requestError } from '../../graphql/request-error.ts';
import { BodyTooLargeError, readBody } from '../../http/request-body.ts';

/** Members that a GraphQL request has, over every transport, and whether each is an object. All others are ignored. */
const members = { query: false, documentId: false, operationName: false, variables: true, extensions: true } as const;

/** The parameters in the query of a request's target. */
export const parametersOf = (target: string): URLSearchParams => {
  const start = target.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : target.slice(start));
};

/**
 * Reads the GraphQL request in the URL of a GET.
 * @throws {GraphQLError} `BAD_REQUEST`: `variables` or `extensions` is no JSON object
 */
export function readQueryString(url: string): OperationParams {
  const parameters = parametersOf(url);
  const text = (name: string) => parameters.get(name) || undefined;
  const json = (name: string): unknown => {
    const value = text(name);
    return value === undefined ? undefined : parseJson(value, `The parameter ${name} is not JSON.`);
  };
  return checkParams({
    query: text('query'),
    documentId: text('documentId'),
    operationName: text('operationName'),
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

type BodyReader = (text: string) => OperationParams;

/** Media types of a request body, in lower case, with the way to read each. */
const bodyReaders: ReadonlyMap<string, BodyReader> = new Map<string, BodyReader>([
  ['application/json', readJson],
  ['application/graphql+json', readJson],
  ['application/graphql', (query) => ({ query })],
]);

/** Counts the bytes of a request while it is read. */
type CountBytes = Pick<OperationRecord, 'grow'>;

/**
 * Reads the GraphQL request in the body of a POST. A failure is thrown, or rejects the promise. A byte order mark
 * before the JSON is skipped (RFC 8259, section 8.1).
 * @throws {GraphQLError} `UNSUPPORTED_MEDIA_TYPE`: the media type or the content encoding; `PAYLOAD_TOO_LARGE`;
 *   `BAD_REQUEST`: the body is not JSON, or JSON of another shape
 * @throws {RateLimitedError} the requests in progress of the caller are too large
 * @throws {DOMException} `AbortError`: the client has left
 */
export function readRequestBody(
  request: IncomingMessage,
  maxBytes: number,
  record: CountBytes,
): Promise<OperationParams> {
  const read = bodyReaders.get(essenceOf(request.headers['content-type']));
  if (read === undefined) {
    throw requestError('UNSUPPORTED_MEDIA_TYPE', 'The Content-Type must be application/json.', {
      http: { headers: { accept: 'application/json' } },
    });
  }
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw requestError('UNSUPPORTED_MEDIA_TYPE', 'The body must have no Content-Encoding.', {
      http: { headers: { 'accept-encoding': 'identity' } },
    });
  }
  return readBody(request, maxBytes, (bytes) => record.grow(bytes)).then(
    (body) => read(utf8.decode(body)),
    (error: unknown) => {
      if (!(error instanceof BodyTooLargeError)) throw error;
      // A client that continues to send is disconnected soon.
      const http = { headers: { connection: 'close' } };
      throw requestError('PAYLOAD_TOO_LARGE', `The body has more than ${maxBytes} bytes.`, { http });
    },
  );
}

const utf8 = new TextDecoder();

function readJson(text: string): OperationParams {
  return checkParams(parseJson(text, 'The body is not JSON.'));
}

function parseJson(text: string, message: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw requestError('BAD_REQUEST', message, { http: { status: 400 } });
  }
}

function checkParams(value: unknown): OperationParams {
  if (Array.isArray(value)) throw requestError('BAD_REQUEST', 'Batching is not supported.');
  if (!isObject(value)) throw requestError('BAD_REQUEST', 'A GraphQL request is a JSON object.');
  for (const [name, holdsObject] of memberList) {
    const member = value[name];
    if (member === undefined || member === null) continue;
    if (holdsObject ? isObject(member) : typeof member === 'string') continue;
    throw requestError('BAD_REQUEST', `The member ${name} of the request has the wrong type.`);
  }
  // The loop has checked the type of each member.
  return value as OperationParams;
}

const memberList = Object.entries(members);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Media type without its parameters, in lower case (RFC 9110, section 8.3.1); empty if there is none. */
function essenceOf(contentType: string | undefined): string {
  // Almost every request has this value, and the parser is slow.
  if (contentType === 'application/json') return contentType;
  try {
    return new MIMEType(contentType ?? '').essence;
  } catch {
    return '';
  }
}
