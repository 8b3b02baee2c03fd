import { describe, expect, it } from 'vitest';
import { failsAgain, failureOf, failureOfError, reasonOfCode } from '../../../src/console/app/failure.ts';
import { texts } from '../../../src/console/texts.ts';
import { httpStatusByCode } from '../../../src/errors.ts';

const codes = Object.keys(httpStatusByCode);
/** A message of the gateway for developers. */
const message = 'Variable $input: the header x-sandbox-name must be a name.';

describe('a failure', () => {
  it.each(codes)('has plain words of its own: %s', (code) => {
    const reason = reasonOfCode(code);
    expect(reason).not.toBe(texts.failures.reasons.other);
    expect(reason).not.toMatch(/graphql|query|mutation|subscription|header|field|variable|argument|null/i);
    const same = codes.filter((other) => reasonOfCode(other) === reason);
    expect(same).toEqual([code]);
  });

  it.each(['INTERNAL_SERVER_ERROR', 'GRAPHQL_VALIDATION_FAILED', 'A_LATER_CODE', 'other', 'toString', ''])(
    'has common words for the code %j',
    (code) => {
      expect(reasonOfCode(code)).toBe(texts.failures.reasons.other);
    },
  );

  it('has the code and the message of the first error of the gateway, or is a lost connection', () => {
    const extensions = { code: 'RATE_LIMITED', retryable: true };
    expect(failureOfError({ message, extensions })).toEqual({ code: 'RATE_LIMITED', message, retryable: true });
    expect(failureOfError({ message })).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', retryable: false });
    expect(failureOf({ graphQLErrors: [] })).toMatchObject({ code: 'NETWORK', retryable: true });
  });

  it.each([
    ['INVALID_INPUT', true],
    ['FORBIDDEN', true],
    ['NETWORK', false],
    ['OUTCOME_UNKNOWN', false],
    ['PLATFORM_ERROR', false],
  ])('with the code %s fails again when it is repeated: %s', (code, isFinal) => {
    expect(failsAgain({ code })).toBe(isFinal);
  });
});
