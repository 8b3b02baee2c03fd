import { GraphQLError } from 'graphql';
import { type InputIssue, InvalidInputError } from '../../errors.ts';

/**
 * Codes of requests that are rejected before their operation is executed, in addition to the codes of `GatewayError`.
 * The names that GraphQL servers share are kept, because clients test for them.
 */
export type RequestErrorCode =
  | 'BAD_REQUEST'
  | 'BAD_USER_INPUT'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_ACCEPTABLE'
  | 'OPERATION_RESOLUTION_FAILURE'
  | 'PAYLOAD_TOO_LARGE'
  | 'PERSISTED_QUERY_HASH_MISMATCH'
  | 'PERSISTED_QUERY_NOT_FOUND'
  | 'PERSISTED_QUERY_ONLY'
  | 'UNSUPPORTED_MEDIA_TYPE';

/**
 * HTTP response of a request that fails as a whole, the member `http` of the error's extensions. It is never sent in a
 * body.
 */
export interface ErrorHttp {
  /** Status under `application/graphql-response+json`. @default the status of the result */
  readonly status?: number;
  /** Status under `application/json`. @default `status` */
  readonly jsonStatus?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Status of each code: https://graphql.github.io/graphql-over-http. Under `application/json`, a well-formed response to
 * a well-formed request has 200, even if the GraphQL in it is wrong.
 */
export const httpByCode: Readonly<Record<RequestErrorCode, ErrorHttp & { readonly status: number }>> = {
  BAD_REQUEST: { status: 422, jsonStatus: 400 },
  BAD_USER_INPUT: { status: 422, jsonStatus: 200 },
  GRAPHQL_PARSE_FAILED: { status: 400, jsonStatus: 200 },
  GRAPHQL_VALIDATION_FAILED: { status: 422, jsonStatus: 200 },
  METHOD_NOT_ALLOWED: { status: 405 },
  NOT_ACCEPTABLE: { status: 406 },
  OPERATION_RESOLUTION_FAILURE: { status: 422, jsonStatus: 200 },
  PAYLOAD_TOO_LARGE: { status: 413 },
  PERSISTED_QUERY_HASH_MISMATCH: { status: 422, jsonStatus: 400 },
  PERSISTED_QUERY_NOT_FOUND: { status: 422, jsonStatus: 200 },
  PERSISTED_QUERY_ONLY: { status: 403 },
  UNSUPPORTED_MEDIA_TYPE: { status: 415 },
};

export interface RequestErrorOptions {
  /** The error that has the location in the document. */
  readonly at?: Pick<GraphQLError, 'nodes' | 'source' | 'positions'>;
  /** Replaces members of the code's HTTP response. */
  readonly http?: Partial<ErrorHttp>;
}

/** Creates the error of a rejected request. It is not retryable, because the same request never succeeds later. */
export function requestError(
  code: RequestErrorCode,
  message: string,
  { http, at }: RequestErrorOptions = {},
): GraphQLError {
  return new GraphQLError(message, {
    nodes: at?.nodes ?? null,
    source: at?.source ?? null,
    positions: at?.positions ?? null,
    extensions: { code, retryable: false, http: { ...httpByCode[code], ...http } },
  });
}

/** Creates the error of an operation above a limit. Its HTTP response is the same as for an invalid operation. */
export function limitError(issues: readonly InputIssue[]): GraphQLError {
  const failure = new InvalidInputError(issues);
  const http: ErrorHttp = httpByCode.GRAPHQL_VALIDATION_FAILED;
  return new GraphQLError(failure.message, { originalError: failure, extensions: { http } });
}

/** HTTP response that belongs to an error; null if the error concerns only a part of the result. */
export function httpOf({ extensions }: GraphQLError): ErrorHttp | null {
  const http: unknown = extensions['http'];
  return isErrorHttp(http) ? http : null;
}

/** Every writer of such a member uses `ErrorHttp`, or Yoga's type, which has the same members of these names. */
export const isErrorHttp = (http: unknown): http is ErrorHttp => typeof http === 'object' && http !== null;
