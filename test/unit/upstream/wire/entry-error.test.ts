import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBodyError, readEntryError } from '../../../../src/upstream/wire/entry-error.ts';

const nested = { message: 'No such segment' };

it.each<[string, unknown, number | null, unknown]>([
  ['next to a nested error', { statusCode: '404', error: nested }, 404, nested],
  ['next to a nested error, under the other name', { status: 403, error: nested }, 403, nested],
  ['within a nested error', { error: { ...nested, statusCode: 404 } }, 404, { ...nested, statusCode: 404 }],
  [
    'within a nested error, rather than next to it',
    { statusCode: 500, error: { ...nested, statusCode: 404 } },
    404,
    { ...nested, statusCode: 404 },
  ],
  ['nowhere, with a nested error', { error: nested }, null, nested],
  [
    'in the code of a nested error',
    { error: { ...nested, code: 403, status: 'DENIED' } },
    403,
    { ...nested, code: 403, status: 'DENIED' },
  ],
])('the status of an error is found %s', (_, entry, status, error) => {
  expect(readEntryError(entry)).toEqual({ status, error });
});

it('the status of an error without a nested one is the key of its errors, or its own status', () => {
  const keyed = { errors: { '404': [{ message: 'No' }] } };
  expect(readEntryError(keyed)).toEqual({ status: 404, error: keyed });
  const flat = { message: 'No', statusCode: '422' };
  expect(readEntryError(flat)).toEqual({ status: 422, error: flat });
});

it.each([300, 599])('a status of %i alone is an error', (statusCode) => {
  const entry = { statusCode };
  expect(readEntryError(entry)).toEqual({ status: statusCode, error: entry });
});

it.each([
  ['an entity with a status below those of errors', { id: '7', status: 299 }],
  ['an entity with a status above those of HTTP', { id: '7', status: 600 }],
  ['a job that has failed', { id: '7', status: 'FAILED', errors: [] }],
  ['an entity with a status in digits that is none of HTTP', { id: '7', status: 200 }],
  ['text', 'error'],
  ['a job without errors', { id: '7', errors: {} }],
  ['a job with errors by status', { id: '7', status: 'FAILED', errors: { '500': [{ code: '1', message: 'No' }] } }],
  ['a batch with errors by status', { status: 'failed', errors: { '500': [{ code: '1', description: 'No' }] } }],
  ['a batch with one error', { status: 'failed', errors: { code: '1', description: 'No' } }],
  ['a dataset with a description alone', { description: 'No' }],
  ['a job with errors', { id: '7', status: 'FAILED', errors: [{ code: '1', message: 'No' }] }],
  ['an entity with an error of its own', { id: '7', error: { status: 'failed', message: 'No' } }],
  ['an entity with errors by status', { id: '7', name: 'A', errors: { '404': [{ message: 'No' }] } }],
  ['a job with errors by status', { id: '7', status: 'FAILED', errors: { '404': [{ message: 'No' }] } }],
  ['an entity with an error of its own and a name', { id: '7', name: 'A', error: { code: 'x', message: 'No' } }],
  ['an entity with a title', { id: '7', title: 'Error', type: 'error' }],
])('%s is not an error', (_, entry) => {
  expect(readEntryError(entry)).toBeNull();
});

it.each([
  { message: 'No' },
  { title: 'NotFoundError', detail: 'No' },
  { error: 'No' },
  { errorCode: 'x', errorDescription: 'No' },
  { xid: 'x', error: 'No' },
])('%j in the place of an entity is an error', (error) => {
  expect(readEntryError(error)).toEqual({ status: null, error });
});

it('an error in an unknown form is an error only without other properties', () => {
  const error = { errors: { oops: [] } };
  expect(readEntryError(error)).toEqual({ status: null, error });
  expect(readEntryError({ ...error, id: '7' })).toBeNull();
});

it('an error may contain an id', () => {
  const error = { message: 'No', statusCode: '403' };
  expect(readEntryError({ id: '7', error })).toEqual({ status: 403, error });
  expect(readEntryError({ xid: '7', error: { message: 'No' } })).toEqual({ status: null, error: { message: 'No' } });
  const keyed = { id: '7', errors: { '404': [{ message: 'No' }] } };
  expect(readEntryError(keyed)).toEqual({ status: 404, error: keyed });
});

it('an error may have other properties if it names a status or a code of the API gateway', () => {
  for (const error of [
    { status: 503, title: 'Down', host: 'a' },
    { error_code: '401013', message: 'No', host: 'a' },
  ])
    expect(readEntryError(error)).toMatchObject({ error });
});

describe('a whole response', () => {
  const error = { type: '/placeholder/type/uri', status: 500, title: 'InternalServerError', detail: 'x' };
  const reading = { isMessage: false };

  it.each<[string, unknown, number | null]>([
    ['of Catalog', error, 500],
    ['of Catalog without a status', { ...error, status: undefined }, null],
    ['of the API gateway', { error_code: '403003', message: 'Api Key is invalid' }, null],
    ['of the profile service', { requestId: 'r', errors: { '403': [{ code: 'x', message: 'No' }] } }, 403],
    ['of profile access', { statusCode: '404' }, 404],
    ['in a list', [{ message: 'Too many', statusCode: '429' }], 429],
    ['of OAuth', { error: 'invalid_client', error_description: 'invalid client_secret parameter' }, null],
    ['nested', { error: { code: 'x', message: 'No' } }, null],
    ['nested, with a status', { error: { status: 503 } }, 503],
    ['as a list of errors', { errors: [{ message: 'No' }] }, null],
    ['as a list of texts', { errors: ['No'] }, null],
    ['with its status as a code', { code: 404, message: 'No' }, 404],
    ['with a description alone', { errorCode: 'x', errorDescription: 'No' }, null],
    ['as a message', { message: 'No' }, null],
    ['of a fault', { fault: { faultstring: 'No' } }, null],
  ])('that is an error %s is detected', (_, body, status) => {
    expect(readBodyError(body, reading)).toMatchObject({ status });
  });

  it.each<[string, unknown]>([
    ['absent', undefined],
    ['an empty map', {}],
    ['an empty list', []],
    ['a reference', ['@/dataSets/1']],
    ['a list of references and errors', ['@/dataSets/1', error]],
    ['a list of entries', [{ xid: '1', error: { statusCode: 403, message: 'No' } }]],
    ['a list of errors, each about one identity', [{ ...error, requestedIdentity: {} }]],
    ['a job', { id: '1', status: 'FAILED', errors: [{ code: 1, message: 'No' }], title: 'x' }],
    ['a map of results with errors', { results: { a: { id: 'a' } }, errors: { '404': [{ message: 'No b' }] } }],
    ['a list with an error', { children: [], error: { code: 'x', message: 'No more' } }],
    ['a token', { access_token: 'x', expires_in: 1 }],
    ['an envelope', { children: [], message: 'x' }],
    ['a map with null', { error: null }],
  ])('that is %s is not an error', (_, body) => {
    expect(readBodyError(body, reading)).toBeNull();
  });

  it.each<[string, unknown, boolean]>([
    ['a message', { status: true, message: 'Marked for cancelling' }, false],
    ['a text', { message: 'Deleted' }, false],
    ['an error with a status', error, true],
    ['an error of the API gateway', { error_code: '401013', message: 'No' }, true],
    ['a nested error', { error: { code: 'x', message: 'No' } }, true],
  ])('to an update is an error only if it has the form of an error: %s', (_, body, isError) => {
    expect(readBodyError(body, { isMessage: true }) !== null).toBe(isError);
  });

  /** Ids that are words of errors, and objects of Catalog with few properties. */
  const id = fc.constantFrom('error', 'errors', 'status', 'type', 'title', 'message', 'detail', 'code', 'fault', '404');
  const batch = fc.record(
    {
      status: fc.constantFrom('failed', 'success', 'active'),
      errors: fc.array(fc.record({ code: fc.string(), description: fc.string() })),
      created: fc.nat(),
    },
    { requiredKeys: ['status'] },
  );
  const dataset = fc.record(
    { name: fc.string(), description: fc.string(), schemaRef: fc.record({ id: fc.string() }), state: fc.string() },
    { requiredKeys: [] },
  );

  it('that is a map of datasets or batches is never an error, whatever their ids are', () => {
    fc.assert(
      fc.property(fc.dictionary(id, fc.oneof(batch, dataset)), (map) => {
        expect(readBodyError(map, reading)).toBeNull();
        for (const value of Object.values(map)) expect(readEntryError(value)).toBeNull();
      }),
    );
  });

  it('that contains a text under the name of an error is never a map', () => {
    const name = fc.constantFrom('title', 'detail', 'message', 'errorMessage', 'errorDescription', 'error');
    fc.assert(
      fc.property(name, fc.string({ minLength: 1 }), fc.dictionary(name, fc.string()), (key, text, more) => {
        fc.pre(text.trim() !== '');
        expect(readBodyError({ ...more, [key]: text }, reading)).not.toBeNull();
      }),
    );
  });

  it('is searched to a limited depth', () => {
    let deep: unknown = { message: 'x' };
    for (let depth = 0; depth < 100_000; depth += 1) deep = depth % 2 === 0 ? [deep] : { error: deep };
    expect(readBodyError({ errors: deep }, reading)).toBeNull();
    expect(readBodyError(deep, reading)).toBeNull();
  });
});
