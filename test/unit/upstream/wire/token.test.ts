import { expect, it } from 'vitest';
import { decodeToken } from '../../../../src/upstream/wire/token.ts';

const hourMs = 3_600_000;

it.each([
  ['an hour in seconds', 3_600, hourMs],
  ['an hour in milliseconds', hourMs, hourMs],
  ['a minute less than an hour in milliseconds', hourMs - 60_000, hourMs - 60_000],
  ['a day in seconds', 86_400, 24 * hourMs],
  ['a day in milliseconds', 24 * hourMs, 24 * hourMs],
  ['the longest time in seconds', 1_000_000, 1_000_000_000],
  ['the shortest time in milliseconds', 1_000_001, 1_000_001],
])('the token lifetime is decoded: %s', (_, expiresIn, lifetimeMs) => {
  expect(decodeToken({ access_token: 'token', expires_in: expiresIn })).toEqual({ accessToken: 'token', lifetimeMs });
});

it.each([
  ['no token', { expires_in: 1 }],
  ['no lifetime', { access_token: 'token' }],
  ['a list', []],
  ['no body', undefined],
])('a response with %s contains no token', (_, json) => {
  expect(decodeToken(json)).toBeNull();
});
