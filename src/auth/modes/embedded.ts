import type { Tenant } from '../../domain/tenant.ts';
import type { Credential } from '../../upstream/caller.ts';
import type { Authenticate } from '../authenticator.ts';
import { platformDecides, tenantOf } from '../header-tenant.ts';

/**
 * Authentication in front of an emulator. Every caller uses the gateway's own credential and may choose the sandbox.
 */
export function embeddedAuthenticator(credential: Credential, defaultTenant: Tenant): Authenticate {
  return async (headers) => ({
    tenant: tenantOf(headers, defaultTenant.org, defaultTenant.sandbox),
    credential,
    principal: 'embedded',
    loggedAs: 'embedded',
    platformUser: null,
    ...platformDecides,
  });
}
