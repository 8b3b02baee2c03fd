import type { JWTPayload } from 'jose';
import { decodeJwt } from 'jose/jwt/decode';
import { loggableName } from './caller-name.ts';

/**
 * The name in a token of the platform: its user, else its client. The token is not verified here, so that the name is
 * valid only if the platform has accepted this token. It belongs into log lines, and into no decision.
 * @returns null if the token names neither, or has another form
 */
export function nameInPlatformToken(token: string): string | null {
  let claims: JWTPayload;
  try {
    claims = decodeJwt(token);
  } catch {
    return null;
  }
  const { user_id: userId, client_id: clientId } = claims;
  return loggableName([userId, clientId]);
}
