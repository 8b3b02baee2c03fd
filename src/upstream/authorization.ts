import { UnauthenticatedError } from '../errors.ts';
import type { CallLayer } from './call.ts';

/**
 * Puts the credential on a call. After a 401 the credential is asked once for a newer token, and the call is repeated
 * once, writes too: a refused request has done nothing.
 */
export const withAuthorization: CallLayer = (next) => async (request) => {
  const { credential } = request.caller;
  const headers = await credential.headers(request.signal);
  if (headers === null) throw new UnauthenticatedError({ message: 'There is no credential for the platform.' });
  try {
    return await next({ ...request, headers: { ...request.headers, ...headers } });
  } catch (error) {
    if (!(error instanceof UnauthenticatedError) || error.upstream?.status !== 401) throw error;
    const renewed = await credential.headers(request.signal, authorizationOf(headers));
    if (renewed === null) throw error;
    return await next({ ...request, headers: { ...request.headers, ...renewed } });
  }
};

function authorizationOf(headers: Readonly<Record<string, string>>): string {
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
  return found?.[1] ?? '';
}
