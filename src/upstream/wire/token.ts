import { asRecord, readCount, readText } from './readers.ts';

export interface TokenAnswer {
  readonly accessToken: string;
  readonly lifetimeMs: number;
}

/**
 * A longer lifetime is in milliseconds, as the retired JWT exchange returned it, because no token is valid for eleven
 * days.
 */
const maxLifetimeSeconds = 1_000_000;

/** The response of the token service; null if it contains no token or no lifetime. */
export function decodeToken(json: unknown): TokenAnswer | null {
  const body = asRecord<'access_token' | 'expires_in'>(json);
  const accessToken = readText(body?.access_token);
  const expiresIn = readCount(body?.expires_in);
  if (accessToken === null || expiresIn === null) return null;
  return { accessToken, lifetimeMs: expiresIn > maxLifetimeSeconds ? expiresIn : expiresIn * 1000 };
}
