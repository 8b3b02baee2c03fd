import { asRecord, readCount, readText } from './readers.ts';

export interface TokenAnswer {
  readonly accessToken: string;
  readonly lifetimeMs: number;
}

/** A lifetime above this is in milliseconds, as the retired JWT exchange gave it: no token lives for eleven days. */
const maxLifetimeSeconds = 1_000_000;

/** The answer of the token service; null when it holds no token or no lifetime. */
export function decodeToken(json: unknown): TokenAnswer | null {
  const body = asRecord<'access_token' | 'expires_in'>(json);
  const accessToken = readText(body?.access_token);
  const expiresIn = readCount(body?.expires_in);
  if (accessToken === null || expiresIn === null) return null;
  return { accessToken, lifetimeMs: expiresIn > maxLifetimeSeconds ? expiresIn : expiresIn * 1000 };
}
