import { GraphQLError, Source } from 'graphql';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../../src/errors.ts';
import { boundedErrors } from '../../../../src/server/graphql/bounded-errors.ts';
import { createErrorMask, publicErrors } from '../../../../src/server/graphql/error-mask.ts';
import { testLog } from '../../../support/records.ts';

const rejected = (message: string, more: object = {}) =>
  new GraphQLError(message, { ...more, extensions: { code: 'BAD_USER_INPUT', retryable: false } });

describe('the errors of a response', () => {
  it('have messages of at most 353 characters, without the middle, in which no character is cut in two', () => {
    const long = `${'a'.repeat(149)}${'😀'.repeat(1_000)}${'z'.repeat(199)}`;
    const messages = publicErrors([rejected('x'.repeat(350)), rejected(long)]).map(({ message }) => message);
    expect(messages).toEqual(['x'.repeat(350), `${'a'.repeat(149)} … ${'z'.repeat(199)}`]);
  });

  it('keep the message of a failure of the gateway, which bounds it itself', () => {
    const issues = Array.from({ length: 30 }, (_, index) => ({
      path: `input.tags.${index}`,
      message: 'must not be empty',
    }));
    const [error] = publicErrors([createErrorMask()(new InvalidInputError(issues), testLog())]);
    expect(error?.message).toMatch(/; and 10 more$/);
  });

  it('name at most ten locations each', () => {
    const source = new Source('{ a }'.repeat(100));
    const positions = Array.from({ length: 50 }, (_, index) => index);
    const [error] = publicErrors([rejected('x', { source, positions })]);
    expect(error?.locations).toHaveLength(10);
  });

  it('have 48 KiB in total, and report how many others there are', () => {
    const errors = Array.from({ length: 1_000 }, (_, index) => rejected(`${index} ${'€'.repeat(300)}`));
    const shown = publicErrors(errors);
    expect(Buffer.byteLength(JSON.stringify(shown))).toBeLessThan(50 * 1024);
    expect(Buffer.byteLength(JSON.stringify(shown))).toBeGreaterThan(40 * 1024);
    expect(shown.at(-1)?.message).toBe(
      `The response has room for no more errors. There are ${1_000 - (shown.length - 1)} more errors.`,
    );
    expect(shown.at(-1)?.extensions).toEqual({ code: 'BAD_USER_INPUT', retryable: false });
    expect(shown.slice(0, -1).map(({ message }) => message)).toEqual(
      errors.slice(0, shown.length - 1).map((e) => e.message),
    );
  });

  it('may fill exactly 48 KiB', () => {
    const emptyBytes = Buffer.byteLength(JSON.stringify(rejected('')));
    const ofBytes = (bytes: number) => rejected('x'.repeat(bytes - emptyBytes));
    const half = 24 * 1024;
    const full = [ofBytes(half), ofBytes(half)];
    expect(boundedErrors(full)).toEqual(full);
    const [first, last] = boundedErrors([ofBytes(half), ofBytes(half + 1)]);
    expect(first?.message).toMatch(/^x+$/);
    expect(last?.message).toBe('The response has room for no more errors. There is 1 more error.');
  });

  it('are retryable together only if each of the others is', () => {
    const big = () => rejected('€'.repeat(400));
    const retryable = new GraphQLError('€'.repeat(400), { extensions: { code: 'RATE_LIMITED', retryable: true } });
    const many = (length: number, error: () => GraphQLError) => Array.from({ length }, error);
    expect(publicErrors(many(100, () => retryable)).at(-1)?.extensions).toEqual({
      code: 'RATE_LIMITED',
      retryable: true,
    });
    expect(publicErrors([...many(99, () => retryable), big()]).at(-1)?.extensions['retryable']).toBe(false);
  });

  it('stay as they are where there are few', () => {
    const errors = [rejected('a'), rejected('b')];
    expect(publicErrors(errors)).toEqual(errors);
    expect(publicErrors([])).toEqual([]);
  });
});
