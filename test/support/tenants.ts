import { parseTenant, type Tenant } from '../../src/domain/tenant.ts';

/** Default organization of a tenant in tests. */
const firstOrganization = '0123456789ABCDEF01234567@AdobeOrg';
/** A second organization. Its sandboxes may have the same names as those of the first. */
export const otherOrganization = '89ABCDEF0123456789ABCDEF@AdobeOrg';

/** The tenant of an organization with this sandbox. */
export function tenantOf(sandbox: string, organization: string = firstOrganization): Tenant {
  const tenant = parseTenant(organization, sandbox);
  if (tenant === null) throw new Error(`${organization} with the sandbox ${sandbox} is not a tenant.`);
  return tenant;
}

/**
 * The sandbox with the same name in the second organization. A key that omits the organization is the same for both.
 */
export const namesakeOf = ({ sandbox }: Tenant): Tenant => tenantOf(sandbox, otherOrganization);
