import { ForbiddenError, GatewayCredentialError, UnauthenticatedError } from '../errors.ts';
import type { CallLayer } from './call.ts';
import type { CredentialReport } from './credential-report.ts';
import type { Credential } from './platform-api.ts';

const rejectedStatus = 401;

/**
 * Adds the credential to a call. After a 401 the credential is requested once more, and the call is repeated when that
 * gave another token. Writes are repeated too, because a rejected request has done nothing.
 *
 * A rejection of the caller's credential stays an UnauthenticatedError; a rejection of the gateway's own becomes a
 * GatewayCredentialError, because a new token of the caller would not help.
 *
 * Data Access returns 401 for data that the credential may not read, so its rejections say nothing about the gateway's
 * token: they become ForbiddenError and never cause a renewal.
 * @param report called for each rejection of the gateway's own credential
 */
export const withAuthorization =
  (report: CredentialReport): CallLayer =>
  (next) =>
  async (request) => {
    const { credential } = request.caller;
    const headers = await credential.headers(request.signal);
    if (headers === null) throw new UnauthenticatedError({ message: 'There is no credential for the platform.' });
    const send = async (authorization: Readonly<Record<string, string>>) =>
      await next({ ...request, headers: { ...request.headers, ...authorization } });
    try {
      return await send(headers);
    } catch (error) {
      if (!(error instanceof UnauthenticatedError)) throw error;
      if (request.service === 'data-access' && credential.owner === 'gateway') throw forbiddenBy(error);
      const rejected = error.upstream?.status === rejectedStatus;
      const renewed = rejected ? await credential.headers(request.signal, authorizationOf(headers)) : null;
      if (renewed === null) throw rejectionOf(credential, error, report);
      return await send(renewed).catch((again: unknown) => {
        throw rejectionOf(credential, again, report);
      });
    }
  };

function rejectionOf({ owner }: Credential, error: unknown, report: CredentialReport): unknown {
  if (owner === 'caller' || !(error instanceof UnauthenticatedError)) return error;
  const rejection = new GatewayCredentialError({
    message: 'The platform rejects the credential of the gateway. Its operator must correct this.',
    cause: error,
  });
  report(rejection);
  return rejection;
}

const forbiddenBy = (error: UnauthenticatedError): ForbiddenError =>
  new ForbiddenError({ message: error.message, cause: error });

function authorizationOf(headers: Readonly<Record<string, string>>): string {
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
  return found?.[1] ?? '';
}
