import { GatewayCredentialError, UnauthenticatedError } from '../errors.ts';
import type { CallLayer } from './call.ts';
import type { Credential } from './platform-api.ts';

const rejectedStatus = 401;

/**
 * Adds the credential to a call. After a 401 the credential is requested once more, and the call is repeated when that
 * gave another token. Writes are repeated too, because a rejected request has done nothing.
 *
 * A rejection of the caller's credential stays an UnauthenticatedError; a rejection of the gateway's own becomes a
 * GatewayCredentialError, because a new token of the caller would not help.
 */
export const withAuthorization: CallLayer = (next) => async (request) => {
  const { credential } = request.caller;
  const headers = await credential.headers(request.signal);
  if (headers === null) throw new UnauthenticatedError({ message: 'There is no credential for the platform.' });
  const send = async (authorization: Readonly<Record<string, string>>) =>
    await next({ ...request, headers: { ...request.headers, ...authorization } });
  try {
    return await send(headers);
  } catch (error) {
    if (!(error instanceof UnauthenticatedError)) throw error;
    const rejected = error.upstream?.status === rejectedStatus;
    const renewed = rejected ? await credential.headers(request.signal, authorizationOf(headers)) : null;
    if (renewed === null) throw rejectionOf(credential, error);
    return await send(renewed).catch((again: unknown) => {
      throw rejectionOf(credential, again);
    });
  }
};

function rejectionOf({ owner }: Credential, error: unknown): unknown {
  if (owner === 'caller' || !(error instanceof UnauthenticatedError)) return error;
  return new GatewayCredentialError({
    message: 'The platform rejects the credential of the gateway. Its operator must correct this.',
    upstream: error.upstream ?? undefined,
    cause: error,
  });
}

function authorizationOf(headers: Readonly<Record<string, string>>): string {
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
  return found?.[1] ?? '';
}
