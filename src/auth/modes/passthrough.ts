import { UnauthenticatedError } from '../../errors.ts';
import type { Caller, Credential } from '../../upstream/caller.ts';
import type { Authenticate, Session } from '../authenticator.ts';
import type { RequestHeaders } from '../caller-headers.ts';
import { nameOfCredential } from '../caller-name.ts';
import { notBearer, platformDecides, tenantOf } from '../header-tenant.ts';
import { nameInPlatformToken } from '../name-in-platform-token.ts';

export interface PassthroughOptions {
  readonly defaultOrg: string | null;
  readonly defaultSandbox: string;
  readonly defaultApiKey: string | null;
  readonly createCredential: (options: { readonly authorization: string; readonly apiKey: string }) => Credential;
  /** Whether the platform accepts the caller's credential. */
  readonly isAccepted: (caller: Caller) => boolean;
}

/** A session, with the headers that it was made of. */
interface Remembered {
  readonly authorization: string | null;
  readonly apiKey: string | null;
  readonly org: string | null;
  readonly sandbox: string | null;
  readonly session: Session;
}

/**
 * Authentication with the caller's own credential. No other credential is sent to the platform. Clients send the same
 * token with each request of a connection, so that its digest is computed once.
 */
export function passthroughAuthenticator(options: PassthroughOptions): Authenticate {
  const authenticate = passthroughSession(options);
  const remembered = new WeakMap<object, Remembered>();
  const begin = async (headers: RequestHeaders, connection: object | undefined): Promise<Session> => {
    const session = authenticate(headers);
    if (connection === undefined) return session;
    remembered.set(connection, {
      authorization: headers('authorization'),
      apiKey: headers('x-api-key'),
      org: headers('x-gw-ims-org-id'),
      sandbox: headers('x-sandbox-name'),
      session,
    });
    return session;
  };
  return (headers, connection) => {
    const last = connection === undefined ? undefined : remembered.get(connection);
    const isSame =
      last !== undefined &&
      headers('authorization') === last.authorization &&
      headers('x-api-key') === last.apiKey &&
      headers('x-gw-ims-org-id') === last.org &&
      headers('x-sandbox-name') === last.sandbox;
    return isSame ? last.session : begin(headers, connection);
  };
}

function passthroughSession(options: PassthroughOptions): (headers: RequestHeaders) => Session {
  const { defaultOrg, defaultSandbox, defaultApiKey, createCredential, isAccepted } = options;
  return (headers) => {
    const authorization = headers('authorization');
    const apiKey = headers('x-api-key') ?? defaultApiKey;
    if (authorization === null || !/^bearer +\S/i.test(authorization)) {
      throw new UnauthenticatedError({ message: notBearer(authorization, 'of the platform') });
    }
    if (apiKey === null) throw new UnauthenticatedError({ message: 'The header x-api-key is missing.' });
    const tenant = tenantOf(headers, defaultOrg, defaultSandbox);
    const credential = createCredential({ authorization, apiKey });
    const { fingerprint } = credential;
    const caller = { tenant, credential };
    let name: string | null | undefined;
    return {
      ...caller,
      principal: fingerprint,
      loggedAs: nameOfCredential(fingerprint),
      get platformUser() {
        if (!isAccepted(caller)) return null;
        if (name === undefined) name = nameInPlatformToken(authorization.replace(/^bearer +/i, ''));
        return name;
      },
      ...platformDecides,
    };
  };
}
