import { buildSchema, executeSync, GraphQLError, parse, Source } from 'graphql';
import { describe, expect, it } from 'vitest';
import * as errors from '../../../../src/errors.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { createErrorMask } from '../../../../src/server/graphql/error-mask.ts';
import { testLog } from '../../../support/records.ts';

const httpOf = ({ extensions: { http } }: GraphQLError) => http;

function setUp() {
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({ destination: { write: (line) => void log.push(JSON.parse(line)) } });
  const mask = createErrorMask();
  return { mask: (error: unknown) => mask(error, { logger }), log };
}

const upstream = { service: 'catalog', status: 429, requestId: 'r-1', code: null, title: null };
const options = { message: 'Said to clients.', upstream, retryAfterMs: 1_500 };

/** One failure of each class. */
const failures: readonly errors.GatewayError[] = [
  new errors.InvalidInputError([{ path: 'first', message: 'must be at least 1' }], options),
  new errors.NotFoundError('id', options),
  new errors.ConflictError(options),
  new errors.UnauthenticatedError(options),
  new errors.TokenExpiredError(options),
  new errors.GatewayCredentialError(options),
  new errors.ForbiddenError(options),
  new errors.RateLimitedError(options),
  new errors.PlatformError({ ...options, status: 500 }),
  new errors.UpstreamTimeoutError(options),
  new errors.UpstreamUnreachableError(options),
  new errors.UpstreamUnreadableError(options),
  new errors.OutcomeUnknownError(options),
  new errors.FileUnreadableError(options),
  new errors.ShuttingDownError(options),
];

describe('an operation whose caller has left', () => {
  it('an operation whose caller has left is not an unexpected error', () => {
    const { mask, log } = setUp();
    const left = new GraphQLError('wrapped', { originalError: new DOMException('aborted', 'AbortError') });
    expect(mask(left).extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', retryable: false });
    expect(log).toEqual([]);
  });
});

describe('the vocabulary of failures', () => {
  it('is tried here in all its classes', () => {
    const classes = Object.values(errors).filter(
      (each) => typeof each === 'function' && each.prototype instanceof errors.GatewayError,
    );
    expect(new Set(failures.map((each) => each.constructor))).toEqual(new Set(classes));
  });

  it('has a status of failure and a class for each code', () => {
    const codes = Object.entries(errors.httpStatusByCode);
    expect(codes.filter(([, status]) => status < 400 || status > 599)).toEqual([]);
    const made = new Set<string>(failures.map(({ code }) => code));
    expect(codes.map(([code]) => code).filter((code) => !made.has(code))).toEqual([]);
  });

  it.each(failures.map((each) => [each.name, each] as const))(
    'shows a %s with its code and details',
    (name, failure) => {
      const { mask, log } = setUp();
      expect(name).toBe(failure.constructor.name);
      const shown = mask(new GraphQLError('wrapped', { originalError: failure, path: ['jobs', 0] }));
      expect(shown.message).toBe('Said to clients.');
      expect(shown.path).toEqual(['jobs', 0]);
      expect(shown.extensions).toEqual({
        code: failure.code,
        retryable: failure.retryable,
        retryAfterMs: 1_500,
        upstream,
        ...(failure instanceof errors.InvalidInputError ? { issues: failure.issues } : {}),
      });
      expect(log).toEqual([]);
    },
  );

  it('a failure of the platform reports whether it is retryable', () => {
    const retryable = (status: number) => new errors.PlatformError({ message: '', status }).retryable;
    expect([400, 404, 499, 500, 503].map(retryable)).toEqual([false, false, false, true, true]);
  });
});

describe('an error that a client receives', () => {
  it('an error without a field has an HTTP status, and Retry-After in whole seconds', () => {
    const { mask } = setUp();
    for (const failure of failures) {
      const status = errors.httpStatusByCode[failure.code];
      const http = { status, headers: { 'retry-after': '2' } };
      expect(httpOf(mask(failure))).toEqual(http);
      expect(httpOf(mask(new GraphQLError('', { originalError: failure })))).toEqual(http);
    }
    expect(httpOf(mask(new errors.ForbiddenError({ message: 'No.' })))).toEqual({ status: 403 });
    expect(httpOf(mask(new Error('x')))).toEqual({ status: 500 });
    expect(httpOf(mask(new GraphQLError('', { originalError: new Error('x'), path: ['a'] })))).toBeUndefined();
  });

  it('a failure is found at any depth of wrapped GraphQL errors', () => {
    const { mask } = setUp();
    const inner = new GraphQLError('inner', { originalError: new errors.ForbiddenError({ message: 'No.' }) });
    expect(mask(new GraphQLError('outer', { originalError: inner })).message).toBe('No.');
  });

  it('an error of GraphQL about the request is unchanged', () => {
    const { mask, log } = setUp();
    let syntaxError: unknown;
    try {
      parse('{');
    } catch (error) {
      syntaxError = error;
    }
    expect(mask(syntaxError)).toBe(syntaxError);
    const wrapped = new GraphQLError('outer', { originalError: new GraphQLError('inner') });
    expect(mask(wrapped)).toBe(wrapped);
    expect(log).toEqual([]);
  });

  it('an error of GraphQL about an argument or a variable is unchanged', () => {
    const schema = buildSchema('type Query { job(id: ID!): Int }');
    const { mask, log } = setUp();
    for (const text of ['{ job }', 'query ($id: ID) { job(id: $id) }', 'query ($id: ID!) { job(id: $id) }']) {
      const [error] = executeSync({ schema, document: parse(text) }).errors ?? [];
      expect(error).toBeInstanceOf(GraphQLError);
      expect(mask(error)).toBe(error);
    }
    expect(log).toEqual([]);
  });

  it('loses the suggestion of graphql where the schema is hidden, and nothing of the client’s own value', () => {
    const withoutSuggestions = createErrorMask({ suggestions: false });
    const mask = (error: unknown) => withoutSuggestions(error, testLog());
    const value = 'Value " Did you mean " does not exist.';
    expect(mask(new GraphQLError(`${value} Did you mean "A" or "B"?`)).message).toBe(value);
    expect(mask(new GraphQLError(value)).message).toBe(value);
    const many = ' Did you mean '.repeat(100_000);
    expect(mask(new GraphQLError(`${many}; wrong`)).message).toBe(`${many}; wrong`);
  });

  it('keeps its location in the document', () => {
    const { mask } = setUp();
    const source = new Source('{ jobs }');
    const location = { source, positions: [2], path: ['jobs'] };
    const shown = mask(
      new GraphQLError('x', { ...location, originalError: new errors.ForbiddenError({ message: 'No.' }) }),
    );
    expect(shown.locations).toEqual([{ line: 1, column: 3 }]);
  });
});

describe('an unexpected error', () => {
  const secret = 'password=hunter2';
  it.each<[string, unknown]>([
    ['thrown as it is', new TypeError(secret)],
    ['wrapped by GraphQL', new GraphQLError(secret, { originalError: new TypeError(secret), path: ['a'] })],
    [
      'wrapped twice',
      new GraphQLError(secret, {
        originalError: new GraphQLError(secret, { originalError: new TypeError(secret) }),
        extensions: { secret },
      }),
    ],
    ['with a failure as its cause alone', new Error(secret, { cause: new errors.ForbiddenError({ message: secret }) })],
    ['that is a text', secret],
  ])('is hidden, and found in the log by its id: one %s', (_, error) => {
    const { mask, log } = setUp();
    const shown = mask(error);
    expect(shown.message).toBe('Internal error.');
    expect(JSON.stringify(shown)).not.toContain(secret);
    expect(shown.originalError).toBeUndefined();
    expect(shown.extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', retryable: false });
    const { errorId } = shown.extensions;
    expect(log).toMatchObject([{ level: 'error', errorId, err: { message: secret } }]);
    expect(errorId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['a number that is too large', 'Int', 2 ** 31],
    ['a word that is not in an enum', 'Kind', 'NEW'],
    ['a value that is not a list', '[Int]', 1],
  ])('about a result is not the fault of the request: %s', (_, type, value) => {
    const schema = buildSchema(`enum Kind { OLD } type Query { job: ${type} }`);
    const { mask, log } = setUp();
    const [error] = executeSync({ schema, document: parse('{ job }'), rootValue: { job: value } }).errors ?? [];
    const shown = mask(error);
    expect(shown).toMatchObject({ message: 'Internal error.', path: ['job'] });
    expect(shown.extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', retryable: false });
    expect(log).toMatchObject([{ level: 'error', errorId: shown.extensions['errorId'] }]);
  });

  it('an unexpected error is logged at debug level when its caller has left', () => {
    const { mask, log } = setUp();
    const { reason } = AbortSignal.abort();
    for (const error of [reason, new GraphQLError('x', { originalError: reason, path: ['a'] })]) {
      expect(mask(error).extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
    }
    expect(log).toEqual([]);
    mask(new DOMException('x', 'TimeoutError'));
    expect(log).toMatchObject([{ level: 'error' }]);
  });

  it.each([undefined, null, 0])('is hidden when it is %s', (error) => {
    expect(setUp().mask(error).message).toBe('Internal error.');
  });
});
