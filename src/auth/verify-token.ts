import {
  type CryptoKey,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import type { Clock } from '../runtime/clock.ts';
import type { KeySet } from './jwks.ts';

export interface TrustedIssuer {
  readonly keys: KeySet;
  readonly issuer: string;
  readonly audience: string;
}

/**
 * Permitted signature algorithms. Algorithms with a shared secret are excluded, because every party that can verify
 * such a token can also create one, and because a public key could be presented as the secret.
 */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Tolerated difference between the clocks of issuer and gateway, in seconds. */
export const clockToleranceSeconds = 30;
/** Maximum number of keys that are tried for a token that names none. It bounds the work that such a token causes. */
const maxTriedKeys = 32;

/**
 * Checks signature, issuer, audience and times of a token. A token that names no key (`kid`) is checked with every key
 * of its algorithm.
 * @throws an error of jose: the token is not valid
 * @throws {UpstreamUnreachableError} the keys cannot be read
 */
export async function verifyToken(
  token: string,
  { keys, issuer, audience }: TrustedIssuer,
  clock: Pick<Clock, 'now'>,
): Promise<JWTPayload> {
  const options: JWTVerifyOptions = {
    algorithms,
    issuer,
    audience,
    requiredClaims: ['exp'],
    clockTolerance: clockToleranceSeconds,
    currentDate: clock.now(),
  };
  try {
    return await verifyWithAny(token, keys.find, options);
  } catch (error) {
    // An unknown `kid` shows that the issuer has a new key. Without a `kid`, only an invalid signature can show it.
    const mayHaveNewKey = error instanceof errors.JWSSignatureVerificationFailed && namesNoKey(token);
    if (!mayHaveNewKey || !(await keys.refresh())) throw error;
    return await verifyWithAny(token, keys.find, options);
  }
}

const namesNoKey = (token: string): boolean => decodeProtectedHeader(token).kid === undefined;

async function verifyWithAny(token: string, find: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return await verifyWithEach(token, error, options);
  }
}

async function verifyWithEach(
  token: string,
  keys: AsyncIterable<CryptoKey>,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  let tried = 0;
  for await (const key of keys) {
    if (tried === maxTriedKeys) break;
    tried += 1;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      // The signature was valid. Any other error means that this key, which may be unusable, is not the right one.
      if (isAboutPayload(error)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

const isAboutPayload = (error: unknown): boolean =>
  error instanceof errors.JWTExpired ||
  error instanceof errors.JWTClaimValidationFailed ||
  error instanceof errors.JWTInvalid;
