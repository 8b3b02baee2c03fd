import { describe, expect, it } from 'vitest';
import {
  type Dependencies,
  dependencyStates,
  readinessOf,
  statusOfReadiness,
} from '../../../../src/server/http/readiness.ts';

const all: Dependencies = {
  hasToken: () => true,
  hasKeys: () => true,
  redis: () => 'ready',
  isAuditWritable: () => true,
};
const readiness = (changes: Partial<Dependencies>, draining = false) => {
  const found = readinessOf(dependencyStates({ ...all, ...changes }), draining);
  const troubled = found.dependencies
    .filter(({ state }) => state !== 'ok')
    .map(({ name, state }) => `${name}: ${state}`);
  return [statusOfReadiness(found), found.status, ...troubled];
};

describe('a gateway', () => {
  it('is ready while all its dependencies are', () => {
    expect(readiness({})).toEqual([200, 'ready']);
  });

  it('has no states of services on which it does not depend', () => {
    expect(
      readinessOf(dependencyStates({ hasToken: null, hasKeys: null, redis: null, isAuditWritable: () => true }), false),
    ).toEqual({
      status: 'ready',
      dependencies: [],
    });
  });

  it.each([
    ['without an access token', { hasToken: () => false }, 'access token: unavailable'],
    ['without the keys of the issuer', { hasKeys: () => false }, 'issuer keys: unavailable'],
  ])('is not ready %s', (_, changes, trouble) => {
    expect(readiness(changes)).toEqual([503, 'not ready', trouble]);
  });

  it.each(['away', 'rejecting'] as const)('receives requests while Redis is %s', (state) => {
    expect(readiness({ redis: () => state })).toEqual([200, 'degraded', 'Redis: degraded']);
    expect(dependencyStates({ ...all, redis: () => state }).at(-1)?.reason).toMatch(/^Redis/);
  });

  it('receives no requests during its drain, and still reports its dependencies', () => {
    expect(readiness({ redis: () => 'away' }, true)).toEqual([503, 'shutting down', 'Redis: degraded']);
  });

  it('is not ready without a token, even if Redis alone would only degrade it', () => {
    expect(readiness({ hasToken: () => false, redis: () => 'away' }).slice(0, 2)).toEqual([503, 'not ready']);
  });
});

it('lists the audit log only while it cannot be written, and is not ready then', () => {
  const none = { hasToken: null, hasKeys: null, redis: null };
  expect(readinessOf(dependencyStates({ ...none, isAuditWritable: () => false }), false)).toEqual({
    status: 'not ready',
    dependencies: [{ name: 'audit log', state: 'unavailable', reason: 'The audit log cannot be written.' }],
  });
});
