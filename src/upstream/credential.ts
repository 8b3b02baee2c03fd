import { hash } from 'node:crypto';
import { UnauthenticatedError } from '../errors.ts';
import type { Credential } from './platform-api.ts';

/** Characters that a header value from a caller may have at most: tokens with many claims reach a few thousand. */
const maxHeaderValueLength = 16_384;
/** Visible ASCII with spaces inside: no line break that could start another header. */
const headerValuePattern = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Whether a string can be sent as the value of a header. */
export const isHeaderValue = (value: string): boolean => headerProblem(value) === null;

/** Why a string cannot be sent as the value of a header; null if it can. */
function headerProblem(value: string): string | null {
  if (value.trim() === '') return 'is empty';
  if (value.length > maxHeaderValueLength) return `has more than ${maxHeaderValueLength} characters`;
  return headerValuePattern.test(value) ? null : 'holds characters that no header can hold';
}

/** A digest that distinguishes secrets without revealing them. */
export const fingerprintOf = (...parts: readonly string[]): string =>
  hash('sha256', JSON.stringify(parts), 'base64url');

/**
 * The credential that a caller brought along. It cannot be renewed: a refused one stays refused.
 * @param options.authorization the whole header, `Bearer …`
 * @throws {UnauthenticatedError} when either value cannot be sent as a header
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
