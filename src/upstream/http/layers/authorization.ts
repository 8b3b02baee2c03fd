import { ForbiddenError, GatewayCredentialError, UnauthenticatedError } from '../../../errors.ts';
import type { CredentialHeaders, CredentialReport } from '../../caller.ts';
import type { CallLayer, UpstreamRequest } from '../call.ts';

const rejectedStatus = 401;

/**
 * Adds the credential to a call. After a 401 the credential is requested again, and the call is repeated if the
 * credential has a new token. Writes are repeated too, because a rejected request has done nothing.
 *
 * A rejection of the caller's credential stays an UnauthenticatedError. A rejection of the gateway's credential becomes
 * a GatewayCredentialError, because a new token of the caller would not help.
 *
 * Data Access returns 401 for data that the credential may not read. A 401 with a code of the API gateway can also mean
 * an invalid token, which is then renewed. If the new token is rejected too, the data is forbidden.
 * @param report called for each rejection of the gateway's own credential
 */
export const withAuthorization =
  (report: CredentialReport): CallLayer =>
  (next) =>
  (request) => {
    const { credential } = request.caller;
    const send = (authorization: CredentialHeaders | null): ReturnType<typeof next> => {
      if (authorization === null) {
        return Promise.reject(new UnauthenticatedError({ message: 'The request has no credential for the platform.' }));
      }
      return next({ ...request, authorization }).then(undefined, (error: unknown) => {
        if (!(error instanceof UnauthenticatedError)) throw error;
        return renew(error, authorization);
      });
    };
    const renew = async (error: UnauthenticatedError, refused: CredentialHeaders) => {
      const rejected = error.upstream?.status === rejectedStatus;
      const renewed = rejected ? await credential.headers(request.signal, authorizationOf(refused)) : null;
      if (renewed === null) throw rejectionOf(request, error, report);
      return await next({ ...request, authorization: renewed }).then(undefined, (again: unknown) => {
        throw rejectionOf(request, again, report);
      });
    };
    const headers = credential.headers(request.signal);
    return headers instanceof Promise ? headers.then(send) : send(headers);
  };

function rejectionOf({ service, caller }: UpstreamRequest, error: unknown, report: CredentialReport): unknown {
  if (caller.credential.owner === 'caller' || !(error instanceof UnauthenticatedError)) return error;
  if (service === 'data-access' && error.upstream?.status === rejectedStatus) return forbiddenBy(error);
  const rejection = new GatewayCredentialError({
    message: 'The platform rejects the credential of the gateway. Its operator must correct this.',
    cause: error,
  });
  report(rejection);
  return rejection;
}

const forbiddenBy = (error: UnauthenticatedError): ForbiddenError =>
  new ForbiddenError({ message: error.message, cause: error });

function authorizationOf(headers: CredentialHeaders): string {
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
  return found?.[1] ?? '';
}
