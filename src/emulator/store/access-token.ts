import { randomBytes } from 'node:crypto';
import { credential } from '../options.ts';

/** Prefix of the signature of every access token. Searching logs and responses for it finds leaked tokens. */
const tokenMark = 'emulator-token-';
/** Number of random bytes in an access token. */
const tokenBytes = 96;

export interface TokenFacts {
  /** Unix epoch milliseconds. */
  readonly createdAt: number;
  readonly lifetimeMs: number;
  readonly scope: string;
}

/**
 * Creates an access token in the form of the token service: a JWT whose claims clients read, with times in milliseconds
 * as text. The signature is random, because the emulator has no key and recognizes its tokens by their digest.
 */
export function newAccessToken({ createdAt, lifetimeMs, scope }: TokenFacts): string {
  const claims = {
    id: `${createdAt}_${randomBytes(16).toString('hex')}_ue1`,
    type: 'access_token',
    client_id: credential.clientId,
    user_id: `${credential.clientId}@techacct.adobe.com`,
    as: 'ims-na1',
    scope,
    created_at: String(createdAt),
    expires_in: String(lifetimeMs),
  };
  const signature = tokenMark + randomBytes(tokenBytes).toString('base64url');
  return [encoded({ alg: 'RS256', kid: 'emulator', itt: 'at' }), encoded(claims), signature].join('.');
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
