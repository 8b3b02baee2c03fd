import { describe, expect, it } from 'vitest';
import { ConflictError, ForbiddenError, InvalidInputError, UnauthenticatedError } from '../../src/errors.ts';

const issues = (count: number) => Array.from({ length: count }, (_, index) => ({ path: `p.${index}`, message: 'm' }));

describe('InvalidInputError', () => {
  it('reports up to twenty issues', () => {
    const error = new InvalidInputError(issues(20));
    expect(error.issues).toEqual(issues(20));
    expect(error.message).toBe(
      issues(20)
        .map(({ path }) => `${path}: m`)
        .join('; '),
    );
  });

  it('reports the first twenty of more issues, and the number of the others', () => {
    const error = new InvalidInputError(issues(21), { unchecked: 7 });
    expect(error.issues).toEqual(issues(20));
    expect(error.message).toMatch(/p\.19: m; and 1 more; and 7 more entries, which were not checked$/);
  });

  it('has texts of bounded length, without splitting a character', () => {
    const {
      issues: [issue],
      message,
    } = new InvalidInputError([{ path: '😀'.repeat(5_000), message: `a${'😀'.repeat(5_000)}` }]);
    expect(issue?.path).toHaveLength(199);
    expect(issue?.path).toMatch(/^(😀){99}…$/u);
    expect(issue?.message).toMatch(/^a(😀){249}…$/u);
    expect(message.length).toBeLessThan(800);
  });

  it('keeps a custom message', () => {
    expect(new InvalidInputError(issues(30), { message: 'own' }).message).toBe('own');
  });
});

describe('an error that explains another one', () => {
  const upstream = { service: 'export', status: 401, requestId: 'r-1', code: null, title: null };
  const cause = new UnauthenticatedError({ message: 'The platform responded with 401.', upstream });

  it('has the failed call of its cause', () => {
    const error = new ForbiddenError({ message: 'The view has ended.', cause });
    expect(error.upstream).toEqual(upstream);
    expect(new ConflictError({ message: 'Twice.', cause: error }).upstream).toEqual(upstream);
  });

  it('has its own call if it has one, and none if no cause has one', () => {
    const own = { ...upstream, requestId: 'r-2' };
    expect(new ForbiddenError({ message: 'Other.', upstream: own, cause }).upstream).toEqual(own);
    expect(new ForbiddenError({ message: 'Own.', cause: new Error('No call.') }).upstream).toBeNull();
    expect(new ForbiddenError({ message: 'Own.' }).upstream).toBeNull();
  });
});
