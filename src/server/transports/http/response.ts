import type { ExecutionResult, GraphQLError } from 'graphql';
import { publicResult } from '../../graphql/error-mask.ts';
import { type ErrorHttp, httpOf, isErrorHttp } from '../../graphql/request-error.ts';
import { bytesOf, textOf } from '../../sharing/serialized-result.ts';
import { graphqlResponseType, jsonType, multipartType } from './accept.ts';

/** A response whose body is one result. */
export interface SingleResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/**
 * Creates the JSON response of a result: https://graphql.github.io/graphql-over-http. Status 294 (partial success) is
 * for intermediaries and exists only under `application/graphql-response+json`. The member `http` of the result's own
 * extensions, an `ErrorHttp`, adds headers and sets the lowest status, and is not sent.
 */
export function jsonResponse(
  result: ExecutionResult,
  mediaType: typeof jsonType | typeof graphqlResponseType,
): SingleResponse {
  // Most results are of this kind. The text is the same as below.
  if ('data' in result && result.errors === undefined && result.extensions === undefined) {
    return { status: 200, headers: ownHeaders[mediaType], body: bytesOf(result) };
  }
  const { http, ...extensions } = result.extensions ?? {};
  const { status, headers }: Partial<ErrorHttp> = isErrorHttp(http) ? http : {};
  const { data, errors } = publicResult(result);
  return {
    status: statusOf(result, mediaType === graphqlResponseType, status),
    headers: { ...ownHeaders[mediaType], ...headersOfErrors(result), ...headers },
    body: textOf({
      ...(errors === undefined ? {} : { errors }),
      ...(data === undefined ? {} : { data }),
      ...(Object.keys(extensions).length === 0 ? {} : { extensions }),
    }),
  };
}

const headersOf = (mediaType: string) => ({
  'content-type': `${mediaType}; charset=utf-8`,
  // Results belong to one caller, and the URL of a GET does not name the caller.
  'cache-control': 'no-store',
});

/** Headers of a response by its media type, without those of errors. */
const ownHeaders = { [jsonType]: headersOf(jsonType), [graphqlResponseType]: headersOf(graphqlResponseType) };

/** Creates the response with one part, for a client that reads only `multipart/mixed`. */
export function multipartResponse(result: ExecutionResult): SingleResponse {
  const { headers, body, status } = jsonResponse(result, jsonType);
  const part = `content-type: ${headers['content-type']}\r\ncontent-length: ${Buffer.byteLength(body)}`;
  return {
    status,
    headers: { ...headers, 'content-type': `${multipartType}; boundary="-"` },
    body: `\r\n---\r\n${part}\r\n\r\n${body}\r\n-----\r\n`,
  };
}

const partialSuccess = 294;

function statusOf(result: ExecutionResult, isGraphqlResponse: boolean, least?: number): number {
  const errors = result.errors ?? [];
  if ('data' in result) return least ?? (errors.length > 0 && isGraphqlResponse ? partialSuccess : 200);
  const ofErrors = errors.map((error) => {
    const http = httpOf(error);
    return isGraphqlResponse ? http?.status : (http?.jsonStatus ?? http?.status);
  });
  const statuses = [least, ...ofErrors].filter((status) => status !== undefined);
  // An error without data and without a status is a fault of the gateway.
  return statuses.length > 0 ? Math.max(...statuses) : 500;
}

/** Headers that the errors of a request add to its response: `retry-after`, `allow`, … */
export const headersOfErrors = ({ errors = [] }: ExecutionResult): Readonly<Record<string, string>> =>
  Object.assign({}, ...errors.map((error: GraphQLError) => httpOf(error)?.headers ?? {}));
