import { PlatformError } from '../errors.ts';
import { type Call, json, type Operation } from '../http/operation.ts';
import { credential } from '../options.ts';

const millisecondsPerSecond = 1_000;

/**
 * `POST /ims/token/v3`, `/v2` and without a version: issues an access token for client credentials in the form body or
 * in the query.
 */
export const issueToken: Operation = async (call, { tokens, clientSecrets, quirks }) => {
  const grantType = field(call, 'grant_type');
  if (grantType !== 'client_credentials') {
    throw new PlatformError(400, 'unsupported_grant_type', `unsupported grant_type: ${grantType ?? 'none'}`);
  }
  checkClient(call, clientSecrets);
  const scope = field(call, 'scope');
  if (!scope) throw new PlatformError(400, 'invalid_scope', 'missing scope parameter');

  return json(
    {
      access_token: await tokens.issue(quirks.tokenLifetimeSeconds, scope),
      token_type: 'bearer',
      expires_in: quirks.tokenLifetimeSeconds * (quirks.expiresInUnit === 'milliseconds' ? millisecondsPerSecond : 1),
    },
    { 'cache-control': 'no-store' },
  );
};

/** `POST /ims/exchange/jwt`: the exchange of signed assertions has been retired. */
export const rejectJwtExchange: Operation = () =>
  Promise.reject(
    new PlatformError(400, 'invalid_request', 'JWT credentials are retired: send client_credentials to /ims/token/v3'),
  );

/** `GET` and `POST /ims/validate_token/v1`: whether the token in the header, or in the field `token`, is valid. */
export const validateToken: Operation = (call, { tokens }) => {
  const token = /^Bearer (\S+)$/i.exec(call.header('authorization') ?? '')?.[1] ?? field(call, 'token');
  if (!token) throw new PlatformError(400, 'invalid_request', 'missing token parameter');
  const isOwn = field(call, 'client_id') === credential.clientId;
  return Promise.resolve(
    json(isOwn && tokens.isValid(token) ? { valid: true } : { valid: false, reason: 'bad_signature' }),
  );
};

/** `POST /ims/invalidate_token/v2`: invalidates the token in the field `token`. */
export const invalidateToken: Operation = async (call, { tokens, clientSecrets }) => {
  checkClient(call, clientSecrets);
  const token = field(call, 'token');
  if (!token) throw new PlatformError(400, 'invalid_request', 'missing token parameter');
  await tokens.revoke(token);
  return json({});
};

/** @throws {PlatformError} 400 when the client id or secret is wrong */
function checkClient(call: Call, clientSecrets: readonly string[]): void {
  if (field(call, 'client_id') !== credential.clientId) {
    throw new PlatformError(400, 'invalid_client', 'invalid client_id parameter');
  }
  if (!clientSecrets.includes(field(call, 'client_secret') ?? '')) {
    throw new PlatformError(400, 'invalid_client', 'invalid client_secret parameter');
  }
}

function field({ body, query }: Call, name: string): string | null {
  const sent = body instanceof URLSearchParams ? body.get(name)?.trim() : undefined;
  return sent || query.get(name);
}
