import { randomUUID } from 'node:crypto';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { GatewayError, httpStatusByCode, InvalidInputError } from '../../errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { boundedErrors, boundedLocations, boundedMessage } from './bounded-errors.ts';
import { codeOfGraphql } from './error-codes.ts';
import { httpOf } from './request-error.ts';

/** @param log receives the errors that clients must not see: the record or the context of an operation, … */
export type MaskError = (error: unknown, log: { readonly logger: Pick<Logger, 'debug' | 'error'> }) => GraphQLError;

/**
 * Creates the error that a client receives. A GatewayError keeps its code and details, and an error of graphql about
 * the request is unchanged. For any other error the client receives only an id, which is also in the log.
 * @param options.suggestions whether graphql may suggest names of the schema that are similar to an unknown name.
 *   @default true
 */
export function createErrorMask({ suggestions = true }: { readonly suggestions?: boolean } = {}): MaskError {
  return (error, log) => {
    const failure = findGatewayError(error);
    if (failure !== null) return toGraphQLError(failure, error);
    const cause = rootCause(error);
    if (error instanceof GraphQLError && cause instanceof GraphQLError && isAboutRequest(error, cause)) {
      return suggestions ? error : withoutSuggestion(error);
    }

    const extensions = isAbort(cause)
      ? logUnexpected(log.logger, cause, 'the caller cancelled an operation', 'debug')
      : logUnexpected(log.logger, cause, 'unexpected error');
    return new GraphQLError(internalError, {
      ...locationOf(error),
      extensions: { ...extensions, ...atRequest(error, 500) },
    });
  };
}

/**
 * Whether an error of graphql is about the request. During execution it then names its place in the document, as for an
 * argument without a value. An error about a result, such as a number that its type cannot represent, names none.
 */
const isAboutRequest = ({ path }: GraphQLError, cause: GraphQLError): boolean =>
  path === undefined || cause.nodes !== undefined;

/** Message of an error whose reason is only in the log. */
export const internalError = 'Internal error.';

/**
 * Logs an error that clients must not see.
 * @returns the public form of the error, with the id of the line
 */
export function logUnexpected(
  logger: Pick<Logger, 'debug' | 'error'>,
  error: unknown,
  message: string,
  level: 'debug' | 'error' = 'error',
) {
  const errorId = randomUUID();
  logger[level]({ err: error, errorId }, message);
  return { code: 'INTERNAL_SERVER_ERROR', retryable: false, errorId } as const;
}

/** Validation has an option for messages without suggestions; the coercion of variables has none. */
function withoutSuggestion(error: GraphQLError): GraphQLError {
  // A regular expression would try each occurrence that a client has put into a long value.
  const start = error.message.lastIndexOf(' Did you mean ');
  if (start < 0 || !error.message.endsWith('?')) return error;
  return new GraphQLError(error.message.slice(0, start), { ...locationOf(error), extensions: error.extensions });
}

function toGraphQLError(failure: GatewayError, thrown: unknown): GraphQLError {
  return new GraphQLError(failure.message, {
    ...locationOf(thrown),
    originalError: failure,
    extensions: {
      ...extensionsOf(failure),
      ...atRequest(thrown, httpStatusByCode[failure.code], failure.retryAfterMs),
    },
  });
}

/** The public form of a failure, the same over every transport and for downloads. */
export function extensionsOf(failure: GatewayError): Record<string, unknown> {
  return {
    code: failure.code,
    retryable: failure.retryable,
    ...(failure.retryAfterMs === null ? {} : { retryAfterMs: failure.retryAfterMs }),
    ...(failure.upstream === null ? {} : { upstream: failure.upstream }),
    ...(failure instanceof InvalidInputError ? { issues: failure.issues } : {}),
  };
}

/**
 * Makes the form of an error that clients receive, the same on every transport: with `code` and `retryable`, without
 * the HTTP response, and with a message of bounded length.
 */
export function publicError(error: GraphQLError): GraphQLError {
  const { http, unexpected, ...extensions } = error.extensions;
  const complete = typeof extensions['code'] === 'string' && typeof extensions['retryable'] === 'boolean';
  // A failure of the gateway bounds its own message.
  const message = error.originalError instanceof GatewayError ? error.message : boundedMessage(error.message);
  const bounded = message === error.message && boundedLocations(error.positions)?.length === error.positions?.length;
  if (complete && http === undefined && unexpected === undefined && bounded) return error;
  return new GraphQLError(message, {
    ...locationOf(error),
    originalError: error.originalError ?? null,
    extensions: {
      ...extensions,
      code: extensions['code'] ?? codeOfGraphql(error),
      retryable: extensions['retryable'] === true,
    },
  });
}

/** The form of several errors that clients receive, of bounded size in total. */
export const publicErrors = (errors: readonly GraphQLError[]): readonly GraphQLError[] =>
  boundedErrors(errors.map(publicError));

/** The form of a result that clients receive. */
export const publicResult = (result: ExecutionResult): ExecutionResult =>
  result.errors === undefined ? result : { ...result, errors: publicErrors(result.errors) };

/** An error that belongs to no field fails the whole request, which then has an HTTP status of its own. */
const atRequest = (error: unknown, status: number, retryAfterMs: number | null = null) => {
  if (error instanceof GraphQLError) {
    if (error.path !== undefined) return {};
    const http = httpOf(error);
    if (http !== null) return { http };
  }
  const seconds = retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1_000);
  return { http: { status, ...(seconds === null ? {} : { headers: { 'retry-after': String(seconds) } }) } };
};

const locationOf = (error: unknown) =>
  error instanceof GraphQLError
    ? {
        nodes: boundedLocations(error.nodes),
        source: error.source ?? null,
        positions: boundedLocations(error.positions),
        path: error.path ?? null,
      }
    : {};

/** GraphQL errors wrap the error of a resolver, sometimes more than once. */
function findGatewayError(error: unknown): GatewayError | null {
  for (let current = error; current !== undefined; current = wrappedBy(current)) {
    if (current instanceof GatewayError) return current;
  }
  return null;
}

function rootCause(error: unknown): unknown {
  let current = error;
  for (let next = wrappedBy(current); next !== undefined; next = wrappedBy(current)) current = next;
  return current;
}

/** The default reason of a signal. The caller has left, so that no response reaches it. */
const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

const wrappedBy = (error: unknown): Error | undefined =>
  error instanceof GraphQLError ? error.originalError : undefined;
