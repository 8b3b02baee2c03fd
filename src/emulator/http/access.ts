import { GatewayRejection, requestErrors, type Service } from '../errors.ts';
import { credential } from '../options.ts';
import type { Platform } from './operation.ts';
import type { Route } from './router.ts';

const organizationForm = /^[0-9A-F]{24}@AdobeOrg$/i;

/**
 * Runs the checks in front of the services in the platform's order: Authorization, API key, organization, sandbox.
 * @returns the sandbox, or '' where no sandbox applies
 * @throws {GatewayRejection} when one of the first three headers is missing or wrong
 * @throws {PlatformError} when the sandbox does not exist
 */
export async function checkAccess(
  header: (name: string) => string | null,
  access: Route['access'],
  service: Service,
  { tokens, store, quirks }: Pick<Platform, 'tokens' | 'store' | 'quirks'>,
): Promise<string> {
  if (access === 'open') return '';

  const authorization = header('authorization');
  if (!authorization) throw new GatewayRejection(403010);
  const token = /^Bearer (\S+)$/i.exec(authorization)?.[1];
  if (token === undefined || !tokens.isValid(token)) throw new GatewayRejection(401013);

  const apiKey = header('x-api-key');
  if (!apiKey) throw new GatewayRejection(403000);
  if (apiKey !== credential.clientId) throw new GatewayRejection(403003);

  const organization = header('x-gw-ims-org-id');
  if (!organization) throw new GatewayRejection(400003);
  if (!organizationForm.test(organization)) throw new GatewayRejection(403027);
  if (organization.toUpperCase() !== credential.organization.toUpperCase()) throw new GatewayRejection(403025);

  if (access === 'organization') return '';
  const sandbox = header('x-sandbox-name') || quirks.defaultSandbox;
  if (sandbox === null) throw requestErrors.missingSandbox(service);
  if ((await store.sandboxes.find(sandbox)) === null) {
    throw requestErrors.unknownSandbox(quirks.unknownSandboxStatus, sandbox);
  }
  return sandbox;
}
