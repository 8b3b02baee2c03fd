import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';

/** Maximum length of a name that is logged unchanged, in characters. */
const maxLength = 128;
/** Characters of a digest: 132 bits. */
const digestLength = 22;
/** The form of an e-mail address, which is personal data. */
const emailPattern = /^[^@\s]+@[^@\s]+\.[^@\s.]+$/;
/** Ids of Adobe for persons, technical accounts and organizations. They look like e-mail addresses, but name no person. */
const imsIdPattern = /^[0-9A-F]{20,40}@(?:techacct\.adobe\.com|AdobeID|AdobeOrg|[0-9a-f]{20,40}\.e)$/i;
const printablePattern = /^[\x21-\x7e]+$/;

/** The name of a caller with its own platform credential. It stays the same for as long as its token. */
export const nameOfCredential = (fingerprint: string): string => `credential:${fingerprint.slice(0, digestLength)}`;

/**
 * The name in log lines of the caller to whom a token was issued: its subject, else its client. An e-mail address, and a
 * text that is long or not printable, is replaced by its digest.
 */
export function nameOfSubject({ sub, client_id: clientId, azp }: JWTPayload): string {
  return loggableName([sub, clientId, azp]) ?? 'unnamed';
}

/**
 * The first claim that is a text, or its digest if it is an e-mail address, long or not printable.
 * @returns null if no claim is a text
 */
export function loggableName(claims: readonly unknown[]): string | null {
  const name = claims.find((claim): claim is string => typeof claim === 'string' && claim !== '');
  if (name === undefined) return null;
  const isEmail = emailPattern.test(name) && !imsIdPattern.test(name);
  const isLoggable = name.length <= maxLength && printablePattern.test(name) && !isEmail;
  return isLoggable ? name : `sha256:${createHash('sha256').update(name).digest('base64url').slice(0, digestLength)}`;
}
