import { parseTenant, type Tenant } from '../../src/domain/tenant.ts';

/** The tenant of one organization with this sandbox. */
export function tenantOf(sandbox: string): Tenant {
  const tenant = parseTenant('0123456789ABCDEF01234567@AdobeOrg', sandbox);
  if (tenant === null) throw new Error(`${sandbox} cannot be the name of a sandbox.`);
  return tenant;
}
