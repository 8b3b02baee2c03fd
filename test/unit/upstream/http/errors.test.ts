import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError, InvalidInputError, UpstreamTimeoutError } from '../../../../src/errors.ts';
import { errorFromFailure, errorFromResponse, type FailedRequest } from '../../../../src/upstream/http/errors.ts';
import { ExchangeFailure } from '../../../../src/upstream/http/exchange.ts';

const now = new Date('2030-01-01T00:00:00Z');
const read: FailedRequest = { service: 'export', effect: 'read' };
const get: FailedRequest = { ...read, subject: '7' };
/** The platform's message names the argument. */
const input = () => 'input';
const create: FailedRequest = { service: 'export', effect: 'create', input };
const update: FailedRequest = { service: 'schedules', effect: 'update', subject: '7', input };
const remove: FailedRequest = { service: 'export', effect: 'delete', subject: '7' };

const translate = (request: FailedRequest, status: number, body: unknown, headers = {}) =>
  errorFromResponse(
    request,
    { status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) },
    'sent-id',
    now,
  );

const e2 = {
  requestId: 'platform-id',
  errors: { '404': [{ code: 404, message: 'No such job' }] },
  type: 'https://ns.adobe.com/aep/errors/UPAPI-113430-404',
  title: 'Not found',
  status: 404,
};
const e3 = {
  type: 'http://ns.adobe.com/aep/errors/PDP-4041-403',
  title: 'No permission',
  status: 403,
  report: { tenantInfo: { sandboxName: 'prod' } },
  'error-chain': [{ serviceId: 'PDP', errorCode: 'PDP-4041-403' }],
};

describe('the shape of an error body', () => {
  it.each([
    {
      shape: 'E1, the API gateway',
      status: 401,
      body: { error_code: '401013', message: 'Oauth token is not valid' },
      expected: { code: 'UNAUTHENTICATED', upstream: { code: '401013', title: 'Oauth token is not valid' } },
    },
    {
      shape: 'E2, the profile service',
      status: 404,
      body: e2,
      expected: {
        code: 'NOT_FOUND',
        message: 'The platform (export) responded with 404 (UPAPI-113430-404): Not found: No such job',
        upstream: { code: 'UPAPI-113430-404', title: 'Not found', requestId: 'platform-id' },
      },
    },
    {
      shape: 'E2 of older services, without type and title, its code a string (#33)',
      status: 400,
      body: { requestId: 'platform-id', errors: { '400': [{ code: 'UPLIB-101206-500', message: 'Bad segment' }] } },
      expected: { code: 'PLATFORM_ERROR', upstream: { code: 'UPLIB-101206-500', title: 'Bad segment' } },
    },
    {
      shape: 'E2 with type and title within errors',
      status: 503,
      body: { errors: { type: 'https://ns.adobe.com/aep/errors/UPAPI-1-503', title: 'Down', status: 503 } },
      expected: { code: 'PLATFORM_ERROR', status: 503, upstream: { code: 'UPAPI-1-503', title: 'Down' } },
    },
    {
      shape: 'E3, the general form (#33)',
      status: 403,
      body: e3,
      expected: { code: 'FORBIDDEN', upstream: { code: 'PDP-4041-403', title: 'No permission' } },
    },
    { shape: 'an empty object with status 408', status: 408, body: {}, expected: { retryable: true } },
    { shape: 'an empty object with status 425', status: 425, body: {}, expected: { retryable: true } },
    {
      shape: 'E3 with its chain within the report',
      status: 500,
      body: { title: 'Failed', report: { errorChain: [{ errorCode: 'SMS-2074-500' }] } },
      expected: { code: 'PLATFORM_ERROR', retryable: true, upstream: { code: 'SMS-2074-500', title: 'Failed' } },
    },
    {
      shape: 'E4, Catalog',
      status: 404,
      body: { type: '/placeholder/type/uri', status: 404, title: 'NotFoundError', detail: 'DataSet not found.' },
      expected: {
        code: 'NOT_FOUND',
        message: 'The platform (export) responded with 404: NotFoundError: DataSet not found.',
        upstream: { code: null, title: 'NotFoundError' },
      },
    },
    {
      shape: 'E5, profile access',
      status: 422,
      body: { message: 'Unprocessable', cause: 'Too many related identities', statusCode: '422' },
      expected: {
        code: 'PLATFORM_ERROR',
        message: 'The platform (export) responded with 422: Unprocessable: Too many related identities',
        upstream: { code: null, title: 'Unprocessable' },
      },
    },
    {
      shape: 'E6, a list with numbers in strings (#31)',
      status: 429,
      body: [{ message: 'Too many requests', cause: 'Quota', retryAfterMs: '500', statusCode: '429' }],
      expected: { code: 'RATE_LIMITED', retryAfterMs: 500, upstream: { title: 'Too many requests' } },
    },
    {
      shape: 'E7',
      status: 412,
      body: { errorMessage: 'Supplied version=[1] does not match' },
      expected: { code: 'CONFLICT', upstream: { title: 'Supplied version=[1] does not match' } },
    },
    {
      shape: 'E8, an empty body (#33)',
      status: 500,
      body: '',
      expected: {
        code: 'PLATFORM_ERROR',
        message: 'The platform (export) responded with 500.',
        upstream: { code: null, title: null, requestId: 'sent-id' },
      },
    },
    {
      shape: 'E9, OAuth',
      status: 400,
      body: { error: 'invalid_client', error_description: 'invalid client_id parameter' },
      expected: {
        code: 'PLATFORM_ERROR',
        message: 'The platform (export) responded with 400: invalid_client: invalid client_id parameter',
        upstream: { code: 'invalid_client' },
      },
    },
    {
      shape: 'plain text',
      status: 503,
      body: 'upstream connect error',
      expected: { code: 'PLATFORM_ERROR', upstream: { title: 'upstream connect error' } },
    },
    {
      shape: 'a page for people without a title, which is not shown',
      status: 503,
      body: '<html><body>Sorry</body></html>',
      expected: { code: 'PLATFORM_ERROR', message: 'The platform (export) responded with 503.' },
    },
  ])('is decoded: $shape', ({ status, body, expected }) => {
    expect(translate(get, status, body)).toMatchObject({ ...expected, upstream: { status, ...expected.upstream } });
  });

  it('never prevents the error, because the status line is sufficient (#34)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), fc.oneof(fc.json(), fc.string()), (status, body) => {
        const error = translate(get, status, body);
        expect(error).toBeInstanceOf(GatewayError);
        expect(error.message.length).toBeLessThanOrEqual(500);
        expect(error.upstream?.status).toBe(status);
      }),
    );
    expect(translate(get, 400, { ...e2, type: 'https://ns.adobe.com/aep/errors/UPAPI-113631-403' })).toMatchObject({
      code: 'PLATFORM_ERROR',
      status: 400,
    });
  });
});

describe('the status of a response', () => {
  it.each([
    { request: get, status: 404, code: 'NOT_FOUND' },
    { request: read, status: 404, code: 'PLATFORM_ERROR' },
    { request: create, status: 400, code: 'INVALID_INPUT' },
    { request: create, status: 422, code: 'INVALID_INPUT' },
    { request: get, status: 400, code: 'PLATFORM_ERROR' },
    { request: create, status: 409, code: 'CONFLICT' },
    { request: create, status: 412, code: 'CONFLICT' },
    { request: create, status: 403, code: 'FORBIDDEN' },
    { request: create, status: 404, code: 'INVALID_INPUT' },
    { request: create, status: 429, code: 'RATE_LIMITED' },
    { request: create, status: 500, code: 'OUTCOME_UNKNOWN' },
    { request: create, status: 501, code: 'PLATFORM_ERROR' },
    { request: create, status: 502, code: 'OUTCOME_UNKNOWN' },
    { request: create, status: 503, code: 'OUTCOME_UNKNOWN' },
    { request: create, status: 504, code: 'OUTCOME_UNKNOWN' },
    { request: create, status: 599, code: 'OUTCOME_UNKNOWN' },
    { request: update, status: 500, code: 'PLATFORM_ERROR' },
    { request: update, status: 502, code: 'OUTCOME_UNKNOWN' },
    { request: remove, status: 503, code: 'PLATFORM_ERROR' },
    { request: remove, status: 504, code: 'OUTCOME_UNKNOWN' },
    { request: get, status: 504, code: 'PLATFORM_ERROR' },
    { request: get, status: 302, code: 'PLATFORM_ERROR' },
    { request: get, status: 418, code: 'PLATFORM_ERROR' },
  ])('$status to a $request.effect is $code', ({ request, status, code }) => {
    expect(translate(request, status, '')).toMatchObject({ code });
  });

  it.each([
    [500, true],
    [501, false],
    [503, true],
  ])('%i to a read has retryable %s', (status, retryable) => {
    expect(translate(read, status, '')).toMatchObject({ code: 'PLATFORM_ERROR', retryable });
  });

  it('of an inconclusive response to a create is in the cause, with the message of the platform', () => {
    const error = translate(create, 503, '', { 'retry-after': '7' });
    expect(error).toMatchObject({ retryable: false, upstream: { status: 503 } });
    expect(error.cause).toMatchObject({ code: 'PLATFORM_ERROR', status: 503, retryable: true, retryAfterMs: 7_000 });
  });

  it.each([
    { errorCode: '403010', code: 'UNAUTHENTICATED' },
    { errorCode: '403000', code: 'UNAUTHENTICATED' },
    { errorCode: '403003', code: 'UNAUTHENTICATED' },
    { errorCode: '403025', code: 'FORBIDDEN' },
    { errorCode: '403027', code: 'FORBIDDEN' },
  ])('403 with the gateway code $errorCode is $code (#32)', ({ errorCode, code }) => {
    expect(translate(get, 403, { error_code: errorCode, message: 'No.' })).toMatchObject({ code });
  });

  it('of rejected input is an error that names the argument', () => {
    const error = translate(create, 400, { title: 'BadRequestError', detail: 'Unknown segment.' });
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ issues: [{ path: 'input', message: 'BadRequestError: Unknown segment.' }] });
  });

  it('of an error of the API gateway concerns neither the input nor the id', () => {
    expect(translate(create, 400, { error_code: '400003', message: 'Missing header' })).toMatchObject({
      code: 'PLATFORM_ERROR',
    });
    expect(translate(get, 404, { error_code: '404001', message: 'No route' })).toMatchObject({
      code: 'PLATFORM_ERROR',
    });
  });
});

describe('the request id of an error', () => {
  it.each([
    { body: e2, headers: { 'x-request-id': 'header-id' }, expected: 'platform-id' },
    { body: e3, headers: { 'x-request-id': 'header-id' }, expected: 'header-id' },
    { body: e3, headers: {}, expected: 'sent-id' },
    { body: { requestId: 'a\r\nb' }, headers: { 'x-request-id': 'x'.repeat(500) }, expected: 'sent-id' },
  ])('is $expected', ({ body, headers, expected }) => {
    expect(translate(get, 500, body, headers).upstream?.requestId).toBe(expected);
  });
});

describe('the pause that the platform requests', () => {
  it.each([
    { header: '2', body: undefined, expected: 2_000 },
    { header: '2', body: '500', expected: 2_000 },
    { header: 'Tue, 01 Jan 2030 00:00:10 GMT', body: undefined, expected: 10_000 },
    { header: 'Mon, 31 Dec 2029 23:59:50 GMT', body: undefined, expected: 0 },
    { header: 'soon', body: '500', expected: 500 },
    { header: '-5', body: '500', expected: 500 },
    { header: '60;', body: '500', expected: 500 },
    { header: 'in 60 s', body: undefined, expected: null },
    { header: '2030', body: undefined, expected: 2_030_000 },
    { header: '2030-01-01T00:00:10.5+00:00', body: undefined, expected: 10_500 },
    { header: '99999999999999999999', body: undefined, expected: 3_600_000 },
    { header: ['7', '90'], body: undefined, expected: 7_000 },
    { header: ['soon', '7'], body: '500', expected: 500 },
    { header: undefined, body: 250, expected: 250 },
    { header: undefined, body: '-1', expected: null },
    { header: '999999999', body: undefined, expected: 3_600_000 },
    { header: undefined, body: undefined, expected: null },
  ])('of $header and $body is $expected ms', ({ header, body, expected }) => {
    const headers = header === undefined ? {} : { 'retry-after': header };
    expect(translate(get, 429, [{ retryAfterMs: body }], headers).retryAfterMs).toBe(expected);
  });
});

describe('the pause until a date that the platform names', () => {
  const retryAfter = 'Tue, 01 Jan 2030 00:00:10 GMT';
  it.each([
    { clock: 'ten minutes ahead', date: 'Mon, 31 Dec 2029 23:50:00 GMT', expected: 610_000 },
    { clock: 'five seconds behind', date: 'Tue, 01 Jan 2030 00:00:05 GMT', expected: 5_000 },
    { clock: 'without a date of the response', date: 'nonsense', expected: 10_000 },
  ])('is measured by the clock of the platform: $clock', ({ date, expected }) => {
    expect(translate(get, 429, {}, { 'retry-after': retryAfter, date }).retryAfterMs).toBe(expected);
  });
});

describe('the error that clients receive', () => {
  it.each([
    { text: 'Bearer eyJhbGciOiJSUzI1NiJ9.eyJpZCI6.c2ln was refused', hidden: 'eyJ' },
    { text: 'token eyJhbGciOiJSUzI1NiJ9.eyJpZCI6IjEyMyJ9.c2lnbmF0dXJl', hidden: 'eyJ' },
    { text: 'Bearer abcdef1234567890 was refused', hidden: 'abcdef1234567890' },
    { text: 'see https://host.example/path?sig=abcdef&x=1 for more', hidden: 'abcdef' },
    { text: 'see https://user:pa55w0rd@host.example/path', hidden: 'pa55w0rd' },
    { text: 'line one\r\nline two\u2028', hidden: '\n' },
    { text: 'x'.repeat(5_000), hidden: 'x'.repeat(501) },
  ])('never contains the secret $hidden', ({ text, hidden }) => {
    const error = translate(create, 400, { title: text, detail: text });
    expect(error).toBeInstanceOf(InvalidInputError);
    const issues = error instanceof InvalidInputError ? error.issues.map(({ message }) => message) : [];
    for (const shown of [error.message, error.upstream?.title, ...issues]) expect(shown).not.toContain(hidden);
  });
});

describe('a failure without a response', () => {
  it('returns the reason of the signal, unless a byte of a write was sent', () => {
    const reason = new Error('The caller left.');
    const errorOf = (request: FailedRequest, sent: boolean) =>
      errorFromFailure(request, new ExchangeFailure('aborted', sent, reason), 'sent-id');
    expect(errorOf(read, true)).toBe(reason);
    for (const write of [create, update, remove]) {
      expect(errorOf(write, false)).toBe(reason);
      expect(errorOf(write, true)).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    }
  });

  it.each([
    { request: read, kind: 'broken', sent: true, code: 'UPSTREAM_UNREACHABLE' },
    { request: create, kind: 'broken', sent: true, code: 'OUTCOME_UNKNOWN' },
    { request: create, kind: 'broken', sent: false, code: 'UPSTREAM_UNREACHABLE' },
    { request: update, kind: 'broken', sent: true, code: 'OUTCOME_UNKNOWN' },
    { request: remove, kind: 'broken', sent: true, code: 'OUTCOME_UNKNOWN' },
    { request: remove, kind: 'broken', sent: false, code: 'UPSTREAM_UNREACHABLE' },
    { request: read, kind: 'too-large', sent: true, code: 'UPSTREAM_UNREADABLE' },
    { request: create, kind: 'too-large', sent: true, code: 'OUTCOME_UNKNOWN' },
  ] as const)('of the kind $kind, sent $sent, of a $request.effect is $code', ({ request, kind, sent, code }) => {
    const failure = new ExchangeFailure(kind, sent, new Error('socket'));
    expect(errorFromFailure(request, failure, 'sent-id')).toMatchObject({
      code,
      upstream: { status: null, requestId: 'sent-id' },
    });
  });

  it('is a timeout when the deadline ended the call, unless a create was sent', () => {
    const deadline = new UpstreamTimeoutError({ message: 'Too late.' });
    const code = (request: FailedRequest, sent: boolean) =>
      errorFromFailure(request, new ExchangeFailure('aborted', sent, deadline), 'sent-id');
    expect(code(read, true)).toMatchObject({ code: 'UPSTREAM_TIMEOUT', upstream: { requestId: 'sent-id' } });
    expect(code(create, false)).toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    expect(code(create, true)).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });
});
