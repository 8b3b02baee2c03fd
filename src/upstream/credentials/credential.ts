import { hash } from 'node:crypto';
import { UnauthenticatedError } from '../../errors.ts';
import type { Credential } from '../caller.ts';

/** Maximum length of a header value from a caller, in characters. Tokens with many claims have a few thousand. */
const maxHeaderValueLength = 16_384;
/** Visible ASCII with spaces inside, so that no line break can start another header. */
const headerValuePattern = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Whether a string can be sent as the value of a header. */
export const isHeaderValue = (value: string): boolean => headerProblem(value) === null;

/** Reason why a string cannot be sent as the value of a header; null if it can. */
function headerProblem(value: string): string | null {
  if (value.trim() === '') return 'is empty';
  if (value.length > maxHeaderValueLength) return `has more than ${maxHeaderValueLength} characters`;
  return headerValuePattern.test(value) ? null : 'contains characters that a header cannot contain';
}

/** A digest that distinguishes secrets without revealing them. */
export const fingerprintOf = (...parts: readonly string[]): string =>
  hash('sha256', JSON.stringify(parts), 'base64url');

/**
 * The credential that a caller sent. The gateway cannot renew it, so that a rejection is final.
 * @param options.authorization the whole header value, `Bearer …`
 * @throws {UnauthenticatedError} one of the values cannot be sent as a header
 */
export function createPassthroughCredential(options: {
  readonly authorization: string;
  readonly apiKey: string;
}): Credential {
  const { authorization, apiKey } = options;
  for (const [name, value] of Object.entries({ Authorization: authorization, 'x-api-key': apiKey })) {
    const problem = headerProblem(value);
    if (problem !== null) throw new UnauthenticatedError({ message: `The header ${name} ${problem}.` });
  }
  const headers = { authorization, 'x-api-key': apiKey };
  return {
    owner: 'caller',
    fingerprint: fingerprintOf('passthrough', authorization, apiKey),
    headers: (signal, rejected) => {
      if (signal.aborted) return Promise.reject(signal.reason);
      return rejected === undefined ? headers : null;
    },
  };
}
