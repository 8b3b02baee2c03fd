import { expect, it } from 'vitest';
import { readEntryError } from '../../../../src/upstream/wire/entry-error.ts';

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
])('the status of an error stands %s', (_, entry, status, error) => {
  expect(readEntryError(entry)).toEqual({ status, error });
});

it('the status of an error without a nested one is the key of its errors, or its own', () => {
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
])('%s is no error', (_, entry) => {
  expect(readEntryError(entry)).toBeNull();
});
