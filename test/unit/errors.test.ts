import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';

const issues = (count: number) => Array.from({ length: count }, (_, index) => ({ path: `p.${index}`, message: 'm' }));

describe('InvalidInputError', () => {
  it('reports every issue up to twenty', () => {
    const error = new InvalidInputError(issues(20));
    expect(error.issues).toEqual(issues(20));
    expect(error.message).toBe(
      issues(20)
        .map(({ path }) => `${path}: m`)
        .join('; '),
    );
  });

  it('reports the first twenty of more, and the number of the others', () => {
    const error = new InvalidInputError(issues(21), { unchecked: 7 });
    expect(error.issues).toEqual(issues(20));
    expect(error.message).toMatch(/p\.19: m; and 1 more; and 7 more entries, which were not checked$/);
  });

  it('has texts of bounded length, in which no character is cut in two', () => {
    const {
      issues: [issue],
      message,
    } = new InvalidInputError([{ path: '😀'.repeat(5_000), message: `a${'😀'.repeat(5_000)}` }]);
    expect(issue?.path).toHaveLength(199);
    expect(issue?.path).toMatch(/^(😀){99}…$/u);
    expect(issue?.message).toMatch(/^a(😀){249}…$/u);
    expect(message.length).toBeLessThan(800);
  });

  it('keeps a message of its own', () => {
    expect(new InvalidInputError(issues(30), { message: 'own' }).message).toBe('own');
  });
});
