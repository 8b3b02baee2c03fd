import { parseTenant, type Tenant } from '../domain/tenant.ts';
import { InvalidInputError, UnauthenticatedError } from '../errors.ts';
import type { Caller, Credential } from '../upstream/platform-api.ts';
import type { RequestHeaders } from './request-headers.ts';

/**
 * Finds out for whom a request is made, before anything is asked of the platform.
 * @throws {UnauthenticatedError} the request brings no credential where one is needed
 * @throws {InvalidInputError} the organization or sandbox that it names cannot be one
 */
export type Authenticate = (headers: RequestHeaders) => Caller;

/** An emulator behind: every caller uses the gateway's own credential and may choose the sandbox. */
export function embeddedAuthentication(credential: Credential, defaultTenant: Tenant): Authenticate {
  return (headers) => ({
    tenant: tenantOf(headers, defaultTenant.org, defaultTenant.sandbox),
    credential,
  });
}

export interface PassthroughOptions {
  readonly defaultOrg: string | null;
  readonly defaultSandbox: string;
  readonly defaultApiKey: string | null;
  readonly createCredential: (options: { readonly authorization: string; readonly apiKey: string }) => Credential;
}

/** The caller's own credential goes upstream, and nothing else does. */
export function passthroughAuthentication(options: PassthroughOptions): Authenticate {
  const { defaultOrg, defaultSandbox, defaultApiKey, createCredential } = options;
  return (headers) => {
    const authorization = headers('authorization');
    const apiKey = headers('x-api-key') ?? defaultApiKey;
    if (authorization === null || !/^bearer +\S/i.test(authorization)) {
      throw new UnauthenticatedError({ message: 'The header Authorization must hold a bearer token of the platform.' });
    }
    if (apiKey === null) throw new UnauthenticatedError({ message: 'The header x-api-key is missing.' });
    const tenant = tenantOf(headers, defaultOrg, defaultSandbox);
    return { tenant, credential: createCredential({ authorization, apiKey }) };
  };
}

function tenantOf(headers: RequestHeaders, defaultOrg: string | null, defaultSandbox: string): Tenant {
  const org = headers('x-gw-ims-org-id') ?? defaultOrg;
  if (org === null) throw new InvalidInputError([{ path: 'x-gw-ims-org-id', message: 'the header is missing' }]);
  const tenant = parseTenant(org, headers('x-sandbox-name') ?? defaultSandbox);
  if (tenant !== null) return tenant;
  throw new InvalidInputError([
    { path: 'x-gw-ims-org-id, x-sandbox-name', message: 'the headers do not name an organization and a sandbox' },
  ]);
}
